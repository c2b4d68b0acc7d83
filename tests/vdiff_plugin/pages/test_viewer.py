"""The viewer in a real browser: driven by mouse and keys, read from the canvas."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.vdiff_plugin.pages.browser import Page
from vdiff_plugin.pages.assets import VIEWER_SCRIPTS, data_url
from vdiff_plugin.pages.assets import page as make_page

pytestmark = pytest.mark.browser
BEFORE, AFTER = (200, 40, 30), (30, 60, 200)
SETUP = """
const data = JSON.parse(document.getElementById("pictures").textContent);
const viewer = document.querySelector("vdiff-viewer");
document.addEventListener("vdiff-frame", (event) => { window.told = event.detail.index; });
viewer.names = { before: "in.mkv", after: "out.mkv" };
viewer.mapNames = { change: "Change" };
viewer.frames = data;
"""


def flat(colour: tuple[int, int, int]) -> str:
    picture = np.full((90, 160, 3), colour[::-1], np.uint8)
    return data_url(cv2.imencode(".png", picture)[1].tobytes(), "image/png")


def grey_map() -> str:
    """White in the left half, black in the right one."""
    picture = np.zeros((9, 16), np.uint8)
    picture[:, :8] = 255
    return data_url(cv2.imencode(".png", picture)[1].tobytes(), "image/png")


@pytest.fixture
def viewer(page: Page, tmp_path: Path) -> Page:
    """Three frames; the second one has 20 added to each channel, the third 40."""
    frames = [
        {
            "title": f"frame {n}",
            "note": "0:00.000",
            "layers": {
                name: flat(tuple(c + 20 * n for c in colour))  # type: ignore[arg-type]
                for name, colour in (("before", BEFORE), ("after", AFTER))
            },
            "maps": {"change": grey_map()},
        }
        for n in range(3)
    ]
    body = "<button data-theme-toggle></button><vdiff-viewer></vdiff-viewer>"
    path = tmp_path / "viewer.html"
    text = make_page("t", body, scripts=(*VIEWER_SCRIPTS, SETUP), data={"pictures": frames})
    path.write_text(text)
    page.open(path)
    return page


def test_the_divider_is_dragged_with_the_mouse(viewer: Page) -> None:
    from selenium.webdriver import ActionChains

    assert viewer.viewer("split") == 0.5
    assert (viewer.pixel(0.3, 0.5), viewer.pixel(0.7, 0.5)) == (BEFORE, AFTER)
    width = viewer.run("return document.querySelector('.vv-stage').clientWidth")
    divider = viewer.find(".vv-divider")
    drag = ActionChains(viewer.driver).click_and_hold(divider)
    drag.move_by_offset(round(0.3 * width), 5).release().perform()
    assert viewer.viewer("split") == pytest.approx(0.8, abs=0.01)
    assert (viewer.pixel(0.7, 0.5), viewer.pixel(0.9, 0.5)) == (BEFORE, AFTER)
    assert divider.get_attribute("aria-valuenow") == "80"
    # Let go, it stays where it is.
    ActionChains(viewer.driver).move_to_element(viewer.find(".vv-stage")).perform()
    assert viewer.viewer("split") == pytest.approx(0.8, abs=0.01)


def test_the_divider_is_keyed(viewer: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    viewer.keys(".vv-divider", Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert viewer.viewer("split") == pytest.approx(0.48)
    viewer.keys(".vv-divider", Keys.SHIFT + Keys.ARROW_RIGHT + Keys.NULL)
    assert viewer.viewer("split") == pytest.approx(0.58)
    viewer.keys(".vv-divider", Keys.HOME)
    assert viewer.pixel(0.1, 0.5) == AFTER
    viewer.keys(".vv-divider", Keys.END)
    assert viewer.pixel(0.9, 0.5) == BEFORE
    assert viewer.find(".vv-divider").get_attribute("aria-valuetext") == "100 % in.mkv"


def test_frames_are_stepped_by_button_key_and_range(viewer: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    shown = "document.querySelector('vdiff-viewer').dataset.shown === '{}'"
    viewer.find("[aria-label='Next frame']").click()
    viewer.wait_for(shown.format(1))
    assert viewer.pixel(0.3, 0.5) == tuple(c + 20 for c in BEFORE)
    assert viewer.run("return window.told") == 1
    viewer.keys(".vv-divider", Keys.PAGE_DOWN, Keys.PAGE_DOWN)  # there are but three
    viewer.wait_for(shown.format(2))
    assert viewer.find(".vv-caption").text == "frame 2 · 0:00.000"
    viewer.keys(".vv-steps input", Keys.ARROW_LEFT)
    viewer.wait_for(shown.format(1))
    assert not viewer.find("[aria-label='Previous frame']").get_attribute("disabled")


def test_differences_are_absolute_and_multiplied(viewer: Page) -> None:
    viewer.keys(".vv-divider", "d")
    viewer.set_viewer(gain=1)
    assert viewer.pixel(0.5, 0.5) == (170, 20, 170)
    viewer.set_viewer(gain=8)
    assert viewer.pixel(0.5, 0.5) == (255, 160, 255)
    assert viewer.find(".vv-tag").text == "|in.mkv \u2212 out.mkv| \u00d7 8"
    assert not viewer.find(".vv-divider").is_displayed()


def test_the_map_lies_over_the_picture_where_it_is_bright(viewer: Page) -> None:
    assert viewer.viewer("map") == ""
    viewer.keys(".vv-divider", "m")
    viewer.set_viewer(opacity=1)
    assert viewer.pixel(0.2, 0.5) == pytest.approx((252, 240, 150), abs=2)
    assert viewer.pixel(0.9, 0.5) == AFTER
    viewer.set_viewer(opacity=0.5)
    half = [(a + b) / 2 for a, b in zip(BEFORE, (252, 240, 150), strict=True)]
    assert viewer.pixel(0.2, 0.5) == pytest.approx(half, abs=3)


def test_zoom_and_pan_show_a_part(viewer: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    assert viewer.find(".vv-zoom").text == "Fit"
    viewer.keys(".vv-divider", "1")
    viewer.settle()
    assert viewer.find(".vv-zoom").text == "100 %"
    viewer.keys(".vv-divider", "+", "+", "+")
    assert viewer.viewer("zoom") == 4
    viewer.keys(".vv-divider", "m", Keys.HOME)  # all of it is `after`, with the map at its left
    viewer.set_viewer(opacity=1, zoom=16)
    assert viewer.pixel(0.1, 0.5) != AFTER
    assert viewer.pixel(0.9, 0.5) == AFTER
    viewer.keys(".vv-divider", *[Keys.ALT + Keys.ARROW_RIGHT + Keys.NULL] * 12)
    assert viewer.pixel(0.1, 0.5) == AFTER
    viewer.keys(".vv-divider", "0")
    assert viewer.viewer("zoom") == 0


def test_sides_are_swapped_chosen_and_laid_side_by_side(viewer: Page) -> None:
    viewer.keys(".vv-divider", " ")
    assert (viewer.pixel(0.3, 0.5), viewer.pixel(0.7, 0.5)) == (AFTER, BEFORE)
    viewer.find("[aria-label='Right version'] option[value='after']").click()
    assert viewer.pixel(0.7, 0.5) == AFTER
    viewer.keys(".vv-divider", "b")
    viewer.set_viewer(left="before")
    assert (viewer.pixel(0.25, 0.5), viewer.pixel(0.75, 0.5)) == (BEFORE, AFTER)
    pressed = viewer.find(".vv-modes [aria-pressed='true']").text
    assert pressed == "Side by side"


def test_codes_under_the_pointer_are_told(viewer: Page) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(viewer.driver).move_to_element(viewer.find(".vv-stage")).perform()
    told = viewer.find(".vv-readout").text
    assert told.endswith("200 40 30 → 30 60 200")


def test_the_system_chooses_the_colours_until_the_button_does(viewer: Page) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    assert viewer.run(ground) == "rgb(246, 247, 249)"
    viewer.prefer("dark")
    assert viewer.run(ground) == "rgb(14, 17, 22)"
    button = viewer.find("[data-theme-toggle]")
    assert button.text == "Light"
    button.click()
    assert viewer.run(ground) == "rgb(246, 247, 249)"


def test_every_control_has_a_name_and_can_be_reached(viewer: Page) -> None:
    script = """
    const kinds = 'vdiff-viewer :is(button, select, input, [tabindex])';
    const shown = (one) => one.offsetParent !== null && one.tabIndex >= 0;
    return [...document.querySelectorAll(kinds)].filter(shown)
        .map((one) => one.ariaLabel || one.textContent.trim());
    """
    names = viewer.run(script)
    assert len(names) >= 12
    assert all(names)


def test_a_picture_that_cannot_be_read_is_told(viewer: Page) -> None:
    broken = [{"title": "x", "layers": {"before": "data:image/png;base64,AAAA"}}]
    viewer.run("document.querySelector('vdiff-viewer').frames = arguments[0]", broken)
    viewer.wait_for("!document.querySelector('.vv-wait').hidden")
    assert viewer.find(".vv-wait").text == "this picture cannot be shown"


def test_a_version_without_this_frame_is_told_and_the_other_is_shown(viewer: Page) -> None:
    frames = [{"title": "x", "layers": {"after": flat(AFTER)}}]
    viewer.run("document.querySelector('vdiff-viewer').frames = arguments[0]", frames)
    viewer.wait_for("document.querySelector('.vv-tag').textContent.includes('no such frame')")
    assert viewer.find(".vv-tag").text == "in.mkv: has no such frame"
    assert viewer.pixel(0.7, 0.5) == AFTER
    assert viewer.pixel(0.3, 0.5) == (0, 0, 0)


def test_nothing_breaks_before_there_is_a_picture(viewer: Page) -> None:
    script = """
    const empty = document.createElement("vdiff-viewer");
    document.body.append(empty);
    empty.zoomBy(1); empty.pan(0.1, 0); empty.swap(); empty.index = 7; empty.mode = "difference";
    empty.zoomBy(-1);
    return [empty.index, empty.mode];
    """
    assert viewer.run(script) == [0, "difference"]
