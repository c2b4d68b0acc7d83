"""The page in a real browser: settings are changed by its controls, the canvas is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from host_adapters.preview.server import PreviewServer
from tests.host_adapters.preview.conftest import serving
from tests.vdiff_plugin.pages.browser import Page
from vdiff_plugin.settings import Settings

pytestmark = pytest.mark.browser


@pytest.fixture
def shown(page: Page, preview: PreviewServer) -> Page:
    """The page with its first picture and map."""
    page.driver.get(preview.address)
    page.wait_for("document.body.dataset.shown !== undefined")
    return page


def put(page: Page, name: str, value: str) -> None:
    """Give a control a value as a hand does, and wait for the picture."""
    page.run(
        "const one = document.querySelector('form').elements[arguments[0]];"
        "one.value = arguments[1]; one.dispatchEvent(new Event('input', { bubbles: true }));",
        name,
        value,
    )
    page.wait_for(f"new URLSearchParams(document.body.dataset.shown).get('{name}') === '{value}'")


def picture(page: Page, side: str) -> list[int]:
    """Some samples of one side, zoomed so that codes are those of the picture."""
    page.set_viewer(split=1 if side == "before" else 0, map="", zoom=0)
    spots = ((0.2, 0.3), (0.4, 0.6), (0.6, 0.2), (0.85, 0.8))
    return [code for spot in spots for code in page.pixel(*spot)]


def test_settings_change_the_picture_and_the_strings(shown: Page) -> None:
    title = shown.find("h1").text
    assert title == "a <noisy> clip.mkv"
    assert "--strength 0.8" in shown.find("#command").text
    before, strong = picture(shown, "before"), picture(shown, "after")
    assert before != strong
    put(shown, "strength", "0")
    assert picture(shown, "after") == picture(shown, "before") == before
    assert shown.find("#filter").text == "vdiff=strength=0"
    assert shown.find("#vapoursynth").text.endswith("clip = vdiff(clip, strength=0.0)")
    put(shown, "strength", "0.8")
    assert picture(shown, "after") == strong
    shown.find("[name=auto]").click()
    put(shown, "noise", "30")
    assert picture(shown, "after") != strong
    assert shown.find("#filter").text == "vdiff=strength=0.8:noise=30"


def test_the_noise_begins_at_what_is_measured_and_the_start_values_come_back(shown: Page) -> None:
    assert re.fullmatch(r"measured in frame 0: 1[0-4]\.\d", shown.find("#measured").text)
    start = shown.find("#command").text
    shown.find("[name=auto]").click()
    shown.wait_for("document.body.dataset.shown?.includes('noise=1')")
    noise = shown.find("[name=noise]").get_attribute("value")
    assert 10 <= float(noise) <= 14
    assert f"noise={noise}" in shown.find("#filter").text
    put(shown, "strength", "0.3")
    shown.find("#again").click()
    shown.wait_for("document.body.dataset.shown?.includes('strength=0.8&noise=auto')")
    assert shown.find("#command").text == start
    assert shown.find("#state").get_attribute("data-kind") == ""


def test_a_preview_that_has_ended_is_told(page: Page, clip: Path) -> None:
    with serving(clip, Settings.of()) as server:
        page.driver.get(server.address)
        page.wait_for("document.body.dataset.shown !== undefined")
    page.find("[name=auto]").click()
    page.wait_for("document.getElementById('state').dataset.kind === 'bad'")
    assert page.find("#state").text.startswith("vdiff preview does not answer")
    assert not page.run("return document.body.hasAttribute('data-busy')")
    (said,) = page.messages()
    assert "ERR_CONNECTION_REFUSED" in said


def test_work_is_seen_for_as_long_as_it_lasts(shown: Page, preview: PreviewServer) -> None:
    moves = "return getComputedStyle(document.getElementById('state'), '::before').animationName"
    assert shown.run(moves) == "none"
    with preview.turns.take("test"):
        shown.set_viewer(index=6)
        shown.wait_for("document.body.hasAttribute('data-busy')")
        assert shown.find("#state").text == "rendering"
        assert shown.run(moves) == "turn"
        assert shown.find(".vv-caption").text == "frame 6 \u00b7 still showing frame 0"
    shown.wait_for("document.body.dataset.shown?.startsWith('n=6&')")
    assert shown.find("#state").text.startswith("shown after ")
    assert shown.run(moves) == "none"


def test_a_frame_that_cannot_be_had_is_told_beside_the_one_still_shown(
    page: Page, clip: Path, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mkv"
    path.write_bytes(clip.read_bytes())
    with serving(path, Settings.of()) as server:
        page.driver.get(server.address)
        page.wait_for("document.body.dataset.shown !== undefined")
        path.unlink()
        page.set_viewer(index=3)
        page.wait_for("document.getElementById('state').dataset.kind === 'bad'")
    assert page.find("#state").text == f"{path}: gone, or not what it was; start the preview again"
    assert page.find(".vv-caption").text == "frame 3 \u00b7 still showing frame 0"
    assert page.find("#measured").text.startswith("measured in frame 0: ")
    assert all("status of 500" in said for said in page.messages())


@pytest.mark.parametrize(("width", "beside"), [(1280, True), (400, False)])
def test_settings_stand_beside_the_picture_or_below_it(
    shown: Page, width: int, *, beside: bool
) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    shown.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        shown.settle()
        assert shown.run("return document.documentElement.scrollWidth") == width
        viewer, form = shown.find("vdiff-viewer").rect, shown.find("form").rect
        assert (form["x"] >= viewer["x"] + viewer["width"]) == beside
        assert (form["y"] >= viewer["y"] + viewer["height"]) != beside
    finally:
        shown.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_frames_are_stepped_and_named_and_the_map_lies_over_them(shown: Page) -> None:
    shown.find("[aria-label='Next frame']").click()
    shown.wait_for("(document.body.dataset.shown ?? '').startsWith('n=1&')")
    assert shown.find("[name=n]").get_attribute("value") == "1"
    assert shown.find(".vv-caption").text == "frame 1 \u00b7 0.040 s"
    plain = picture(shown, "after")
    shown.set_viewer(map="change", opacity=1)
    spots = ((0.2, 0.3), (0.4, 0.6), (0.6, 0.2), (0.85, 0.8))
    assert [code for spot in spots for code in shown.pixel(*spot)] != plain
    put(shown, "n", "7")
    assert shown.viewer("index") == 7


def test_a_string_is_copied(shown: Page) -> None:
    grant = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    shown.driver.execute_cdp_cmd("Browser.grantPermissions", grant)
    shown.find("[data-copy=filter]").click()
    shown.wait_for("document.querySelector('[data-copy=filter]').textContent === 'Copied'")
    read = "navigator.clipboard.readText().then(arguments[0])"
    assert shown.driver.execute_async_script(read) == shown.find("#filter").text
