"""Engine: what one process shares between its sessions. Plug-ins, cache, loaded networks."""

from __future__ import annotations

import hashlib
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self
from weakref import WeakSet

from vdiff_plugin.allocator import hand_back_memory
from vdiff_plugin.cache import FeatureCache
from vdiff_plugin.contracts import (
    Aligner,
    Backend,
    Change,
    ChangeDetector,
    Doubling,
    FeatureExtractor,
    Footprint,
    Fusion,
    Network,
    Pixels,
    Upscaler,
)
from vdiff_plugin.errors import SettingsError, UnknownNameError, UsageError, WeightsError
from vdiff_plugin.frame import ClipInfo
from vdiff_plugin.plugins import Catalogue, Offers, load_offers
from vdiff_plugin.room import MOST_WAITING
from vdiff_plugin.session import Session, open_session
from vdiff_plugin.settings import Settings, parse_stage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_USUAL_WORKERS = 2  # threads that a host renders with, at least


class Engine:
    """Opens sessions and is the `Services` of their stages. Any thread may call it.

    One a process is enough, and best: its sessions share the cache and the networks.

    Args:
        offers: what plug-ins offer; by default those of all installed plug-ins.

    Raises:
        PluginError: an installed plug-in is broken.
    """

    def __init__(self, *, offers: Offers | None = None) -> None:
        self.offers = load_offers() if offers is None else offers
        self._cache = FeatureCache(0)
        self._sessions: WeakSet[Session] = WeakSet()
        self._backends: dict[str, Backend] = {}
        self._networks: dict[tuple[str, ...], Network] = {}
        self._upscalers: dict[tuple[str, ...], Upscaler] = {}
        self._loading = threading.Lock()
        self._inference = threading.Lock()

    @property
    def cache(self) -> FeatureCache:
        """Shared by all sessions; as large as the largest `cache` any of them asked for.

        Less where memory is short.
        """
        return self._cache

    def open(self, clip: ClipInfo, settings: Settings | None = None) -> Session:
        """A session that processes `clip` as `settings` say.

        Raises:
            UnknownNameError: a stage, task, preset or backend that nothing offers.
            SettingsError: options that a stage does not take.
            WeightsError: damaged or foreign weights.
        """
        settings = settings or Settings.of()
        session = open_session(
            clip, settings, stages=self.offers.stages, services=self, spare=self._spare
        )
        room = session.room(_USUAL_WORKERS)
        if room.waiting < MOST_WAITING:
            hand_back_memory()
        self.reserve(room.cache)
        self._sessions.add(session)
        return session

    def reserve(self, size: int) -> None:
        """Let the cache hold `size` bytes at least."""
        with self._loading:
            self._cache.resize(max(self._cache.limit, size))

    def _spare(self) -> bool:
        """Empty the cache and halve it; False if there was nothing in it."""
        with self._loading:
            held = self._cache.statistics.entries
            self._cache.clear()
            self._cache.resize(self._cache.limit // 2)
        return held > 0

    def extractor(self, name: str) -> FeatureExtractor:
        """Build a feature extractor; options as in a stage list, `vgg16:layer=block2_conv2`.

        Raises:
            UnknownNameError: no such extractor.
            SettingsError: options that it does not take.
        """
        return _build(self.offers.extractors, name, self)

    def change_detector(self, name: str) -> ChangeDetector:
        """Build the change detector `name`. Raises UnknownNameError."""
        return _build(self.offers.change_detectors, name)

    def aligner(self, name: str) -> Aligner:
        """Build the aligner `name`. Raises UnknownNameError."""
        return _build(self.offers.aligners, name)

    def network(self, settings: Settings) -> Network:
        """The network that `settings` ask for; loaded once, calls one at a time.

        Raises:
            UnknownNameError: no such task, preset or backend.
            UsageError: no backend can run it here.
            WeightsError: damaged or foreign weights.
        """
        path = self._weights(settings)
        with self._loading:
            name, backend = self._choose_backend(settings)
            key = (_content_hash(path), name, settings.device, settings.precision)
            if key not in self._networks:
                loaded = backend.load(path, device=settings.device, precision=settings.precision)
                self._networks[key] = (
                    loaded if loaded.concurrent else SerialNetwork(loaded, self._inference)
                )
            return self._networks[key]

    def mirrored(self, settings: Settings) -> bool:
        """Whether the preset that `settings` name restores in four mirrors.

        Raises:
            UnknownNameError: no such task or preset; beside weights of one's own, no preset of
                that name for any task that there are weights for.
        """
        if settings.weights is None:
            return self.offers.weights_for(settings.task, settings.preset).mirrored
        named = [one for one in self.offers.weights if one.preset == settings.preset]
        if not named and self.offers.weights:
            raise UnknownNameError("preset", settings.preset, _presets(self.offers))
        return any(one.mirrored for one in named)

    def upscaler(self, settings: Settings) -> Upscaler:
        """As `network`, for the network that doubles pictures."""
        path = self._weights(settings)
        with self._loading:
            name, backend = self._choose_backend(settings)
            key = (_content_hash(path), name, settings.device, settings.precision)
            if key not in self._upscalers:
                loaded = backend.load_upscaler(
                    path, device=settings.device, precision=settings.precision
                )
                self._upscalers[key] = (
                    loaded if loaded.concurrent else SerialUpscaler(loaded, self._inference)
                )
            return self._upscalers[key]

    def close(self) -> None:
        """Close what sessions are still open, and let go of networks and cache."""
        with ExitStack() as stack:
            for session in list(self._sessions):
                stack.callback(session.close)
        self._networks.clear()
        self._upscalers.clear()
        self._backends.clear()
        self._cache.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _weights(self, settings: Settings) -> Path:
        return settings.weights or self.offers.weights_for(settings.task, settings.preset).path

    def _choose_backend(self, settings: Settings) -> tuple[str, Backend]:
        """The backend asked for, or of those that can run here the one of highest speed."""
        names = list(self.offers.backends) if settings.backend == "auto" else [settings.backend]
        reasons = {name: self._hindrance(self._backend(name), settings.device) for name in names}
        able = [name for name, reason in reasons.items() if not reason]
        if not able:
            listed = ", ".join(f"{name}: {reason}" for name, reason in reasons.items())
            raise UsageError(
                f"no backend can run the network on {settings.device} "
                f"({listed or 'none is installed'}); {_remedy(settings)}"
            )
        name = max(able, key=lambda each: self._backend(each).speed(settings.device))
        return name, self._backend(name)

    def _backend(self, name: str) -> Backend:
        if name not in self._backends:
            self._backends[name] = self.offers.backends.find(name)()
        return self._backends[name]

    @staticmethod
    def _hindrance(backend: Backend, device: str) -> str:
        """Why `backend` cannot run on `device`; empty if it can.

        Only a wish for a GPU makes it list its devices: that can take seconds.
        """
        if (missing := backend.missing()) or device in ("auto", "cpu"):
            return missing
        devices = backend.devices()
        if any(each == device or each.startswith(f"{device}:") for each in devices):
            return ""
        return f"has {', '.join(devices)}"


class SerialNetwork:
    """A network whose calls go one at a time, whatever thread or session they come from.

    Args:
        network: does the work.
        lock: held while it does; one an engine.
    """

    def __init__(self, network: Network, lock: threading.Lock) -> None:
        self._network = network
        self._lock = lock

    @property
    def concurrent(self) -> bool:
        """True: the lock sees to it."""
        return True

    @property
    def radius(self) -> int:
        """Neighbours on each side."""
        return self._network.radius

    @property
    def stride(self) -> int:
        """Width and height of `Pixels` must be multiples of this."""
        return self._network.stride

    @property
    def halo(self) -> int:
        """Pixels beyond which nothing influences an output pixel."""
        return self._network.halo

    @property
    def alignment(self) -> str:
        """The aligner it was trained with."""
        return self._network.alignment

    @property
    def fingerprint(self) -> bytes:
        """Hash of architecture and weights."""
        return self._network.fingerprint

    @property
    def footprint(self) -> Footprint:
        """Memory that it takes."""
        return self._network.footprint

    def extract(self, pixels: Pixels) -> NDArray[np.uint8]:
        """Features of one frame, (H/4, W/4, C)."""
        with self._lock:
            return self._network.extract(pixels)

    def restore(self, fusion: Fusion) -> Change:
        """Diffuse and restore one frame."""
        with self._lock:
            return self._network.restore(fusion)


class SerialUpscaler:
    """The same for a network that doubles pictures; shares the lock."""

    def __init__(self, upscaler: Upscaler, lock: threading.Lock) -> None:
        self._upscaler = upscaler
        self._lock = lock

    @property
    def concurrent(self) -> bool:
        """True: the lock sees to it."""
        return True

    @property
    def stride(self) -> int:
        """Width and height of `Pixels` must be multiples of this."""
        return self._upscaler.stride

    @property
    def halo(self) -> int:
        """Pixels of the small picture beyond which nothing influences an output pixel."""
        return self._upscaler.halo

    @property
    def fingerprint(self) -> bytes:
        """Hash of architecture and weights."""
        return self._upscaler.fingerprint

    @property
    def footprint(self) -> Footprint:
        """Memory that it takes."""
        return self._upscaler.footprint

    def upscale(self, doubling: Doubling) -> Change:
        """What to add to an interpolated picture."""
        with self._lock:
            return self._upscaler.upscale(doubling)


@contextmanager
def open_clip(clip: ClipInfo, settings: Settings | None = None) -> Iterator[Session]:
    """One session with an engine of its own, as a context manager.

    Args:
        clip: size, format and, where known, length of what goes in.
        settings: how it is processed; the defaults restore at full strength.
    """
    with Engine() as engine, engine.open(clip, settings) as session:
        yield session


def _build[T](catalogue: Catalogue[Callable[..., T]], text: str, *parts: object) -> T:
    """Call the factory that `text` names, with `parts` and the options that it gives."""
    name, options = parse_stage(text)
    factory = catalogue.find(name)
    try:
        inspect.signature(factory).bind(*parts, **options)
    except TypeError as error:
        raise SettingsError(f"{catalogue.kind} {name}: {error}; write just {name}") from error
    return factory(*parts, **options)


def _presets(offers: Offers) -> list[str]:
    return sorted({one.preset for one in offers.weights})


def _remedy(settings: Settings) -> str:
    """What to do where no backend can do what `settings` ask for."""
    if settings.device not in ("auto", "cpu"):
        return "give --device cpu or auto; vdiff doctor says what is missing"
    return "vdiff doctor says what is missing"


def _content_hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}; give a readable weights file") from error
