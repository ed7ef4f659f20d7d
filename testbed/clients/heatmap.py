"""Takes a picture of a hub's heat map in a headless Chromium.

Usage: heatmap.py [--dark] [--size WIDTHxHEIGHT] [--wait SECONDS] URL OUT.png
URL is that of the page, http://127.0.0.1:8080/mesh/ for instance. CHROMIUM names the
browser's program where it isn't on the PATH. Without a browser it says
"skipped: no Chromium", and ends with 0.
"""

import argparse
import contextlib
import os
import shutil
import sys


def chromium():
    """The browser's program, or None."""
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    return next((path for path in map(shutil.which, filter(None, names)) if path), None)


@contextlib.contextmanager
def browser():
    """A browser at work."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # As root, and in containers, Chromium's own sandbox can't be had.
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"]
        started = playwright.chromium.launch(executable_path=chromium(), args=flags)
        try:
            yield started
        finally:
            started.close()


def skipped():
    """Why there can be no picture, or None."""
    if chromium() is None:
        return "no Chromium"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "no playwright (scripts/chromium.sh)"
    return None


def main():
    parser = argparse.ArgumentParser(description="Takes a picture of a hub's heat map.")
    parser.add_argument("url")
    parser.add_argument("out")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--size", default="1280x800", metavar="WIDTHxHEIGHT")
    parser.add_argument("--wait", type=float, default=0.5, help="seconds, once the page is live")
    options = parser.parse_args()
    if why := skipped():
        print(f"skipped: {why}")
        return
    width, height = map(int, options.size.split("x"))
    scheme = "dark" if options.dark else "light"
    with browser() as started:
        page = started.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.goto(options.url)
        page.wait_for_selector("#state.live")
        page.wait_for_timeout(1000 * options.wait)
        page.screenshot(path=options.out)


if __name__ == "__main__":
    sys.exit(main())
