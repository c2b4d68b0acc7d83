"""What the parts owe each other. Core and plug-ins meet here and nowhere else.

Hooks hand out factories by name; a factory is called once, when a clip is opened;
the object it returns does the per-frame work. Objects are called from one thread at
a time unless their contract says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.frame import ClipInfo, Frame, Window
from vdiff_plugin.room import Weight
from vdiff_plugin.settings import Settings

T = TypeVar("T")
Features = NDArray[np.uint8] | NDArray[np.float32]
Flow = NDArray[np.float32]


class Cache(Protocol):
    """Content-addressed memory of what was already computed. Any thread may call it."""

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of `key`, computed at most once however many threads ask for it.

        The value must depend on `key` alone, so that eviction can cost time only.
        """
        ...

    def peek(self, key: Hashable) -> Any:
        """The value of `key` if it is held just now, else None. Use it to save time only."""
        ...


class Services(Protocol):
    """What the engine gives a factory to build with."""

    @property
    def cache(self) -> Cache:
        """The engine's cache, shared by all its sessions."""
        ...

    def extractor(self, name: str) -> FeatureExtractor:
        """Build the feature extractor `name`. Raises UnknownNameError."""
        ...

    def change_detector(self, name: str) -> ChangeDetector:
        """Build the change detector `name`. Raises UnknownNameError."""
        ...

    def aligner(self, name: str) -> Aligner:
        """Build the aligner `name`. Raises UnknownNameError."""
        ...

    def network(self, settings: Settings) -> Network:
        """The loaded network that `settings` ask for; loaded once, then shared.

        Raises:
            UnknownNameError: no such task, preset or backend.
            WeightsError: damaged or foreign weights.
        """
        ...

    def mirrored(self, settings: Settings) -> bool:
        """Whether what restores as `settings` say takes the mean of four mirrors.

        Raises:
            UnknownNameError: no such task or preset.
        """
        ...

    def upscaler(self, settings: Settings) -> Upscaler:
        """As `network`, for the network that doubles pictures."""
        ...


class Stage(Protocol):
    """One frame-in/frame-out step of a chain. `render` may be called from any thread."""

    @property
    def radius(self) -> int:
        """Frames it needs on each side of n; 0 for a per-frame effect."""
        ...

    @property
    def clip(self) -> ClipInfo:
        """What it gives out: size and format may differ from what came in."""
        ...

    @property
    def fingerprint(self) -> bytes:
        """Bytes that differ whenever the same window could give other pixels."""
        ...

    def render(self, window: Window) -> Frame:
        """Frame n of the output: a function of `window` and nothing else."""
        ...

    def close(self) -> None:
        """Let go of what the stage holds."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """What a stage may offer beside `Stage`: to work ahead, for hosts that run in steps."""

    def prepare(self, frame: Frame) -> None:
        """Keep in the cache what can be known of one source frame alone. Any thread may call."""
        ...


@runtime_checkable
class Weighed(Protocol):
    """What a stage may offer beside `Stage`: the memory it takes, so that others leave it."""

    @property
    def weight(self) -> Weight:
        """Bytes for frames of its clip."""
        ...


class StageFactory(Protocol):
    """Builds a stage for one clip."""

    def __call__(
        self, clip: ClipInfo, settings: Settings, options: Mapping[str, str], services: Services
    ) -> Stage:
        """Open the stage.

        Args:
            clip: what comes in.
            settings: the session's settings.
            options: the stage's own options, `{"saturation": "1.1"}`; unknown names
                and bad values raise SettingsError.
            services: cache, network, extractors and so on.
        """
        ...


class FeatureExtractor(Protocol):
    """A CNN (or a stand-in) that says what one frame shows."""

    @property
    def stride(self) -> int:
        """Pixels of the frame per position of the feature map."""
        ...

    @property
    def fingerprint(self) -> bytes:
        """Bytes that differ whenever the same frame could give other features."""
        ...

    def extract(self, frame: Frame, clip: ClipInfo) -> Features:
        """Features of one frame alone, (ceil(H/stride), ceil(W/stride), channels)."""
        ...


class ExtractorFactory(Protocol):
    """Builds a feature extractor."""

    def __call__(self, services: Services, **options: str) -> FeatureExtractor:
        """Build it.

        Args:
            services: network, cache and so on.
            **options: what stands after its name, `vgg16:layer=block2_conv2`; unknown
                names and bad values raise SettingsError.
        """
        ...


class ChangeDetector(Protocol):
    """Says per position how much two feature maps differ."""

    def detect(self, previous: Features, current: Features) -> NDArray[np.float32]:
        """Change map (h, w) of two maps (h, w, channels); 0 where nothing changed."""
        ...


class Aligner(Protocol):
    """Finds where each position of one frame lies in another."""

    @property
    def fingerprint(self) -> bytes:
        """Bytes that differ whenever the same pair could give another flow."""
        ...

    def prepare(self, luma: NDArray[Any]) -> NDArray[np.uint8]:
        """What `flow` compares: (H/2, W/2) from a luma plane (H, W) of 8-bit codes."""
        ...

    def flow(self, reference: NDArray[np.uint8], other: NDArray[np.uint8]) -> Flow:
        """(H/2, W/2, 2) x and y offsets in half-size pixels: other(p + flow) ~ reference(p)."""
        ...


@dataclass(frozen=True)
class Pixels:
    """A frame in the network's form: native 4:2:0 samples, padded to the stride.

    Attributes:
        luma: (H, W) uint8 or uint16; H and W multiples of the network's stride.
        chroma: (H/2, W/2, 2) of the same type.
        scale: 8-bit code values per sample unit: 1 for 8 bits, 1/4 for 10 bits, never
            below 1/16, so that the network's sums stay exact.
    """

    luma: NDArray[Any]
    chroma: NDArray[Any]
    scale: float


@dataclass(frozen=True)
class Fusion:
    """All that the network sees of one window.

    Attributes:
        centre: frame n.
        features: of frame n, (H/4, W/4, C) uint8.
        neighbours: 2*radius entries in time order, already aligned to frame n:
            pixels and features; None where the neighbour is missing or beyond a cut.
        levels: noise of luma, noise of chroma, error of compression, in 8-bit code values.
    """

    centre: Pixels
    features: NDArray[np.uint8]
    neighbours: Sequence[tuple[Pixels, NDArray[np.uint8]] | None]
    levels: tuple[float, float, float]


@dataclass(frozen=True)
class Change:
    """What the network wants added to frame n, in 8-bit code values.

    Attributes:
        luma: (H, W) float32.
        chroma: (H/2, W/2, 2) float32.
    """

    luma: NDArray[np.float32]
    chroma: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Memory that a network takes, in bytes a pixel of what goes in.

    Attributes:
        working: `Network.restore` or `Upscaler.upscale` at its peak, what goes in and
            comes out left out; `extract` takes less.
        features: what `Network.extract` gives.
    """

    working: float
    features: float = 0


class Network(Protocol):
    """A loaded network. The engine makes its calls one at a time unless `concurrent`."""

    @property
    def concurrent(self) -> bool:
        """Whether calls may run side by side, in as many threads as there are."""
        ...

    @property
    def radius(self) -> int:
        """Neighbours on each side."""
        ...

    @property
    def stride(self) -> int:
        """Width and height of `Pixels` must be multiples of this."""
        ...

    @property
    def halo(self) -> int:
        """Pixels beyond which nothing influences an output pixel (receptive radius)."""
        ...

    @property
    def alignment(self) -> str:
        """The aligner it was trained with, as `Services.aligner` takes it."""
        ...

    @property
    def fingerprint(self) -> bytes:
        """Hash of architecture and weights; backends agree on it and on the pixels."""
        ...

    @property
    def footprint(self) -> Footprint:
        """Memory that it takes: tiles are chosen by it."""
        ...

    def extract(self, pixels: Pixels) -> NDArray[np.uint8]:
        """Features of one frame, (H/4, W/4, C), of that frame alone."""
        ...

    def restore(self, fusion: Fusion) -> Change:
        """Diffuse and restore one frame."""
        ...


@dataclass(frozen=True)
class Doubling:
    """All that an upscaler sees of one frame.

    Attributes:
        restored: the frame, after restoration.
        source: the same frame before it.
        levels: as in `Fusion`, of the window that it was restored from.
    """

    restored: Pixels
    source: Pixels
    levels: tuple[float, float, float]


class Upscaler(Protocol):
    """A loaded network that doubles single pictures; called as `Network` is."""

    @property
    def concurrent(self) -> bool:
        """See `Network.concurrent`."""
        ...

    @property
    def halo(self) -> int:
        """Pixels of the small picture beyond which nothing influences an output pixel."""
        ...

    @property
    def fingerprint(self) -> bytes:
        """See `Network.fingerprint`."""
        ...

    @property
    def stride(self) -> int:
        """See `Network.stride`."""
        ...

    @property
    def footprint(self) -> Footprint:
        """See `Network.footprint`."""
        ...

    def upscale(self, doubling: Doubling) -> Change:
        """What to add to the restored picture, (H, W), once it is interpolated to (2H, 2W)."""
        ...


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """Weights on offer.

    Attributes:
        path: a safetensors file.
        task: what it was trained for.
        preset: the name it goes by for this task: a network size, or one run in another way.
        mirrored: whether what restores takes the mean of four mirrored views.
    """

    path: Path
    task: str
    preset: str
    mirrored: bool = False


class Backend(Protocol):
    """Runs networks with one library."""

    def speed(self, device: str) -> int:
        """Rank for `backend=auto` on `device` (auto, cpu, gpu:0): the highest available wins."""
        ...

    def missing(self) -> str:
        """Empty if it can run here, else what is missing and how to get it."""
        ...

    def devices(self) -> Sequence[str]:
        """Devices it could use: ("cpu", "gpu:0")."""
        ...

    def load(self, path: Path, *, device: str, precision: str) -> Network:
        """Load a weights file. Raises WeightsError."""
        ...

    def load_upscaler(self, path: Path, *, device: str, precision: str) -> Upscaler:
        """Load a weights file of task upscale2x. Raises WeightsError."""
        ...


class HostAdapter(Protocol):
    """What `vdiff doctor` asks of a host adapter; the host itself drives everything else."""

    def missing(self) -> str:
        """Empty if the host is there, else what is missing and how to get it."""
        ...

    def version(self) -> str:
        """Version of the host's library or program."""
        ...


class Command(Protocol):
    """A subcommand: a typer-ready function, registered under its offered name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it. Its signature is what typer reads."""
        ...
