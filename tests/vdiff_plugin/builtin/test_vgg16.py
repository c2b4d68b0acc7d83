from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.vdiff_plugin.chain import engine_with
from vdiff_plugin.builtin.vgg16 import WEIGHTS_NAME, Vgg16Features, cached_weights
from vdiff_plugin.errors import SettingsError, WeightsError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
LAYERS = [
    (f"block{block}_conv{conv}", channels)
    for block, (convs, channels) in enumerate(BLOCKS, 1)
    for conv in range(1, convs + 1)
]
CLIP = ClipInfo(width=37, height=21, format=PixelFormat(family="rgb"), full_range=True)


@pytest.fixture(scope="module")
def keras_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Keras cache whose VGG16 file has the official one's layout, and random values."""
    home = tmp_path_factory.mktemp("keras")
    (home / "models").mkdir()
    write_official_layout(home / "models" / WEIGHTS_NAME)
    return home


def write_official_layout(path: Path) -> None:
    import h5py  # type: ignore[import-untyped]

    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name, _ in LAYERS]
        incoming = 3
        for name, channels in LAYERS:
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}_{part}_1:0".encode() for part in "Wb"]
            kernel = rng.standard_normal((3, 3, incoming, channels), np.float32)
            group[f"{name}_W_1:0"] = kernel * np.float32((2 / 9 / incoming) ** 0.5)
            group[f"{name}_b_1:0"] = rng.standard_normal(channels, np.float32)
            incoming = channels


@pytest.fixture
def cached(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(keras_home))
    return keras_home / "models" / WEIGHTS_NAME


def picture() -> Frame:
    rng = np.random.default_rng(1)
    return Frame(tuple(rng.integers(0, 256, shape, np.uint8) for shape in CLIP.plane_shapes()))


def first_layer(frame: Frame, weights: Path) -> NDArray[Any]:
    """ReLU of the first convolution, worked out from the paper and the file alone."""
    import h5py

    with h5py.File(weights) as file:
        kernel = file["block1_conv1/block1_conv1_W_1:0"][()]
        bias = file["block1_conv1/block1_conv1_b_1:0"][()]
    mean_bgr = (103.939, 116.779, 123.68)
    centred = np.stack(frame.planes[::-1], axis=2) - np.array(mean_bgr)
    padded = np.pad(centred, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    activations: NDArray[Any] = np.einsum("hwcyx,yxco->hwo", windows, kernel) + bias
    return activations.clip(0)


def test_features_are_those_of_the_published_network(cached: Path) -> None:
    frame = picture()
    with engine_with() as engine:
        features = engine.extractor("vgg16:layer=block1_conv1").extract(frame, CLIP)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, first_layer(frame, cached), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("block2_conv2", (11, 19, 128)),
        ("block3_conv3", (6, 10, 256)),
        ("block5_conv3", (2, 3, 512)),
    ],
)
def test_a_layer_can_be_chosen(cached: Path, layer: Any, shape: tuple[int, ...]) -> None:
    extractor = Vgg16Features(cached, layer)
    features = extractor.extract(picture(), CLIP)
    assert features.shape == shape
    assert tuple(-(-size // extractor.stride) for size in (21, 37)) == shape[:2]
    assert features.any()


def test_a_file_that_keras_wrote_gives_the_same(cached: Path, tmp_path: Path) -> None:
    import keras

    network = keras.applications.VGG16(include_top=False, weights=str(cached))
    own = tmp_path / "own.weights.h5"
    network.save_weights(own)
    with engine_with() as engine:
        default = engine.extractor("vgg16")
        given = engine.extractor(f"vgg16:weights={own}")
    np.testing.assert_array_equal(given.extract(picture(), CLIP), default.extract(picture(), CLIP))
    assert given.fingerprint != default.fingerprint  # another file


def test_without_weights_it_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="vdiff downloads nothing; run `python -c .*VGG16") as no:
        cached_weights()
    assert str(tmp_path / "models" / WEIGHTS_NAME) in str(no.value)
    assert "\n" not in str(no.value)


@pytest.mark.parametrize("content", [b"", b"not weights at all", None])
def test_damaged_weights_are_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "damaged.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"damaged\.h5: ") as caught:
        Vgg16Features(path)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    import keras

    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    other.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(WeightsError, match="not weights of VGG16 without its top"):
        Vgg16Features(tmp_path / "other.weights.h5")


def test_an_unknown_layer_lists_the_layers() -> None:
    with (
        engine_with() as engine,
        pytest.raises(SettingsError, match="vgg16: layer=block9_conv1 .*give block1_conv1, "),
    ):
        engine.extractor("vgg16:layer=block9_conv1")
