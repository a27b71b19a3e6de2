"""Pictures of every page, light and dark, at 360 and 1920 pixels: those that a document shows into docs/images, the others elsewhere."""

import argparse
import re
from pathlib import Path

from stand import Stand, operation
from visitor import Visitor, browser

PAGES = {
    "login": "/admin/login", "overview": "/admin", "operations": "/admin/operations", "operation": "/admin/operations/bad-r7", "conflict": "/admin/operations/conflict-r9",
    "failures": "/admin/failures", "blocked": "/admin/blocked", "alerts": "/admin/alerts", "logs": "/admin/logs", "jobs": "/admin/jobs",
    "configuration": "/admin/configuration", "audit": "/admin/audit", "confirm": "/admin/actions/clear-failed",
}
IMAGES = Path("docs/images")


def pictures():
    """The names of the pictures that documents show."""
    documents = [*Path().glob("*.md"), *Path("docs").rglob("*.md")]
    return {name for document in documents for name in re.findall(r"images/([\w.-]+\.png)", document.read_text(encoding="utf-8"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--others", type=Path, default=Path(".build/screenshots"), help="where pictures go that no document shows")
    parser.add_argument("pages", nargs="*", help=f"some of {', '.join(PAGES)}; all by default")
    arguments = parser.parse_args()
    shown = pictures()
    for folder in (IMAGES, arguments.others):
        folder.mkdir(parents=True, exist_ok=True)
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
                    for name in arguments.pages or PAGES:
                        page = visitor.open(PAGES[name])
                        visitor.page.wait_for_timeout(250)
                        picture = f"{name}-{scheme}-{width}.png"
                        page.screenshot(path=(IMAGES if picture in shown else arguments.others) / picture, full_page=name != "logs")


if __name__ == "__main__":
    main()
