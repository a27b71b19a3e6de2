"""The console in a real browser: every action clicked, confirmations, live updates, filters, keys, no complaint of the browser's."""

import csv
import io
import re
import unittest

from stand import TOKENS, Stand, operation
from tunnel import Tunnel
from visitor import Visitor, browser


class ConsoleTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stand = cls.enterClassContext(Stand())
        cls.chromium = cls.enterClassContext(browser())
        cls.stand.deliver(30)
        cls.stand.fail("poison-a", "poison-b")
        cls.stand.conflict("conflict-a")

    def visit(self, role="admin", **more):
        visitor = Visitor(self.chromium, self.stand.url, role, **more)
        self.enterContext(visitor)
        self.addCleanup(lambda: self.assertEqual(visitor.complaints, []))
        return visitor

    # Login

    def test_a_wrong_token_is_refused_and_a_right_one_opens_the_page_that_was_asked_for(self):
        visitor = Visitor(self.chromium, self.stand.url)
        page = visitor.open("/admin/failures")
        self.assertIn("/admin/login", page.url)
        page.get_by_label("Token").fill("not a token at all")
        page.get_by_role("button", name="Log in").click()
        self.assertIn("not known", page.get_by_role("alert").inner_text())
        page.get_by_label("Token").fill("viewer-0123456789abcdef")
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="Overview").or_(page.get_by_role("heading", name="Failures")).first.wait_for()
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/admin/login")
        visitor.context.close()

    # The six actions

    def test_clear_failed_names_what_it_clears_and_wants_it_typed(self):
        self.stand.fail("to-clear")
        visitor = self.visit()
        failed = self.stand.books["failed"]
        page = visitor.page
        page.get_by_role("link", name="Clear failed").click()
        dialog = page.get_by_role("dialog")
        self.assertIn(f"{failed} failed operations are removed for good", dialog.inner_text())
        self.assertIn("to-clear", dialog.inner_text())
        button = dialog.get_by_role("button", name="Clear failed")
        self.assertTrue(button.is_disabled())
        dialog.get_by_label(re.compile("Type")).fill(f"clear {failed + 1}")
        self.assertTrue(button.is_disabled())
        dialog.get_by_label(re.compile("Type")).fill(f"clear {failed}")
        button.click()
        page.get_by_text(f"{failed} failed operations are removed.").wait_for()
        self.assertEqual(self.stand.books["failed"], 0)
        self.stand.fail("poison-a", "poison-b")
        self.stand.conflict(f"conflict-{failed}-{self.stand.books['cleared']}")

    def test_force_release_lock_wants_its_word_and_delivery_goes_on(self):
        visitor = self.visit()
        page = visitor.page
        page.get_by_role("link", name="Force release lock").click()
        dialog = page.get_by_role("dialog")
        phrase = dialog.locator("[data-phrase]").get_attribute("data-phrase")
        self.assertRegex(phrase, r"^release \d+$")
        dialog.get_by_label(re.compile("Type")).fill(phrase)
        dialog.get_by_role("button", name="Force release lock").click()
        page.get_by_text("fenced off").wait_for()
        self.stand.deliver(3, start=900)

    def test_rebuild_index_retry_all_and_export_are_done_by_clicking(self):
        visitor = self.visit()
        page = visitor.page
        page.get_by_role("link", name="Rebuild index").click()
        page.get_by_role("dialog").get_by_role("button", name="Rebuild index").click()
        page.get_by_text("The index was right already.").wait_for()
        page.get_by_role("link", name="Export operations").click()
        with page.expect_download() as download:
            page.get_by_role("dialog").get_by_role("button", name="Download").click()
        with open(download.value.path()) as file:
            rows = list(csv.reader(io.StringIO(file.read())))
        self.assertEqual(rows[0][:3], ["id", "operation_type", "entity_type"])
        self.assertGreaterEqual(len(rows), 3)
        visitor.open("/admin")
        page.get_by_role("link", name="Retry all failed").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Operations a second").fill("200")
        dialog.get_by_role("button", name="Retry all failed").click()
        page.wait_for_url("**/admin/jobs")
        page.get_by_text("put back").first.wait_for()
        self.stand.until("the retries", lambda: self.stand.call("GET", "/v1/operations?status=failed&q=HTTP_422")["operations"] == [])
        page.locator(".job .state.good").first.wait_for()
        self.stand.fail("poison-a", "poison-b")

    def test_the_six_actions_have_their_colours(self):
        visitor = self.visit()
        hues = {"Force release lock": (20, 45), "Rebuild index": (210, 240), "Export operations": (120, 160), "Clear failed": (350, 360),
                "Retry all failed": (260, 290), "View logs": (165, 185)}
        for name, (low, high) in hues.items():
            colour = visitor.page.get_by_role("link", name=name, exact=True).evaluate("e => getComputedStyle(e).backgroundColor")
            red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", colour)[:3])
            most, least = max(red, green, blue), min(red, green, blue)
            step = most - least
            hue = 60 * ({red: ((green - blue) / step) % 6, green: (blue - red) / step + 2, blue: (red - green) / step + 4}[most])
            self.assertTrue(low <= hue <= high or (name == "Clear failed" and hue < 10), f"{name}: {colour} has hue {hue:.0f}")
        visitor.page.get_by_role("link", name="View logs").click()
        visitor.page.get_by_role("heading", name="Logs").wait_for()

    # Operations

    def test_an_operation_is_found_opened_retried_and_cancelled(self):
        self.stand.fail("one-retry", "one-cancel")
        visitor = self.visit("operator")
        page = visitor.open("/admin/operations")
        page.get_by_label("Search").fill("one-retry")
        page.get_by_role("button", name="Filter").click()
        page.wait_for_url("**q=one-retry**")
        page.locator("a.open", has_text="bad-one-retry").click()
        self.assertIn("Not moving: failed.", page.locator("#facts").inner_text())
        self.assertEqual(page.locator("#facts .explain code").all_inner_texts(), ["guardian retry", "guardian cancel"])
        self.assertIn("HTTP 422", page.locator("#timeline").inner_text())
        page.get_by_role("button", name="Retry").click()
        page.get_by_text("It is back in its old place.").wait_for()
        visitor.open("/admin/operations/bad-one-cancel")
        page.get_by_role("link", name="Cancel…").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel operation").click()
        page.get_by_text("It may have had its effect").wait_for()

    def test_a_pending_operation_shows_the_request_that_it_would_become(self):
        self.stand.mode(mode="status", status=503)
        try:
            self.stand.enqueue(operation("as-request", id="as-request", payload={"contact": "nurse@example.com", "n": 7}),
                               operation("as-request", id="no-route", type="calibrate"))
            visitor = self.visit("viewer")
            page = visitor.open("/admin/operations/as-request")
            request = page.get_by_role("region", name="Request").inner_text()
            self.assertIn("/api/v1/rooms/as-request", request)
            self.assertIn("idempotency-key: ", request)
            self.assertNotIn("nurse@example.com", request)
            self.assertIn("[REDACTED_EMAIL]", request)
            page = visitor.open("/admin/operations/no-route")
            page.get_by_text("No request can be shown: NO_ROUTE").wait_for()
        finally:
            self.stand.call("DELETE", "/v1/operations/no-route")
            self.stand.mode(mode="up")

    def test_a_conflict_is_settled_field_by_field(self):
        room = "conflict-click"
        self.stand.conflict(room)
        visitor = self.visit("operator")
        page = visitor.open(f"/admin/operations/conflict-{room}")
        table = page.locator("table.sides")
        self.assertIn("ours", table.inner_text())
        self.assertIn("theirs", table.inner_text())
        self.assertNotIn("nurse@example.com", page.content())
        floor = table.locator("tr", has_text="floor").get_by_role("radio")
        self.assertEqual([floor.nth(n).is_checked() for n in range(2)], [False, True], "the server alone has changed it")
        table.get_by_role("radio", name='"blue"').check()
        page.get_by_role("button", name="Send what is chosen").click()
        page.get_by_text("The conflict is settled.").wait_for()
        there = self.settled(visitor, room)
        self.assertEqual((there["name"], there["floor"], there["colour"]), ("ours", 2, "blue"))

    def test_a_conflict_is_settled_for_one_side(self):
        visitor = self.visit("operator")
        before = self.conflicts_resolved
        for button, name in (("Take ours", "ours"), ("Let the server's stand", "theirs")):
            room = f"side-{name}"
            self.stand.conflict(room)
            page = visitor.open(f"/admin/operations/conflict-{room}")
            page.get_by_role("button", name=button).click()
            page.get_by_text("The conflict is settled.").wait_for()
            page.locator("#timeline, .card", has_text="Conflict settled").first.wait_for()
            self.assertEqual(self.settled(visitor, room)["name"], name)
        self.assertEqual(self.conflicts_resolved, before + 2)

    def settled(self, visitor, room):
        """What the upstream has when the operation of a conflict has left the queue."""
        self.stand.until("the end of it", lambda: "it was delivered" in visitor.open(f"/admin/operations/conflict-{room}").content())
        return self.stand.call("GET", f"/api/v1/rooms/{room}", base=self.stand.upstream)["data"]

    @property
    def conflicts_resolved(self):
        found = re.search(r'conflicts_resolved_total\{[^}]*strategy="manual"[^}]*\} ([\d.]+)', self.stand.call("GET", "/metrics"))
        return float(found[1]) if found else 0

    # Many at once

    def test_a_filter_is_retried_the_job_is_stopped_and_groups_are_cancelled_and_retried(self):
        self.stand.mode(mode="poison", entities=["/api/v1/rooms/slowly"], status=451)
        # As many as give a minute to stop the job in.
        count = 60
        self.stand.enqueue(*(operation("slowly", id=f"slowly-{n}") for n in range(count)), operation("good-slowly"))
        failed = lambda: len(self.stand.call("GET", "/v1/operations?entity_type=room&entity_id=slowly&status=failed")["operations"])
        self.stand.until("the failures", lambda: failed() == count, 60)
        self.stand.mode(mode="up")
        visitor = self.visit("operator")
        page = visitor.open("/admin/operations?entity_type=room&entity_id=slowly")
        page.get_by_role("link", name="Retry failed of these…").click()
        dialog = page.get_by_role("dialog")
        self.assertEqual(dialog.locator("[data-count]").get_attribute("data-count"), str(count))
        dialog.get_by_label("Operations a second").fill("1")
        dialog.get_by_role("button", name="Retry", exact=True).click()
        page.wait_for_url("**/admin/jobs")
        self.stand.until("the first retry", lambda: failed() < count)
        page.get_by_role("button", name="Stop", exact=True).first.click()
        page.get_by_text("ends after its present step").wait_for()
        page.locator(".job").first.get_by_text("stopped", exact=True).wait_for()
        left = failed()
        self.assertTrue(0 < left < count, f"{left} are left")

        group = visitor.open("/admin/failures").locator("article.group", has_text="HTTP 451")
        group.get_by_role("link", name="Cancel group…").click()
        phrase = dialog.locator("[data-phrase]").get_attribute("data-phrase")
        self.assertEqual(phrase, f"cancel {left}")
        dialog.get_by_label(re.compile("Type")).fill(phrase)
        dialog.get_by_role("button", name="Cancel operations").click()
        page.wait_for_url("**/admin/jobs")
        self.stand.until("the end of them", lambda: failed() == 0)

        self.stand.fail("regrouped", status=413)
        group = visitor.open("/admin/failures").locator("article.group", has_text="HTTP 413")
        group.get_by_role("link", name="Retry group…").click()
        dialog.get_by_role("button", name="Retry", exact=True).click()
        page.wait_for_url("**/admin/jobs")
        self.stand.until("the retry", lambda: not self.stand.call("GET", "/v1/operations?status=failed&q=HTTP_413")["operations"])

    def test_delivery_is_paused_and_resumed_by_clicking(self):
        page = self.visit("operator").page
        for button, sentence, pauses in (("Pause delivery", "Delivery is paused: paused.", ["paused"]), ("Resume delivery", "Delivery goes on.", [])):
            page.get_by_role("button", name=button).click()
            page.get_by_text(sentence).wait_for()
            self.assertEqual(self.stand.call("GET", "/v1/status")["pauses"], pauses)

    def test_filters_live_in_the_url_and_hold_over_pages_and_back(self):
        self.stand.call("POST", "/v1/pause")
        try:
            self.stand.enqueue(*(operation(f"page-{n}", kind="device") for n in range(60)))
            visitor = self.visit("viewer")
            page = visitor.open("/admin/operations?entity_type=device&limit=25")
            self.assertEqual(page.locator("tbody tr").count(), 25)
            first = page.locator("a.open").first.get_attribute("href")
            page.get_by_role("link", name="Next page").click()
            page.wait_for_url("**cursor=**")
            self.assertIn("entity_type=device", page.url)
            self.assertNotEqual(page.locator("a.open").first.get_attribute("href"), first)
            page.go_back()
            page.wait_for_url("**limit=25")
            self.assertEqual(page.locator("a.open").first.get_attribute("href"), first)
            page.get_by_label("Status").select_option("failed")
            page.get_by_role("button", name="Filter").click()
            page.get_by_text("Nothing fits these filters.").wait_for()
            operations = self.visit("operator")
            page = operations.open("/admin/operations?entity_type=device")
            page.get_by_role("link", name="Cancel these…").click()
            dialog = page.get_by_role("dialog")
            count = dialog.locator("[data-count]").get_attribute("data-count")
            dialog.get_by_label("Operations a second").fill("1000")
            dialog.get_by_label(re.compile("Type")).fill(f"cancel {count}")
            dialog.get_by_role("button", name="Cancel operations").click()
            page.wait_for_url("**/admin/jobs")
            page.locator(".job .state.good").first.wait_for()
            self.stand.until("an empty queue", lambda: not self.stand.call("GET", "/v1/operations?entity_type=device")["operations"], 60)
        finally:
            self.stand.call("POST", "/v1/resume")

    # Live

    def test_the_overview_follows_what_happens_without_a_reload(self):
        visitor = self.visit("viewer")
        page = visitor.open("/admin")
        visitor.live()
        page.evaluate("window.marked = true")
        before = int(page.locator(".tile", has_text="Processed").locator(".value").get_attribute("data-value"))
        self.stand.deliver(5, start=700)
        self.wait_for_processed(page, before + 5)
        self.stand.call("POST", "/v1/pause")
        page.get_by_text("Delivery is paused by a person").wait_for()
        self.stand.call("POST", "/v1/resume")
        page.get_by_text("Delivery is paused by a person").wait_for(state="detached")
        self.assertTrue(page.evaluate("window.marked"), "the page was not loaded again")

    def wait_for_processed(self, page, least):
        page.wait_for_function(
            "n => Number([...document.querySelectorAll('.tile')].find(t => t.textContent.includes('Processed'))"
            ".querySelector('.value').dataset.value) >= n", arg=least)

    def test_a_part_in_which_somebody_works_changes_when_they_leave_it(self):
        visitor = self.visit("viewer")
        self.stand.call("POST", "/v1/pause")
        self.stand.mode(mode="poison", entities=["/api/v1/rooms/in-use"], status=422)
        try:
            self.stand.enqueue(operation("in-use", id="in-use"), operation("good-in-use"))
            page = visitor.open("/admin/operations/in-use")
            visitor.live()
            page.locator("#facts", has_text="Not moving: paused.").get_by_role("link", name="logs").focus()
            self.stand.call("POST", "/v1/resume")
            # A part that nobody works in has heard of it, and so has the other.
            page.locator("#timeline", has_text="Given up on").wait_for()
            self.assertIn("Not moving: paused.", page.locator("#facts").inner_text())
            page.keyboard.press("Tab")
            page.locator("#facts", has_text="Not moving: failed.").wait_for()
        finally:
            self.stand.call("POST", "/v1/resume")
            self.stand.mode(mode="up")

    def test_a_connection_that_breaks_comes_back_with_its_session(self):
        with Tunnel(self.stand.url) as tunnel, Visitor(self.chromium, tunnel.url, "viewer") as visitor:
            page = visitor.page
            visitor.live()
            page.evaluate("window.marked = true")
            before = int(page.locator(".tile", has_text="Processed").locator(".value").get_attribute("data-value"))
            tunnel.cut()
            page.get_by_text("Connection lost").wait_for()
            self.stand.deliver(1, start=950)
            tunnel.mend()
            page.get_by_text("Connected again").wait_for()
            self.wait_for_processed(page, before + 1)
            self.assertTrue(page.evaluate("window.marked"), "the page was not loaded again")

    def test_two_consoles_on_one_host_have_a_session_each(self):
        with Tunnel(self.stand.url) as tunnel:
            visitor = self.visit("viewer")
            other = visitor.context.new_page()
            other.goto(tunnel.url + "/admin/login")
            other.get_by_label("Token").fill(TOKENS["operator"])
            other.get_by_role("button", name="Log in").click()
            other.wait_for_url(tunnel.url + "/admin")
            self.assertIn("viewer", visitor.open("/admin/alerts").locator(".who").inner_text())
            self.assertIn("operator", other.locator(".who").inner_text())

    def test_a_lost_connection_shows_and_recovers_by_itself(self):
        with Stand() as stand:
            visitor = Visitor(self.chromium, stand.url, "viewer")
            with visitor:
                visitor.live()
                port = stand.url.rsplit(":", 1)[1]
                stand.stop_server()
                visitor.page.get_by_text("Connection lost").wait_for()
                stand.serve(f"127.0.0.1:{port}")
                # Sessions end with the process that kept them: the page leads to the login.
                visitor.page.wait_for_url("**/admin/login**", timeout=30_000)

    def test_the_log_goes_on_live(self):
        visitor = self.visit("viewer")
        page = visitor.open("/admin/logs")
        page.get_by_role("button", name="Live tail").click()
        page.locator("#tail[data-connected]", has_text="Stop tail").wait_for()
        page.evaluate("document.querySelectorAll('#lines tr').forEach(row => { row.dataset.old = ''; })")
        self.stand.call("POST", "/v1/pause")
        try:
            page.locator("#lines tr:not([data-old])", has_text="paused").first.wait_for()
        finally:
            self.stand.call("POST", "/v1/resume")
        page.get_by_role("button", name="Stop tail").click()
        page.locator("#tail:not([data-connected])", has_text="Live tail").wait_for()

    # People

    def test_a_viewer_is_offered_nothing_that_changes_anything(self):
        visitor = self.visit("viewer")
        for path in ("/admin", "/admin/operations", "/admin/failures", "/admin/operations?status=failed"):
            page = visitor.open(path)
            for name in ("Retry", "Cancel", "Clear failed", "Rebuild index", "Pause delivery"):
                self.assertEqual(page.get_by_role("button", name=name).count(), 0, f"{path}: {name}")
                self.assertEqual(page.locator("main").get_by_role("link", name=name).count(), 0, f"{path}: {name}")

    def test_everything_can_be_done_by_keys_alone(self):
        self.stand.fail("by-keys")
        visitor = self.visit("operator")
        page = visitor.page
        page.keyboard.press("Tab")
        self.assertEqual(page.evaluate("document.activeElement.textContent"), "Skip to content")
        page.keyboard.press("g")
        page.keyboard.press("p")
        page.wait_for_url("**/admin/operations")
        page.keyboard.press("/")
        self.assertEqual(page.evaluate("document.activeElement.id"), "q")
        page.keyboard.type("by-keys")
        page.keyboard.press("Enter")
        page.wait_for_url("**q=by-keys**")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin/operations/bad-by-keys")
        focused = "document.activeElement.textContent.trim()"
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate(focused) == "Cancel…":
                break
        self.assertEqual(page.evaluate(focused), "Cancel…", "Tab leads there")
        page.keyboard.press("Enter")
        page.get_by_role("dialog").wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="hidden")
        self.assertEqual(page.evaluate(focused), "Cancel…", "focus comes back")
        page.keyboard.press("?")
        page.get_by_role("dialog").wait_for()
        page.keyboard.press("Space")
        self.assertFalse(page.get_by_label("Single keys are on").is_checked())
        page.keyboard.press("Escape")
        page.keyboard.press("g")
        page.keyboard.press("o")
        self.assertIn("/admin/operations/bad-by-keys", page.url, "single keys are off")
        self.assertEqual(page.evaluate(focused), "Cancel…", "focus comes back")
        page.keyboard.press("Enter")
        page.get_by_role("dialog").wait_for()
        self.assertEqual(page.evaluate(focused), "Cancel operation")
        page.keyboard.press("Enter")
        page.get_by_text("It may have had its effect").wait_for()

    def test_times_are_the_viewers_with_utc_on_hover(self):
        berlin = self.visit("viewer", zone="Europe/Berlin").open("/admin/operations").locator("tbody time").first
        tokyo = self.visit("viewer", zone="Asia/Tokyo").open("/admin/operations").locator("tbody time").first
        self.assertEqual(berlin.get_attribute("datetime"), tokyo.get_attribute("datetime"))
        self.assertNotEqual(berlin.inner_text(), tokyo.inner_text())
        self.assertRegex(berlin.get_attribute("title"), r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$")

    def test_script_in_every_field_does_nothing(self):
        hostile = "<script>window.hit=1</script><img src=x onerror='window.hit=1'>\"onmouseover=\"window.hit=1"
        self.stand.mode(mode="status", status=503)
        try:
            self.stand.enqueue(operation(hostile[:250], id="<script>window.hit=1</script>", payload={hostile: hostile}, base={"x": hostile},
                                         ordering_key=hostile[:200], txn_token=hostile[:100]))
            visitor = self.visit()
            for path in ("/admin", "/admin/operations", "/admin/blocked", "/admin/operations/%3Cscript%3Ewindow.hit%3D1%3C%2Fscript%3E"):
                page = visitor.open(path)
                visitor.live()
                self.assertIsNone(page.evaluate("window.hit ?? null"), path)
        finally:
            self.stand.mode(mode="up")
        self.stand.until("the delivery", lambda: self.stand.books["pending"] == 0, 90)


if __name__ == "__main__":
    unittest.main(verbosity=2)
