"""A headless Chromium that does what it is told, and says what it sees.

Usage: browser.py, with a command of JSON a line on its standard input, each of one key:

  {"open": {"url": …, "scheme": "light", "motion": "no-preference", "size": [1280, 800]}}
  {"holds": [expression of JavaScript, milliseconds]}   waits until it does
  {"says": expression}   {"press": key}   {"type": text}   {"hover": selector}
  {"media": {"color_scheme": "dark"}}   {"size": [390, 844]}
  {"picture": path}   {"violations": null}   {"complaints": null}

To each it answers with a line, {"is": …} or {"error": …}. "violations" are those that axe finds,
"complaints" are the console's errors and requests to anybody but the page's own host. Its first
line says {"is": "ready"}, or {"skipped": why}.
"""

import json
import sys
import time
from urllib.parse import urlsplit

import heatmap


class Page:
    """A page, and what the browser has to complain of."""

    def __init__(self, browser):
        self.browser = browser
        self.page = None
        self.complaints = []

    def on_open(self, told):
        if self.page:
            self.page.context.close()
        width, height = told.get("size", [1280, 800])
        self.page = self.browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme=told.get("scheme", "light"),
            reduced_motion=told.get("motion", "no-preference"),
        )
        host = urlsplit(told["url"]).netloc
        note = self.complaints.append
        self.page.on("console", lambda it: it.type == "error" and note(it.text))
        self.page.on("pageerror", lambda error: note(str(error)))
        self.page.on("request", lambda it: it.url.startswith("data:") or urlsplit(it.url).netloc == host or note(it.url))
        answer = self.page.goto(told["url"])
        return {"status": answer.status, "headers": answer.headers}

    def on_holds(self, told):
        expression, within = told
        until = time.monotonic() + within / 1000
        # What Playwright has for this is eval in the page, which its policy forbids.
        while not self.page.evaluate(expression):
            if time.monotonic() > until:
                raise TimeoutError(f"not within {within} ms; the page shows:\n{self.page.inner_text('body')}")
            self.page.wait_for_timeout(20)

    def on_says(self, expression):
        return self.page.evaluate(expression)

    def on_press(self, key):
        self.page.keyboard.press(key)

    def on_type(self, text):
        self.page.keyboard.type(text)

    def on_hover(self, selector):
        self.page.locator(selector).first.hover()

    def on_media(self, media):
        self.page.emulate_media(**media)

    def on_size(self, size):
        self.page.set_viewport_size(dict(zip(("width", "height"), size)))

    def on_picture(self, path):
        self.page.screenshot(path=path)

    def on_violations(self, _):
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [f"{it['id']}: {node['html'][:200]}" for it in found for node in it["nodes"]]

    def on_complaints(self, _):
        complaints, self.complaints[:] = list(self.complaints), []
        return complaints


def answer(page, line):
    [(name, told)] = json.loads(line).items()
    try:
        return {"is": getattr(page, f"on_{name}")(told)}
    except Exception as error:  # noqa: BLE001: whoever asks is told.
        return {"error": f"{name} {told}: {error}"}


def main():
    if why := heatmap.skipped():
        print(json.dumps({"skipped": why}))
        return
    with heatmap.browser() as started:
        page = Page(started)
        print(json.dumps({"is": "ready"}), flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(page, line)), flush=True)


if __name__ == "__main__":
    main()
