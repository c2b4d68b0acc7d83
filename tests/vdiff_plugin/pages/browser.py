"""A real headless Chromium, and what is to be asked of a page in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")


class Page:
    """A page in a browser.

    Args:
        driver: selenium's.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, path: Path) -> None:
        """Show a file, and wait until the viewer has drawn its first picture."""
        self.driver.get(path.resolve().as_uri())
        self.wait_for("document.querySelector('vdiff-viewer').dataset.shown !== undefined")

    def run(self, script: str, *values: Any) -> Any:
        """Run JavaScript; `return` gives its value."""
        return self.driver.execute_script(script, *values)

    def wait_for(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 20, 0.05).until(
            lambda one: one.execute_script(f"return {expression}")
        )

    def find(self, selector: str) -> Any:
        """The first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def settle(self) -> None:
        """Wait until everything that was asked to be drawn is drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0];"
            "setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done())), 60)"
        )

    def pixel(self, x: float, y: float) -> tuple[int, ...]:
        """R, G and B of the viewer's canvas at shares 0..1 of its width and height."""
        self.settle()
        read = (
            "const c = document.querySelector('vdiff-viewer canvas');"
            "const at = (share, size) => Math.min(size - 1, Math.floor(share * size));"
            "return [...c.getContext('2d').getImageData("
            "at(arguments[0], c.width), at(arguments[1], c.height), 1, 1).data]"
        )
        return tuple(self.run(read, x, y)[:3])

    def viewer(self, name: str) -> Any:
        """A property of the viewer."""
        return self.run("return document.querySelector('vdiff-viewer')[arguments[0]]", name)

    def set_viewer(self, **values: Any) -> None:
        """Set properties of the viewer."""
        self.run("Object.assign(document.querySelector('vdiff-viewer'), arguments[0])", values)

    def keys(self, selector: str, *keys: str) -> None:
        """Press keys with the focus on an element."""
        self.run("document.querySelector(arguments[0]).focus()", selector)
        self.find(selector).send_keys(*keys)

    def prefer(self, scheme: str) -> None:
        """Be a system that prefers `light` or `dark`."""
        wish = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [wish]})

    def messages(self) -> list[str]:
        """What the browser has complained of since the last call; not how tests read pixels."""
        told = [one["message"] for one in self.driver.get_log("browser")]
        return [one for one in told if "willReadFrequently" not in one]


@contextmanager
def open_browser(width: int = 1200, height: int = 1000) -> Iterator[Page]:
    """A browser for as long as the block lasts."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (*FLAGS, f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # With both paths given nothing is looked for, nor downloaded.
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        driver.set_script_timeout(20)
        yield Page(driver)
    finally:
        driver.quit()
