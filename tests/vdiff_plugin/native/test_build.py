"""Building the kernels: with a compiler, without one, and with one that fails."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.vdiff_plugin.networks import random_fusion, random_weights_file
from vdiff_plugin.builtin import native_backend
from vdiff_plugin.builtin.reference import NumpyBackend
from vdiff_plugin.native import build as native_build
from vdiff_plugin.native.build import build, compiler
from vdiff_plugin.native.library import Instructions, Kernels

needs_compiler = pytest.mark.skipif(compiler() is None, reason="needs a C compiler")


@pytest.mark.parametrize("name", ["cc", "gcc", "clang"])
def test_every_compiler_makes_kernels_of_equal_bits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"no {name} here")
    monkeypatch.setenv("CC", name)
    library = build(tmp_path / "kernels.so")
    assert [path.name for path in tmp_path.iterdir()] == ["kernels.so"]
    path = random_weights_file(tmp_path)
    fusion = random_fusion(80, 112)
    expected = NumpyBackend().load(path, device="cpu", precision="fp32").restore(fusion)
    built = Kernels(str(library))
    monkeypatch.setattr(native_backend, "kernels", lambda: built)
    network = native_backend.NativeBackend().load(path, device="cpu", precision="fp32")
    for most in Instructions:
        with built.limited(most):
            change = network.restore(fusion)
        np.testing.assert_array_equal(change.luma, expected.luma)
        np.testing.assert_array_equal(change.chroma, expected.chroma)


@needs_compiler
def test_it_compiles_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strict = ("-Wall", "-Wextra", "-Werror")
    monkeypatch.setattr(native_build, "_FLAGS", (*native_build._FLAGS, *strict))
    build(tmp_path / "kernels.so")


def test_no_compiler_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(FileNotFoundError, match="no C compiler; install gcc or clang"):
        build(tmp_path / "kernels.so")


def test_a_failing_compiler_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")
    with pytest.raises(subprocess.CalledProcessError):
        build(tmp_path / "kernels.so")
    assert not list(tmp_path.iterdir())
