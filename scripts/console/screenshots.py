"""Pictures of every page, light and dark, at 360 and 1920 pixels, into a folder (docs/images by default)."""

import os
import sys

from stand import Stand, operation
from visitor import Visitor, browser

PAGES = {
    "login": "/admin/login", "overview": "/admin", "operations": "/admin/operations", "operation": "/admin/operations/bad-r7", "conflict": "/admin/operations/conflict-r9",
    "failures": "/admin/failures", "blocked": "/admin/blocked", "alerts": "/admin/alerts", "logs": "/admin/logs", "jobs": "/admin/jobs",
    "configuration": "/admin/configuration", "audit": "/admin/audit", "confirm": "/admin/actions/clear-failed",
}


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "docs/images"
    only = sys.argv[2:] or list(PAGES)
    os.makedirs(folder, exist_ok=True)
    with Stand("--latency", "15ms") as stand, browser() as chromium:
        stand.deliver(400)
        stand.fail("r7", "r8")
        stand.fail("r11", status=403)
        stand.conflict("r9")
        stand.deliver(300, start=1000)
        stand.mode(mode="gateway", status=503, share=0.2)
        stand.deliver(120, start=2000)
        stand.mode(mode="status", status=503)
        stand.enqueue(*(operation(f"r{n % 9}", payload={"temperature": 21, "contact": "nurse@example.com"}) for n in range(24)))
        stand.until("retries", lambda: any("next_retry_at" in o for o in stand.call("GET", "/v1/operations?status=pending")["operations"]))
        with Visitor(chromium, stand.url) as visitor:
            visitor.page.get_by_role("link", name="Retry all failed").click()
            visitor.page.get_by_role("dialog").get_by_label("Operations a second").fill("1")
            visitor.page.get_by_role("dialog").get_by_role("button", name="Retry all failed").click()
            visitor.page.wait_for_url("**/admin/jobs")
            visitor.page.get_by_role("button", name="Stop").first.click()
            visitor.page.wait_for_timeout(6000)
        for scheme in ("light", "dark"):
            for width in (1920, 360):
                with Visitor(chromium, stand.url, scheme=scheme, width=width, height=1080 if width == 1920 else 740) as visitor:
                    for name in only:
                        page = visitor.open(PAGES[name])
                        visitor.page.wait_for_timeout(250)
                        page.screenshot(path=f"{folder}/{name}-{scheme}-{width}.png", full_page=name != "logs")


if __name__ == "__main__":
    main()
