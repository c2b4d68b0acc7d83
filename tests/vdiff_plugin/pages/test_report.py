"""Reports: what they hold, how large they get, and what a browser shows of them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.vdiff_plugin.pages.browser import Page
from vdiff_plugin.builtin.change import AbsoluteChange
from vdiff_plugin.builtin.pixel_features import PixelFeatures
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.frame import Frame
from vdiff_plugin.measure import Result, Version, choose, compare
from vdiff_plugin.pages.report import Report, Subject, clock, render
from vdiff_plugin.pages.stills import Studio

EVIL = '"><script>window.hacked=1</script>.mkv'


class Noisy:
    """A scene with noise, or without."""

    def __init__(self, scene: Scene, sigma: float) -> None:
        self._scene, self._sigma = scene, sigma
        self.info = scene.clip

    def __len__(self) -> int:
        return self._scene.length

    def frames(self, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        for n in range(start, len(self) if end is None else end + 1):
            yield self._scene.noisy(n, self._sigma) if self._sigma else self._scene.clean(n)


def versions_of(scene: Scene) -> list[Version]:
    numbers = np.arange(scene.length, dtype=np.int64)
    named = (("ref.mkv", 0), (EVIL, 15), ("mild.mkv", 5))
    return [Version(name, Noisy(scene, sigma), numbers) for name, sigma in named]


def made(versions: list[Version], results: list[Result], **changes: Any) -> str:
    subjects = [
        Subject(version=one, result=result, facts={"Size": "1 MB"})
        for one, result in zip(versions, results, strict=True)
    ]
    report = Report(
        title=f"{EVIL} & more",
        reference=subjects[0],
        versions=subjects[1:],
        metrics=choose(["psnr", "flicker"]),
        times=[n / 25 for n in range(len(versions[0].numbers))],
        settings={"strength": "<1>"},
        notes=["a < b"],
    )
    return render(report, Studio(versions[0], versions[1:], *(_parts())), **changes)


def _parts() -> tuple[Any, Any]:
    return PixelFeatures(), AbsoluteChange()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = Scene(width=160, height=90, length=20)
    versions = versions_of(scene)
    mine, theirs = compare(versions[0], versions[1:], choose(["psnr", "flicker"]))
    path = tmp_path_factory.mktemp("report") / "r.html"
    path.write_text(made(versions, [mine, *theirs]))
    return path


def data_of(text: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text)
    assert found
    return json.loads(found[1])


def test_names_are_escaped_and_pictures_are_those_of_the_clips(small: Path) -> None:
    text = small.read_text()
    assert "<script>window.hacked" not in text
    addresses = set(re.findall(r"\w+://[^'\"\s)]*", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of a format, not a place
    viewer = data_of(text, "viewer-data")
    assert viewer["names"]["version0"] == EVIL
    assert 3 < len(viewer["frames"]) <= 15
    frame = viewer["frames"][3]
    kind, encoded = frame["layers"]["reference"].split(",", 1)
    assert kind == "data:image/webp;base64"
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (90, 160, 3)
    luma = Scene(width=160, height=90, length=20).clean(frame["n"]).planes[0].astype(float)
    shown = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    assert np.corrcoef(shown.ravel(), luma.ravel())[0, 1] > 0.97
    assert set(frame["maps"]) == {"change", "distance0", "distance1"}


@pytest.mark.browser
def test_the_browser_shows_the_report(small: Path, page: Page) -> None:
    page.open(small)
    assert page.run("return window.hacked ?? null") is None
    assert page.find("h1").text == f"{EVIL} & more"
    rows = [one.text for one in page.driver.find_elements("css selector", ".numbers tbody tr")]
    assert len(rows) == 3
    best = max(_means(small, "PSNR")[1:])
    assert page.find(".numbers .best").text.startswith(f"{best:.2f}")


@pytest.mark.browser
def test_plots_follow_the_pointer_and_lead_to_frames(small: Path, page: Page) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    page.open(small)
    box = page.find(".plot-box")
    page.run("arguments[0].scrollIntoView({block: 'center'})", box)
    ActionChains(page.driver).move_to_element(box).perform()
    told = [one.text for one in page.driver.find_elements("css selector", ".plot-readout")]
    assert len(told) == 2
    number = int(re.findall(r"frame (\d+)", told[0])[0])
    assert 8 <= number <= 11
    assert f"frame {number}" in told[1]
    values = data_of(small.read_text(), "plots-data")["metrics"][0]["lines"]
    for line in values[1:]:
        assert f"{line['mean'][number]:.2f}" in told[0]
    box.click()
    page.settle()
    frames = data_of(small.read_text(), "viewer-data")["frames"]
    nearest = min(abs(one["n"] - number) for one in frames)
    assert abs(frames[page.viewer("index")]["n"] - number) == nearest
    page.keys(".plot-box", Keys.END, Keys.ENTER)
    assert frames[page.viewer("index")]["n"] == frames[-1]["n"]


@pytest.mark.browser
def test_stepping_moves_the_line_in_every_plot(small: Path, page: Page) -> None:
    page.open(small)
    where = (
        "return [...document.querySelectorAll('.plot-here')].map((one) => one.getAttribute('x1'))"
    )
    page.set_viewer(index=0)
    page.settle()
    first = page.run(where)
    page.set_viewer(index=3)
    page.settle()
    then = page.run(where)
    assert len(first) == 2
    assert all(float(b) > float(a) for a, b in zip(first, then, strict=True))


def _means(path: Path, title: str) -> list[float]:
    plots = data_of(path.read_text(), "plots-data")
    lines = next(one for one in plots["metrics"] if one["title"] == title)["lines"]
    known = [[x for x in one["mean"] if x is not None] if one else [0.0] for one in lines]
    return [sum(one) / len(one) for one in known]


def results_of(versions: list[Version], length: int) -> list[Result]:
    rng = np.random.default_rng(0)
    names = ("psnr", "flicker")
    return [
        Result(one.name, {name: rng.normal(30, 3, length) for name in names}) for one in versions
    ]


@pytest.mark.slow
def test_a_report_of_500_noisy_frames_stays_below_five_megabytes() -> None:
    scene = Scene(width=640, height=360, length=500)
    versions = versions_of(scene)
    text = made(versions, results_of(versions, 500))
    assert len(text.encode()) < 5_000_000
    frames = data_of(text, "viewer-data")["frames"]
    assert len(frames) >= 3
    assert f"{len(frames)} of 500 frames are shown" in text


def test_a_limit_that_nothing_fits_still_gives_the_smallest_report() -> None:
    versions = versions_of(Scene(width=160, height=90, length=40))
    text = made(versions, results_of(versions, 40), limit=1000)
    assert len(data_of(text, "viewer-data")["frames"]) == 3


def test_long_series_are_told_as_means_and_bounds() -> None:
    length = 4500
    versions = versions_of(Scene(width=64, height=48, length=length))
    results = results_of(versions, length)
    plots = data_of(made(versions, results, limit=1000), "plots-data")
    assert (plots["length"], plots["step"]) == (length, 3)
    line = plots["metrics"][0]["lines"][1]
    first = results[1].series["psnr"][:3]
    assert line["mean"][0] == pytest.approx(first.mean(), abs=1e-3)
    assert line["low"][0] == pytest.approx(first.min(), abs=1e-3)
    assert len(line["high"]) == 1500


def test_times_read_as_clocks() -> None:
    assert [clock(one) for one in (0, 61.04, -0.5)] == ["0:00.000", "1:01.040", "-0:00.500"]
