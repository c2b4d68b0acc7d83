"""One browser for all tests of pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vdiff_plugin.pages.browser import Page, open_browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Page]:
    """A browser. Tests that take it are marked `browser`."""
    with open_browser() as page:
        yield page


@pytest.fixture
def page(chromium: Page) -> Iterator[Page]:
    """The same, in the state of a new one; and nothing on the console at the end."""
    chromium.driver.get("about:blank")
    chromium.prefer("light")
    chromium.messages()
    yield chromium
    assert chromium.messages() == []
