"""The pictures of the console in docs/images/, of a demo of its own with the calls of an hour."""

import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from e2e.browser import browser  # noqa: E402
from e2e.ports import free_ports  # noqa: E402

IMAGES = ROOT / "docs" / "images"
PATIENCE = 60.0
"""Seconds that the demo may take to start."""


def until_served(url, process):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("screenshots: the demo did not start; try `make run`")
            time.sleep(0.2)


def shoot(url):
    views = {"light": {}, "dark": {"color_scheme": "dark"}}
    with browser() as chromium:
        for name, options in views.items():
            context = chromium.new_context(viewport={"width": 1280, "height": 1180}, **options)
            page = context.new_page()
            page.goto(url)
            page.click("button[data-range=hour]")
            page.wait_for_selector("#plot-money rect.cost")
            page.screenshot(path=str(IMAGES / f"console-{name}.png"))
            context.close()


def main():
    IMAGES.mkdir(parents=True, exist_ok=True)
    listen, admin, console = map(str, free_ports(3))
    environment = os.environ | {"PORT": listen, "ADMIN_PORT": admin, "CONSOLE_PORT": console, "SECONDS": "150"}
    demo = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "run.py")], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{console}/"
        until_served(url, demo)
        subprocess.run([sys.executable, str(ROOT / "scripts" / "demo_traffic.py")], env=environment, check=True)
        shoot(url)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(30)
    print(f"pictures: {IMAGES.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
