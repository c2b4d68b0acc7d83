"""The example plug-in, installed as anybody would, in a chain with a built-in stage."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "vdiff-echo"

SCRIPT = """
import numpy as np
from vdiff_plugin import ClipInfo, Engine, Frame, PixelFormat, Settings

SIZE, LENGTH = 32, 8
FORM = PixelFormat(family="yuv", log2_w=1, log2_h=1)
CLIP = ClipInfo(width=SIZE, height=SIZE, format=FORM, length=LENGTH)


def frame(n):
    "A bright, red 6x6 square on grey that moves 4 pixels a frame."
    planes = [np.full(shape, 90 if i == 0 else 128, np.uint8)
              for i, shape in enumerate(CLIP.plane_shapes())]
    planes[0][10:16, 4 * n:4 * n + 6] = 220
    planes[2][5:8, 2 * n:2 * n + 3] = 200
    return Frame(tuple(planes))


frames = {n: frame(n) for n in range(LENGTH)}


def render(engine, stages, order=range(LENGTH)):
    with engine.open(CLIP, Settings.of(stages=stages)) as session:
        out = {n: session.render(n, {m: frames[m] for m in session.needed(n)}) for n in order}
        return session.radius, [out[n].planes for n in range(LENGTH)]


def same(one, other):
    return all(np.array_equal(a, b) for p, q in zip(one, other) for a, b in zip(p, q))


with Engine() as engine:
    assert engine.offers.stages.source("echo") == "echo of vdiff-echo 0.1.0"
    radius, out = render(engine, "colour:saturation=1.1,echo")
    assert radius == 2
    plain = render(engine, "colour:saturation=1.1")[1]
    shuffled = render(engine, "colour:saturation=1.1,echo", [5, 0, 7, 2, 2, 6, 1, 4, 3])[1]
    assert same(out, shuffled)

assert same(out[:1], plain[:1])  # nothing came before the first frame
row, n = 12, 4
now = 4 * n
left, lately = now - 3, now - 7  # where the square was 1 and 2 frames ago, and is no more
luma = out[n][0][row]
assert luma[now + 5] == round(220 - 0.6 * 130)  # it has just come here: grey shows through
assert luma[left] == 90 + round(0.6 * 130), luma[left]
assert luma[lately] == 90 + round(0.36 * 130), luma[lately]
assert (luma[:now - 9] == 90).all()
assert plain[n][2][row // 2][now // 2] == 128 + round(72 * 1.1) == 207
assert out[n][2][row // 2][left // 2] == 128 + round(0.6 * 79)
moved = np.zeros((SIZE, SIZE), bool)
moved[10:16, now - 8:now + 6] = True
assert np.array_equal(out[n][0][~moved], plain[n][0][~moved])  # the rest bit for bit
print("echo ran")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the example was installed into with pip."""
    copy = tmp_path_factory.mktemp("source") / "vdiff-echo"
    shutil.copytree(EXAMPLE, copy)
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    # No network: what it depends on is here, and so is its build tool.
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--no-index", "--target", target, copy],
        check=True,
        timeout=120,
    )
    return target


def run(code: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, (*folders, ROOT)))
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_example_runs_in_a_chain(installed: Path) -> None:
    done = run(SCRIPT, installed)
    assert done.stdout == "echo ran\n", done.stderr


def test_its_options_are_checked(installed: Path) -> None:
    code = (
        "from vdiff_plugin import ClipInfo, Engine, PixelFormat, Settings, VdiffError\n"
        "clip = ClipInfo(width=8, height=8, format=PixelFormat(family='gray'))\n"
        "for stage in ('echo:radius=3', 'echo:size=1'):\n"
        "    try: Engine().open(clip, Settings.of(stages=stage))\n"
        "    except VdiffError as error: print(error)\n"
    )
    radius, size = run(code, installed).stdout.splitlines()
    assert radius.startswith("stage echo: radius=3 is no good; give a whole number from 1 to 2")
    assert size == "stage echo has no option 'size'; have decay, radius, threshold"


def test_without_it_there_is_no_echo() -> None:
    done = run("from vdiff_plugin import Engine; print('echo' in Engine().offers.stages)")
    assert done.stdout == "False\n", done.stderr
