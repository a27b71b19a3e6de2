"""A browser that looks at the console: Debian's Chromium, driven by Playwright."""

import os
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

from stand import TOKENS

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


@contextmanager
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield chromium
        finally:
            chromium.close()


class Visitor:
    """One page of one person; what the browser complains of is kept."""

    def __init__(self, chromium, url, role="admin", scheme="light", width=1280, height=900, zone="Europe/Berlin"):
        self.url, self.role = url, role
        self.context = chromium.new_context(
            color_scheme=scheme, viewport={"width": width, "height": height}, timezone_id=zone, locale="en-GB", accept_downloads=True
        )
        self.context.set_default_timeout(15_000)
        self.complaints = []
        self.page = self.context.new_page()
        self.page.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('CSP: ' + e.violatedDirective + ' ' + e.blockedURI))"
        )
        self.page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def __enter__(self):
        self.page.goto(self.url + "/admin/login")
        self.page.get_by_label("Token").fill(TOKENS[self.role])
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(self.url + "/admin")
        return self

    def __exit__(self, *_):
        self.context.close()

    def open(self, path):
        self.page.goto(self.url + path)
        return self.page

    def live(self):
        """Waits until the page hears from the server."""
        self.page.wait_for_selector("html[data-connected=yes]", state="attached")
