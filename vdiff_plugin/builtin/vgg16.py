"""The `vgg16` extractor: ImageNet features through `keras.applications`, without its top.

K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image
recognition", ICLR 2015. Nothing is downloaded: weights come from a file that is already
here. TensorFlow's arithmetic is not exact across machines, so these features serve to
look at a clip and never touch a pixel of the output.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vdiff_plugin.builtin.matrix import rgb_of
from vdiff_plugin.contracts import Features, Services
from vdiff_plugin.errors import WeightsError
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.model.quiet import import_tensorflow
from vdiff_plugin.options import Options

WEIGHTS_NAME = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"

Layer = Literal[
    "block1_conv1", "block1_conv2",
    "block2_conv1", "block2_conv2",
    "block3_conv1", "block3_conv2", "block3_conv3",
    "block4_conv1", "block4_conv2", "block4_conv3",
    "block5_conv1", "block5_conv2", "block5_conv3",
]  # fmt: skip


class VggOptions(Options):
    """Options of the extractor: `vgg16:layer=block2_conv2:weights=FILE`."""

    layer: Layer = Field("block3_conv3", description="the layer whose output the features are")
    weights: Path | None = Field(None, description="a weights file instead of Keras's own")


class Vgg16Features:
    """Activations of one layer of VGG16, float32, 0 or more.

    Args:
        weights: a `.h5` or `.weights.h5` file for VGG16 without its top.
        layer: whose output to take.

    Raises:
        WeightsError: the file is missing, damaged, or of another network.
    """

    def __init__(self, weights: Path, layer: Layer = "block3_conv3") -> None:
        self._layer = layer
        self._digest = _content_digest(weights)
        self._model = _load(weights, layer)

    @property
    def stride(self) -> int:
        """Each block halves the picture of the one before: 1, 2, 4, 8 or 16."""
        return 1 << (int(self._layer[len("block")]) - 1)

    @property
    def fingerprint(self) -> bytes:
        """See `FeatureExtractor.fingerprint`."""
        return b"vgg16/1 " + self._layer.encode() + self._digest

    def extract(self, frame: Frame, clip: ClipInfo) -> Features:
        """(ceil(H/stride), ceil(W/stride), 64 to 512) of one frame, edges repeated outwards."""
        picture = _padded(rgb_of(frame, clip) * np.float32(255), self.stride)
        features = self._model(_preprocess(picture)[None])[0]
        return np.asarray(features, np.float32)


def open_extractor(services: Services, **options: str) -> Vgg16Features:  # noqa: ARG001
    """The extractor with options as in a stage list; it needs no services.

    Raises:
        SettingsError: an unknown option or layer.
        WeightsError: no usable weights file; says how to get one.
    """
    given = VggOptions.read("feature extractor vgg16", options)
    return Vgg16Features(given.weights or cached_weights(), given.layer)


def cached_weights() -> Path:
    """ImageNet weights in Keras's cache. Raises WeightsError where there are none."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    path = Path(home) / "models" / WEIGHTS_NAME
    if not path.is_file():
        raise WeightsError(
            f"no VGG16 weights at {path}, and vdiff downloads nothing; run "
            '`python -c "import keras; keras.applications.VGG16(include_top=False)"` once '
            "where there is a network, or give vgg16:weights=FILE"
        )
    return path


def _content_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}; give a readable weights file") from error


def _load(weights: Path, layer: Layer) -> Any:
    import_tensorflow()
    import keras

    network = keras.applications.VGG16(include_top=False, weights=None)
    try:
        network.load_weights(weights)
    except Exception as error:
        raise WeightsError(
            f"{weights}: not weights of VGG16 without its top ({type(error).__name__}); "
            f"give {WEIGHTS_NAME} or a file that `save_weights` wrote"
        ) from error
    return keras.Model(network.input, network.get_layer(layer).output)


def _preprocess(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """RGB 0..255 to what VGG16 was trained on: BGR less the mean colour of ImageNet."""
    import keras

    prepared: NDArray[np.float32] = keras.applications.vgg16.preprocess_input(picture.copy())
    return prepared


def _padded(picture: NDArray[np.float32], multiple: int) -> NDArray[np.float32]:
    edges: Sequence[tuple[int, int]] = [(0, -size % multiple) for size in picture.shape[:2]]
    return np.pad(picture, (*edges, (0, 0)), mode="edge")
