"""`vdiff frei0r`: build, install, doctor and run; what is installed is what was declared."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from host_adapters.frei0r.place import HERE, find_shotcut, of_prefix, own_shotcut
from tests.conftest import Vdiff
from tests.host_adapters.frei0r.clips import read_rgba
from tests.host_adapters.frei0r.declared import declared
from vdiff_plugin.model.hooks import vdiff_weights
from vdiff_plugin.model.presets import UPSCALING
from vdiff_plugin.settings import Settings

EDITORS = HERE / "editors"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home with nothing in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("XDG_DATA_HOME", "FREI0R_PATH", "VDIFF_FREI0R_WORKER", "VDIFF_FREI0R_STRICT"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.mark.ffmpeg
@pytest.mark.mlt
@pytest.mark.gst
def test_hosts_see_what_was_installed(vdiff: Vdiff, home: Path) -> None:
    before = vdiff("frei0r", "doctor")
    assert before.returncode == 1
    assert re.search(
        r"^MISSING +\S+/ffmpeg +.*not.*find module 'vdiff'", before.stdout, re.M | re.I
    )
    assert "no plug-in seen; run vdiff frei0r install --user" in before.stderr
    done = vdiff("frei0r", "install", "--user", "--shotcut", home / "filters")
    assert done.returncode == 0, done.stderr
    placed = [Path(line).relative_to(home) for line in done.stdout.splitlines()]
    assert [str(path) for path in placed] == [
        ".frei0r-1/lib/vdiff-worker",
        ".frei0r-1/lib/vdiff.so",
        ".local/share/kdenlive/effects/frei0r_vdiff.xml",
        "filters/vdiff/meta.qml",
        "filters/vdiff/ui.qml",
    ]
    after = vdiff("frei0r", "doctor")
    blind = [row for row in after.stdout.splitlines() if row.startswith("MISSING")]
    assert all(row.split()[1].endswith("/shotcut") for row in blind), after.stdout + after.stderr
    assert after.returncode == len(blind)
    rows = {Path(row.split()[1]).name: row for row in after.stdout.splitlines() if "ok " in row}
    assert rows["ffmpeg"].endswith("restores a frame")
    assert rows["melt"].endswith("lists frei0r.vdiff")
    assert rows["gst-inspect-1.0"].endswith("lists frei0r-filter-vdiff")
    assert after.stdout.endswith(f"plug-in: {home}/.frei0r-1/lib/vdiff.so\n")


def test_installing_for_all_users_and_shotcut(vdiff: Vdiff, tmp_path: Path) -> None:
    panels = tmp_path / "filters"
    done = vdiff("frei0r", "install", "--prefix", tmp_path / "usr", "--shotcut", panels)
    assert done.returncode == 0, done.stderr
    places = of_prefix(tmp_path / "usr")
    assert os.access(places.plugins / "vdiff-worker", os.X_OK)
    assert (places.kdenlive / "frei0r_vdiff.xml").is_file()
    assert {path.name for path in (panels / "vdiff").iterdir()} == {"meta.qml", "ui.qml"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("install", "--user", "--prefix", "x"), "name different places; give one of them"),
        (("install", "--prefix", "/proc/x"), "use --user or another --prefix"),
        (("run", "no-such-host"), "no-such-host: no such file or directory; give a program"),
    ],
)
def test_what_cannot_be_is_said(vdiff: Vdiff, words: tuple[str, ...], said: str) -> None:
    done = vdiff("frei0r", *words)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.ffmpeg
def test_run_needs_no_installation_and_is_strict(
    vdiff: Vdiff, home: Path, clip: Path, tmp_path: Path
) -> None:
    del home
    out = tmp_path / "o.mkv"
    words = ["ffmpeg", "-nostdin", "-v", "error", "-i", clip, "-vf"]
    tail = ["-pix_fmt", "bgra", "-c:v", "ffv1", "-y", out]
    good = vdiff("frei0r", "run", *words, "frei0r=filter_name=vdiff", *tail)
    assert good.returncode == 0, good.stderr
    assert len(read_rgba(out)) == 8
    bad = vdiff("frei0r", "run", *words, "frei0r=filter_name=vdiff:filter_params=1|paint", *tail)
    assert bad.returncode == 1
    assert "paint" in bad.stderr


def test_build_makes_a_folder_that_works(
    vdiff: Vdiff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    done = vdiff("frei0r", "build", "--out", "out")
    assert done.stdout.splitlines() == ["out/vdiff-worker", "out/vdiff.so"]
    assert declared(tmp_path / "out")[0].name == "strength"


def test_a_shotcut_that_is_not_ours_to_write_to(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An administrator's: a panel there is looked for, and none is placed."""
    filters = home / "opt" / "share" / "shotcut" / "qml" / "filters"
    filters.mkdir(parents=True)
    program = home / "opt" / "bin" / "shotcut"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    assert find_shotcut() == own_shotcut() == filters
    # Tests may run as root, to whom every folder is open.
    monkeypatch.setattr("host_adapters.frei0r.place.os.access", lambda path, _: path != filters)
    assert own_shotcut() is None
    assert f"run vdiff frei0r install --shotcut {filters}" in caplog.text


def bundled(what: str) -> set[str]:
    """Doubling left out: a filter cannot change the picture's size."""
    return {getattr(each, what) for each in vdiff_weights() if each.task != UPSCALING}


def test_kdenlive_offers_every_parameter(plugin: Path) -> None:
    effect = ElementTree.parse(EDITORS / "kdenlive" / "frei0r_vdiff.xml").getroot()
    assert effect.get("tag") == effect.get("id") == "frei0r.vdiff"
    offered = {each.get("name"): each for each in effect.iter("parameter")}
    kinds = {0: {"bool"}, 1: {"animated"}, 4: {"list"}}
    known = declared(plugin)
    assert list(offered) == [each.name for each in known]
    for each in known:
        assert offered[each.name].get("type") in kinds[each.type]
        # Kdenlive divides what its slider shows by the factor; frei0r numbers end at 1.
        assert offered[each.name].get("max") == offered[each.name].get("factor")
    assert offered["task"].get("default") == Settings.of().task
    assert offered["preset"].get("default") == Settings.of().preset
    assert set(offered["task"].get("paramlist", "").split(";")) == bundled("task")
    assert set(offered["preset"].get("paramlist", "").split(";")) == bundled("preset")


def test_shotcut_sets_every_parameter(plugin: Path) -> None:
    panel = (EDITORS / "shotcut" / "vdiff" / "ui.qml").read_text(encoding="utf-8")
    (defaults,) = re.findall(r"defaults: \(\{(.*?)\}\)", panel, re.DOTALL)
    assert re.findall(r"'([^']+)':", defaults) == [each.name for each in declared(plugin)]
    for name, list_ in (("task", "tasks"), ("preset", "sizes")):
        (offered,) = re.findall(rf"var {list_}: \[(.*?)\]", panel)
        assert set(re.findall(r"'([^']+)'", offered)) == bundled(name)
    meta = (EDITORS / "shotcut" / "vdiff" / "meta.qml").read_text(encoding="utf-8")
    assert "mlt_service: 'frei0r.vdiff'" in meta


@pytest.mark.parametrize("name", ["meta.qml", "ui.qml"])
def test_shotcut_on_qt_5_can_read_its_panel(name: str) -> None:
    """Without versions it drops the filter with a line in its log."""
    panel = (EDITORS / "shotcut" / "vdiff" / name).read_text(encoding="utf-8")
    imports = re.findall(r"^import (.*)$", panel, re.MULTILINE)
    assert imports
    assert all(re.match(r"[\w.]+ \d+\.\d+( as \w+)?$", each) for each in imports)


@pytest.mark.mlt
def test_the_effect_goes_through_mlt(hosted: Path, plugin: Path) -> None:
    done = subprocess.run(
        ["melt", "-query", "filter=frei0r.vdiff"], capture_output=True, text=True, check=False
    )
    for index, each in enumerate(declared(plugin)):
        assert f"identifier: {index}\n    title: {each.name}\n" in done.stdout
        assert each.explanation in done.stdout
