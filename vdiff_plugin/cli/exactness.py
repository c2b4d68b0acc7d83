"""One stretch of a clip rendered in every way that must not matter, as hashes.

Each way opens an engine of its own, so that no cache carries over from the last one.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.plugins import Offers, load_offers
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings

Hashes = dict[int, str]  # frame number -> hash of its samples
_THREADS = 8
_SMALL_TILE = 128  # pixels


class Stretch:
    """Frames of a clip, held in memory, and the settings to render them with.

    Args:
        clip: the whole clip; its length must be known.
        frames: the frames that rendering `wanted` needs: all of them, and those in the
            windows around them.
        wanted: frame numbers to render.
        settings: how.
        offers: what plug-ins offer; by default those of all installed plug-ins.
    """

    def __init__(
        self,
        clip: ClipInfo,
        frames: Mapping[int, Frame],
        wanted: range,
        settings: Settings,
        *,
        offers: Offers | None = None,
    ) -> None:
        self._clip = clip
        self._frames = frames
        self._wanted = wanted
        self._settings = settings
        self._offers = load_offers() if offers is None else offers

    def ways(self) -> Iterator[tuple[str, Callable[[], Hashes]]]:
        """What to compare: a name, and what renders that way. The first is the measure."""
        settings = self._settings
        yield "sequential", lambda: self._one_by_one(self._wanted)
        yield "random order", lambda: self._one_by_one(self._shuffled())
        yield f"{_THREADS} threads", self._threaded
        yield "tiny cache", lambda: self._one_by_one(self._wanted, cache=self._tiny())
        yield "no cache", lambda: self._one_by_one(self._wanted, cache=0)
        if settings.tile != _SMALL_TILE:
            tiles = f"tiles of {_SMALL_TILE}"
            yield tiles, lambda: self._one_by_one(self._wanted, tile=_SMALL_TILE)
        yield "two halves", self._halves

    def _one_by_one(self, order: Sequence[int], **changes: int) -> Hashes:
        settings = Settings.of(**{**dict(self._settings), **changes})
        with Engine(offers=self._offers) as engine, engine.open(self._clip, settings) as session:
            return {n: self._hash(session, n) for n in order}

    def _threaded(self) -> Hashes:
        with (
            Engine(offers=self._offers) as engine,
            engine.open(self._clip, self._settings) as session,
            ThreadPoolExecutor(_THREADS) as pool,
        ):
            order = self._shuffled()
            hashes = pool.map(lambda n: self._hash(session, n), order)
            return dict(zip(order, hashes, strict=True))

    def _halves(self) -> Hashes:
        """As two machines would: each half by an engine that never saw the other."""
        middle = len(self._wanted) // 2
        first, second = self._wanted[:middle], self._wanted[middle:]
        return {**self._one_by_one(second), **self._one_by_one(first)}

    def _hash(self, session: Session, n: int) -> str:
        needed = {m: self._frames[m] for m in session.needed(n)}
        frame = session.render(n, needed)
        return replace(frame, derived_key=b"").key.hex()

    def _shuffled(self) -> list[int]:
        return random.Random(0).sample(self._wanted, len(self._wanted))

    def _tiny(self) -> int:
        """Bytes of about four frames: less than a window's features and pixels."""
        return 4 * self._frames[self._wanted[0]].nbytes


def digest(hashes: Hashes) -> str:
    """One hash for a whole stretch."""
    text = " ".join(f"{n}:{hashes[n]}" for n in sorted(hashes))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def differing(hashes: Hashes, measure: Hashes) -> list[int]:
    """Frame numbers whose pixels differ."""
    return sorted(n for n in measure if hashes.get(n) != measure[n])
