"""axe-core on every page, light and dark, wide and narrow: no violation of the levels A and AA; nothing wider than the screen."""

import os
import unittest

from axe_playwright_python.sync_playwright import Axe

from stand import Stand, operation
from visitor import Visitor, browser

PAGES = [
    "/admin", "/admin/operations", "/admin/operations?status=failed", "/admin/operations/bad-poison-a", "/admin/operations/conflict-axe",
    "/admin/operations/waits", "/admin/failures", "/admin/blocked", "/admin/alerts", "/admin/logs", "/admin/jobs", "/admin/configuration", "/admin/audit",
    "/admin/actions/clear-failed", "/admin/actions/force-release-lock", "/admin/actions/export", "/admin/actions/retry-all-failed",
    "/admin/bulk?kind=cancel&status=failed", "/admin/nowhere",
]

VIEWS = [("light", 1280), ("dark", 360), ("dark", 1280), ("light", 360)]
# VIEWS=2 leaves two of them out: each scheme and each width is still looked at.
VIEWS = VIEWS[:int(os.environ.get("VIEWS") or len(VIEWS))]


class AxeTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stand = cls.enterClassContext(Stand())
        cls.chromium = cls.enterClassContext(browser())
        cls.stand.deliver(10)
        cls.stand.fail("poison-a", "poison-b")
        cls.stand.conflict("axe")
        cls.stand.mode(mode="status", status=503)
        cls.stand.enqueue(*(operation(f"waits-{n}") for n in range(5)), operation("waits", id="waits"))
        cls.stand.call("POST", "/v1/pause")

    def violations(self, page):
        results = Axe().run(page, options={"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}})
        return [(v["id"], [n["html"][:160] for n in v["nodes"]][:3]) for v in results.response["violations"]]

    def overflow(self, page):
        return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def test_nothing_is_wider_than_a_wide_window(self):
        with Visitor(self.chromium, self.stand.url, width=1920, height=1080) as visitor:
            for path in PAGES + ["/admin/login"]:
                with self.subTest(path=path):
                    self.assertLessEqual(self.overflow(visitor.open(path)), 0, "the page is wider than its window")

    def test_no_violation_on_any_page(self):
        for scheme, width in VIEWS:
            with Visitor(self.chromium, self.stand.url, scheme=scheme, width=width) as visitor:
                for path in PAGES:
                    with self.subTest(path=path, scheme=scheme, width=width):
                        page = visitor.open(path)
                        found = self.violations(page)
                        overflow = self.overflow(page)
                        print(f"{path} {scheme} {width}: {len(found)} violations, {overflow} px too wide", flush=True)
                        self.assertEqual(found, [])
                        self.assertLessEqual(overflow, 0, "the page is wider than its window")
            visitor = Visitor(self.chromium, self.stand.url, scheme=scheme, width=width)
            with self.subTest(path="/admin/login", scheme=scheme, width=width):
                self.assertEqual(self.violations(visitor.open("/admin/login")), [])
            visitor.context.close()

    def test_no_violation_in_an_open_dialog(self):
        for scheme in ("light", "dark"):
            with Visitor(self.chromium, self.stand.url, scheme=scheme) as visitor:
                visitor.page.get_by_role("link", name="Clear failed").click()
                visitor.page.get_by_role("dialog").wait_for()
                self.assertEqual(self.violations(visitor.page), [], scheme)


if __name__ == "__main__":
    unittest.main(verbosity=2)
