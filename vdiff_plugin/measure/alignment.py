"""Which frame of one clip is to be compared with which of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.errors import UnknownNameError, UsageError
from vdiff_plugin.frame import ClipInfo

Numbers = NDArray[np.int64]  # for each frame of the reference the frame of the other, or NONE
NONE = -1
ALIGNMENTS = ("index", "pts")


class Timed(Protocol):
    """A clip of which is known when frames are shown."""

    @property
    def info(self) -> ClipInfo:
        """Size and format."""
        ...

    @property
    def times(self) -> Sequence[Fraction]:
        """Seconds at which each frame is shown, increasing."""
        ...


def align(kind: str, reference: Timed, other: Timed, name: str) -> Numbers:
    """Frame numbers of `other` for each frame of `reference`.

    Args:
        kind: `index` pairs frame n with frame n; `pts` pairs frames shown at one time.
        reference: what is compared with.
        other: what is compared.
        name: of `other`, for messages.

    Raises:
        UnknownNameError: no such kind.
        UsageError: clips that do not go together.
    """
    if kind not in ALIGNMENTS:
        raise UnknownNameError("alignment", kind, ALIGNMENTS)
    require_alike(reference.info, other.info, name)
    pair: Callable[[Timed, Timed, str], Numbers] = {"index": _by_index, "pts": _by_time}[kind]
    return pair(reference, other, name)


def require_alike(reference: ClipInfo, other: ClipInfo, name: str) -> None:
    """Refuse pictures that cannot be compared sample by sample; depths may differ.

    Raises:
        UsageError: another size, colour family, chroma subsampling or range.
    """
    size, theirs = (f"{one.width}x{one.height}" for one in (reference, other))
    if size != theirs:
        raise UsageError(
            f"{name}: {theirs} pixels, but the reference has {size}; scale one of them first "
            f"(ffmpeg -i IN -vf scale={reference.width}:{reference.height} -c:v ffv1 OUT.mkv)"
        )
    form, its = reference.format, other.format
    layout, their_layout = (
        (one.family, one.log2_w, one.log2_h, one.is_float) for one in (form, its)
    )
    if layout != their_layout:
        raise UsageError(
            f"{name}: {_describe(other)}, but the reference is {_describe(reference)}; convert "
            "one of them first (ffmpeg -i IN -pix_fmt FORMAT -c:v ffv1 OUT.mkv)"
        )
    if reference.full_range != other.full_range:
        names = {True: "full", False: "limited"}
        raise UsageError(
            f"{name}: {names[other.full_range]} range, but the reference has "
            f"{names[reference.full_range]}; convert one first (ffmpeg -i IN -vf "
            f"scale=out_range={names[reference.full_range]} -c:v ffv1 OUT.mkv)"
        )


def _describe(clip: ClipInfo) -> str:
    form = clip.format
    if form.family != "yuv":
        return form.family.upper() if form.family == "rgb" else "grey"
    names = {(0, 0): "4:4:4", (1, 0): "4:2:2", (1, 1): "4:2:0", (0, 1): "4:4:0", (2, 0): "4:1:1"}
    return names.get((form.log2_w, form.log2_h), "4:1:0")


def _by_index(reference: Timed, other: Timed, name: str) -> Numbers:
    count, theirs = len(reference.times), len(other.times)
    if count != theirs:
        raise UsageError(
            f"{name}: {theirs} frames, but the reference has {count}; give clips of one length, "
            "or --align pts to compare what is shown at the same time"
        )
    return np.arange(count, dtype=np.int64)


def _by_time(reference: Timed, other: Timed, name: str) -> Numbers:
    """The nearest frame, if it is less than half a frame away, each frame once."""
    ours, theirs = (np.array([float(t) for t in one.times]) for one in (reference, other))
    reach = min(_half_step(ours), _half_step(theirs))
    at = np.clip(np.searchsorted(theirs, ours), 1, max(1, len(theirs) - 1))
    before, after = np.clip(at - 1, 0, None), np.clip(at, None, len(theirs) - 1)
    nearest = np.where(ours - theirs[before] <= theirs[after] - ours, before, after)
    found = np.where(np.abs(theirs[nearest] - ours) < reach, nearest, NONE).astype(np.int64)
    repeated = np.concatenate(([False], (found[1:] == found[:-1]) & (found[1:] != NONE)))
    found[repeated] = NONE
    if (found == NONE).all():
        raise UsageError(
            f"{name}: no frame is shown at the time of one of the reference ({_span(ours)} and "
            f"{_span(theirs)}); use --align index"
        )
    return found


def _half_step(times: NDArray[np.float64]) -> float:
    return float(np.median(np.diff(times))) / 2 if len(times) > 1 else 0.02


def _span(times: NDArray[np.float64]) -> str:
    return f"{times[0]:.3f} to {times[-1]:.3f} s"
