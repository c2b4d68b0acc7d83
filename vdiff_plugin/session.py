"""One open clip: `needed(n)` says which frames, `render(n, frames)` gives frame n.

A session holds a chain of stages and no frame. Frames between two stages are kept in
the engine's cache, addressed by the chain that made them and by the content of the
source frames they came from, so that what is kept can never change a pixel.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Self
from weakref import WeakValueDictionary

from vdiff_plugin import memory
from vdiff_plugin.contracts import Cache, Preparing, Services, Stage, StageFactory, Weighed
from vdiff_plugin.errors import FrameError, PluginError, ResourceError, UsageError
from vdiff_plugin.frame import ClipInfo, Frame, Window
from vdiff_plugin.plugins import Catalogue
from vdiff_plugin.room import MOST_WAITING, Load, Room, Weight, megabytes
from vdiff_plugin.settings import Settings, parse_stage
from vdiff_plugin.turns import Turns

logger = logging.getLogger(__name__)

_MOST_WORKERS = 64  # of any host
_UNWEIGHED = 8  # times a frame, that stages may take which do not say: copies in float32


@dataclass(frozen=True, kw_only=True)
class Link:
    """One stage in its place in the chain.

    Attributes:
        name: what it is called in `--stages`.
        stage: the stage itself.
        fingerprint: of the chain up to and with this stage, and of the clip.
        later: frames on each side of n that the stages after it need together.
    """

    name: str
    stage: Stage
    fingerprint: bytes
    later: int

    @property
    def weight(self) -> Weight:
        """What the stage takes, and its frames in the cache."""
        stage = self.stage
        frame = stage.clip.frame_bytes
        kept = Weight(render=0, kept=frame if self.later else 0)
        own = stage.weight if isinstance(stage, Weighed) else Weight(render=_UNWEIGHED * frame)
        return own + kept

    def render(self, window: Window) -> Frame:
        """The stage's frame n. Raises PluginError if it does not fit the stage's own clip."""
        frame = self.stage.render(window)
        try:
            return frame.require(self.stage.clip)
        except FrameError as error:
            raise PluginError(f"stage {self.name!r} broke its contract: {error}") from error


class Session:
    """A chain of stages over one clip. Any number of threads may render at once.

    Open it with `Engine.open` or `vdiff_plugin.open_clip`, and close it, or use it as a
    context manager.

    Attributes:
        source: the clip that goes in.
        radius: frames on each side of n that a frame of the output can depend on.
        lookahead: frames after n that it can depend on, at most `radius`.
    """

    def __init__(
        self,
        source: ClipInfo,
        links: tuple[Link, ...],
        cache: Cache,
        lookahead: int | None = None,
        cache_bytes: int = 0,
        spare: Callable[[], bool] = lambda: False,
    ) -> None:
        self.source = source
        self.radius = sum(link.stage.radius for link in links)
        self.lookahead = self.radius if lookahead is None else min(lookahead, self.radius)
        self._links = links
        self._cache = cache
        self._cache_bytes = cache_bytes
        self._spare = spare
        self._free = memory.free_bytes()
        self._load = Load(
            source=source.frame_bytes,
            output=self.clip.frame_bytes,
            window=2 * self.radius + 1,
            weight=sum((link.weight for link in links), Weight(render=0)),
        )
        alone = Room(workers=_MOST_WORKERS, waiting=1, cache=0)
        self._turns = Turns(self._load.fit(alone, self._free).workers)
        self._told: Room | None = None
        self._fitting: WeakValueDictionary[int, Frame] = WeakValueDictionary()
        self._closed = False

    @property
    def clip(self) -> ClipInfo:
        """What comes out."""
        return self._links[-1].stage.clip

    @property
    def fingerprint(self) -> bytes:
        """Differs whenever the same source frames could give other pixels."""
        fingerprint = self._links[-1].fingerprint
        if self.lookahead == self.radius:
            return fingerprint
        return _digest(fingerprint, f"lookahead {self.lookahead}".encode())

    def room(self, workers: int) -> Room:
        """What may be in memory at once, by how much was free when the clip was opened.

        Hosts that work ahead keep to it.

        Args:
            workers: threads that the host would like to render with.
        """
        wanted = Room(workers=workers, waiting=MOST_WAITING, cache=self._cache_bytes)
        room = self._load.fit(wanted, self._free)
        if room != self._told:
            self._told = room
            logger.debug("of %s of free memory: %s", megabytes(self._free), room)
        return room

    def needed(self, n: int, *, length: int | None = None) -> range:
        """The frames that frame n depends on: n-radius .. n+lookahead within the clip.

        Args:
            n: frame number, from 0.
            length: frames in the clip, where it was unknown when the session was opened.

        Raises:
            FrameError: there is no frame n.
        """
        end = self._end(length)
        if n < 0 or (end is not None and n >= end):
            has = f"it has {end} frames" if end is not None else "frames count from 0"
            raise FrameError(f"no frame {n} in the clip; {has}")
        stop = n + self.lookahead + 1
        return range(max(0, n - self.radius), stop if end is None else min(stop, end))

    def render(self, n: int, frames: Mapping[int, Frame], *, length: int | None = None) -> Frame:
        """Frame n of the output, whatever was rendered before and by which thread.

        Args:
            n: frame number, from 0.
            frames: at least the frames `needed(n)`; others are not looked at.
            length: frames in the clip, where it was unknown when the session was opened.

        Raises:
            FrameError: a needed frame is missing, or does not fit the clip.
            ResourceError: memory ran out, whatever was tried.
            UsageError: the session is closed.
        """
        self._require_open()
        needed = self.needed(n, length=length)
        window = {m: self._fit(m, n, frames) for m in needed}
        while True:
            most = self._turns.most
            try:
                with self._turns.turn():
                    return _Rendering(self._links, self._cache, window).frame(len(self._links), n)
            except (MemoryError, ResourceError) as error:
                self._make_room(most, error)

    def prepare(self, frame: Frame) -> None:
        """Do ahead what the first stage can do with one source frame alone.

        What it finds is kept in the cache; `render` finds it there, and does without it.
        For hosts that get frames before whole windows.

        Raises:
            FrameError: the frame does not fit the clip.
            UsageError: the session is closed.
        """
        self._require_open()
        stage = self._links[0].stage
        if isinstance(stage, Preparing):
            stage.prepare(frame.require(self.source))

    def close(self) -> None:
        """Close the stages, the last one first. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as stack:
            for link in self._links:
                stack.callback(link.stage.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make_room(self, most: int, error: Exception) -> None:
        """After memory ran out with `most` threads: fewer of them, and a smaller cache.

        Raises:
            ResourceError: a single one with nothing in the cache has not enough.
        """
        if not self._spare() and most == 1:
            if isinstance(error, ResourceError):
                raise error
            raise ResourceError(
                f"not enough memory for a single frame of {self.source.width}x"
                f"{self.source.height}; close other programs, or scale the clip down"
            ) from error
        if self._turns.halve(most):
            logger.warning("memory ran out; going on with %d frames at a time", self._turns.most)

    def _require_open(self) -> None:
        if self._closed:
            raise UsageError("the session is closed; open the clip again")

    def _end(self, length: int | None) -> int | None:
        return self.source.length if length is None else length

    def _fit(self, m: int, n: int, frames: Mapping[int, Frame]) -> Frame:
        """Frame `m`, checked once for as long as the caller keeps it."""
        frame = frames.get(m)
        if frame is None:
            raise FrameError(f"frame {n} needs frame {m}, which was not given; see needed({n})")
        if self._fitting.get(id(frame)) is not frame:
            self._fitting[id(frame)] = frame.require(self.source)
        return frame


class _Rendering:
    """One call of `render`: level 0 is the source, level k the output of the k-th stage."""

    def __init__(self, links: tuple[Link, ...], cache: Cache, source: Mapping[int, Frame]) -> None:
        self._links = links
        self._cache = cache
        self._source = source
        self._keys: dict[tuple[int, int], bytes] = {}

    def frame(self, level: int, n: int) -> Frame:
        """Frame n of a level; kept where a later stage will ask for it again."""
        if level == 0:
            return self._source[n]
        if not self._links[level - 1].later:
            return self._compute(level, n)
        key = self._key(level, n)
        return self._cache.get(
            ("frame", key), lambda: replace(self._compute(level, n), derived_key=key)
        )

    def _compute(self, level: int, n: int) -> Frame:
        link = self._links[level - 1]
        frames = tuple(
            self.frame(level - 1, m) if m in self._source else None for m in self._window(link, n)
        )
        return link.render(Window(n, frames))

    def _key(self, level: int, n: int) -> bytes:
        """Content address of a frame, known before the frame is."""
        if level == 0:
            return self._source[n].key
        if (level, n) not in self._keys:
            link = self._links[level - 1]
            digest = hashlib.blake2b(link.fingerprint, digest_size=16)
            for m in self._window(link, n):
                digest.update(self._key(level - 1, m) if m in self._source else b"no frame")
            self._keys[level, n] = digest.digest()
        return self._keys[level, n]

    @staticmethod
    def _window(link: Link, n: int) -> range:
        return range(n - link.stage.radius, n + link.stage.radius + 1)


def open_session(
    clip: ClipInfo,
    settings: Settings,
    *,
    stages: Catalogue[StageFactory],
    services: Services,
    spare: Callable[[], bool] = lambda: False,
) -> Session:
    """Build the chain that `settings.stages` names.

    Args:
        clip: what comes in.
        settings: how it is processed.
        stages: on offer.
        services: what stages build with.
        spare: gives up memory that is kept to save time only; False if there was none.

    Raises:
        UnknownNameError: a stage that nothing offers.
        SettingsError: options that a stage does not take.
        PluginError: a stage that breaks its contract.
    """
    with ExitStack() as opened:
        chain: list[tuple[str, Stage]] = []
        source = clip
        for text in settings.stages:
            name, options = parse_stage(text)
            stage = stages.find(name)(source, settings, options, services)
            opened.callback(stage.close)
            _require_stage(name, stage, source)
            chain.append((name, stage))
            source = stage.clip
        session = Session(
            clip, _link(clip, chain), services.cache, settings.lookahead, settings.cache, spare
        )
        opened.pop_all()
        return session


def _link(clip: ClipInfo, chain: list[tuple[str, Stage]]) -> tuple[Link, ...]:
    links = []
    later = sum(stage.radius for _, stage in chain)
    fingerprint = _digest(repr(replace(clip, length=None)).encode())
    for name, stage in chain:
        later -= stage.radius
        fingerprint = _digest(fingerprint, name.encode(), stage.fingerprint)
        links.append(Link(name=name, stage=stage, fingerprint=fingerprint, later=later))
    return tuple(links)


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


def _require_stage(name: str, stage: Stage, source: ClipInfo) -> None:
    if stage.radius < 0:
        raise PluginError(f"stage {name!r} has radius {stage.radius}; it must be 0 or more")
    if stage.clip.length != source.length:
        raise PluginError(
            f"stage {name!r} makes {stage.clip.length} frames of {source.length}; "
            "a stage keeps the frame count"
        )
