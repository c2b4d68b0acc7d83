"""Pages that may load nothing, whatever is put into them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.vdiff_plugin.pages.browser import Page
from vdiff_plugin.pages.assets import VIEWER_SCRIPTS, VIEWER_STYLES, as_json, asset, page

EVIL = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">\u2028&'


def test_data_comes_back_as_it_was_and_cannot_end_its_element() -> None:
    text = as_json({"name": EVIL, "n": [1, None, 2.5]})
    assert json.loads(text) == {"name": EVIL, "n": [1, None, 2.5]}
    assert not set("<>&\u2028") & set(text)
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json(float("nan"))


@pytest.mark.parametrize("name", ["theme.css", "viewer.css", "report.css"])
def test_styles_refer_to_nothing_outside(name: str) -> None:
    assert not re.search(r"@import|url\((?!\"data:)", asset(name))


def test_titles_are_escaped_and_the_policy_forbids_connections() -> None:
    text = page(EVIL, "<p>x</p>")
    assert EVIL not in text
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    directives = dict(one.split(" ", 1) for one in policy[1].split("; "))
    assert directives["default-src"] == "'none'"
    assert "connect-src" not in directives
    assert "unsafe" not in policy[1]
    assert directives["script-src"].count("sha256-") == len(VIEWER_SCRIPTS)
    assert directives["style-src"].count("sha256-") == len(VIEWER_STYLES)
    wider = page("t", "", allow={"connect-src": "'self'"})
    assert "connect-src 'self'" in wider


@pytest.mark.browser
def test_the_browser_holds_the_policy(chromium: Page, tmp_path: Path) -> None:
    """Foreign scripts, handlers, requests and pictures are stopped; our own script runs."""
    body = (
        '<b onclick="window.hacked = 1">x</b><script>window.hacked = 2</script>'
        '<img src="http://127.0.0.1:9/x.png">'
    )
    ours = (
        "window.ran = 1; document.querySelector('b').click();"
        "fetch('http://127.0.0.1:9/').catch(() => { window.stopped = 1; });"
    )
    path = tmp_path / "p.html"
    path.write_text(page("t", body, scripts=(ours,), data={"x": EVIL}))
    chromium.driver.get(path.as_uri())
    chromium.wait_for("window.stopped === 1")
    assert chromium.run("return [window.ran, window.hacked ?? null]") == [1, None]
    complaints = " ".join(chromium.messages())
    for directive in ("script-src", "img-src", "default-src"):
        assert directive in complaints
