from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.vdiff_plugin.training import clips
from vdiff_plugin.builtin.reference import NumpyBackend
from vdiff_plugin.contracts import Change, Fusion, Pixels
from vdiff_plugin.errors import SettingsError
from vdiff_plugin.model.hooks import vdiff_weights
from vdiff_plugin.model.presets import preset_named
from vdiff_plugin.model.shapes import layer_shapes
from vdiff_plugin.model.weights import Weights, check_exact, load_weights, save_weights
from vdiff_plugin.training.growth import grown

FAST, QUALITY = (
    next(one.path for one in vdiff_weights() if (one.task, one.preset) == ("restore", preset))
    for preset in ("fast", "quality")
)


def _change(weights: Weights, folder: Path) -> Change:
    """What a network does to a noisy still whose neighbours carry other noise."""
    path = folder / f"{weights.preset.name}.safetensors"
    save_weights(path, weights)
    network = NumpyBackend().load(path, device="cpu", precision="auto")
    still = clips.clip(1)
    rng = np.random.default_rng(0)

    def noisy() -> Pixels:
        planes = (still.luma[0, :64, :96], still.chroma[0, :32, :48])
        codes = (np.clip(np.rint(p + rng.normal(0, 12, p.shape)), 0, 255) for p in planes)
        luma, chroma = (part.astype(np.uint8) for part in codes)
        return Pixels(luma, chroma, 1.0)

    frames = [noisy() for _ in range(5)]
    seen = [(frame, network.extract(frame)) for frame in frames]
    centre, features = seen.pop(2)
    return network.restore(Fusion(centre, features, seen, (12.0, 12.0, 0.0)))


def test_a_grown_network_begins_with_the_small_one_s_results(tmp_path: Path) -> None:
    small = load_weights(FAST)
    large = grown(small, preset_named("quality"), seed=3)
    check_exact(tmp_path, large)
    assert {name: layer.kernel.shape for name, layer in large.layers.items()} == layer_shapes(
        preset_named("quality")
    )
    before, after = _change(small, tmp_path), _change(large, tmp_path)
    effect = float(np.std(before.luma))
    assert effect > 5
    assert float(np.std(after.luma - before.luma)) < 0.3 * effect
    assert float(np.std(after.chroma - before.chroma)) < 0.3 * float(np.std(before.chroma))


def test_growing_is_reproducible() -> None:
    small = load_weights(FAST)
    first, again, other = (grown(small, preset_named("quality"), seed) for seed in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_a_network_cannot_shrink() -> None:
    large = grown(load_weights(FAST), preset_named("quality"), seed=1)
    with pytest.raises(
        SettingsError,
        match=r"weights of quality \(3\+1 levels\) cannot grow into fast \(1\+0 levels\)",
    ):
        grown(large, preset_named("fast"), seed=1)


def test_new_levels_hardly_change_what_passes_them(tmp_path: Path) -> None:
    small = load_weights(QUALITY)
    deep = replace(small.preset, levels=small.preset.levels + 1, detail_levels=2)
    large = grown(small, deep, seed=3)
    assert large.preset == deep
    assert deep.reach > small.preset.reach
    save_weights(tmp_path / "deep.safetensors", large)
    again = load_weights(tmp_path / "deep.safetensors")
    assert again.architecture == deep
    assert again.fingerprint == large.fingerprint != small.fingerprint
    before, after = _change(small, tmp_path), _change(large, tmp_path)
    assert float(np.std(after.luma - before.luma)) < 0.2 * float(np.std(before.luma))
