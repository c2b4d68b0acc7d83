"""`vdiff`: restoration as a VapourSynth filter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import vapoursynth as vs

from host_adapters.vapoursynth.clips import (
    Source,
    modified,
    modified_in_lanes,
    require_map,
    require_source,
    shifted,
)
from host_adapters.vapoursynth.errors import script_errors
from host_adapters.vapoursynth.formats import video_format
from host_adapters.vapoursynth.restoration import Restoration, Scope, Sessions
from host_adapters.vapoursynth.shared import ENGINE
from vdiff_plugin.errors import SettingsError
from vdiff_plugin.frame import ClipInfo
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings

Planes = int | Sequence[int]


def vdiff(
    clip: vs.VideoNode,
    *,
    task: str = "restore",
    preset: str = "fast",
    strength: float | vs.VideoNode = 1.0,
    noise: float | Literal["auto"] = "auto",
    weights: str | Path | None = None,
    radius: int | None = None,
    lookahead: int | None = None,
    planes: Planes | None = None,
    backend: str = "auto",
    device: str = "auto",
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    tile: int = 0,
    cache: int | str = 1 << 29,
    sc: bool | None = True,
    mask: vs.VideoNode | None = None,
    dither: bool = False,
    stages: str | Sequence[str] = ("vdiff",),
) -> vs.VideoNode:
    """Restore a clip: the same pixels as `vdiff enhance`, in any order and on any threads.

    Args:
        clip: YUV, RGB or GRAY, 8 to 16 bits, half or single float, progressive; format and
            size must not change.
        task: what the weights were trained for.
        preset: network size, "fast" or "quality"; "best" is quality in four mirrors.
        strength: 0 leaves the picture, 1 is full effect; or a GRAY clip that says so per
            pixel, black to white (floats 0 to 1).
        noise: noise level in 8-bit code values, 0 to 100, or "auto".
        weights: a weights file instead of the bundled one.
        radius: frames looked at on each side, at most as many as the weights were trained
            for, which is the default; fewer is faster.
        lookahead: frames looked at after each frame; 0 for live use.
        planes: the planes that are changed; the others stay as they are.
        backend: what runs the network: "auto", "openvino", "keras" or "numpy".
        device: "auto", "cpu", "gpu:0".
        precision: arithmetic of the convolutions: "auto", "fp32", "bf16", "fp16".
        tile: tile edge in pixels, a multiple of 16; 0 chooses by the memory that is free.
        cache: bytes of features kept, such as "512M"; shared by all filters, which get
            the largest that any of them asks for.
        sc: True does not look across the scene cuts that we find, False looks everywhere,
            None trusts `_SceneChangePrev` and `_SceneChangeNext`.
        mask: a GRAY clip that scales the effect per pixel; where it is 0, the source stays
            as it is, bit for bit.
        dither: fixed-pattern dither when rounding to 8 bits.
        stages: chain of stages, such as "vdiff,colour:saturation=1.1".

    Returns:
        A clip of the same length and format, with the properties of the source frames. A
        task that scales gives a larger one.

    Raises:
        vapoursynth.Error: a clip or a value that cannot be; the message says what can.
    """
    with script_errors():
        source = require_source(clip)
        _require_choice("sc", sc, (True, False, None))
        mapped = isinstance(strength, vs.VideoNode)
        settings = Settings.of(
            task=task,
            preset=preset,
            strength=1.0 if mapped else strength,
            noise=noise,
            weights=weights,
            lookahead=lookahead,
            backend=backend,
            device=device,
            precision=precision,
            tile=tile,
            cache=cache,
            scene_cuts=sc is True,
            dither=dither,
            stages=stages,
        )
        maps = {"strength": strength if mapped else None, "mask": mask}
        given = {name: node for name, node in maps.items() if node is not None}
        sessions = Sessions(ENGINE.get(), source.info, settings)
        scope = _scope(sessions.of(source.reading), radius, planes, sc)
        if given or planes is not None:
            _require_same_picture(sessions.of(source.reading), task)
        nodes = [require_map(name, node, clip) for name, node in given.items()]
        return _build(source, sessions, scope, nodes)


def _build(
    source: Source, sessions: Sessions, scope: Scope, maps: Sequence[vs.VideoNode]
) -> vs.VideoNode:
    """The filter's nodes: one looks at each source frame, the next ones render."""
    session = sessions.of(source.reading)
    work = Restoration(sessions, source.info, scope, source.node.format)
    looked = source.node
    if session.radius:  # else there is a stage for single frames, and nothing to share
        looked = modified(source.node, [source.node], work.look)
    window = [shifted(looked, by) for by in range(-scope.before, scope.after + 1)]
    return modified_in_lanes(_blank(source.node, session.clip), [*window, *maps], work.render)


def _scope(session: Session, radius: int | None, planes: Planes | None, sc: bool | None) -> Scope:
    reach = _radius(radius, session.radius)
    return Scope(
        before=reach,
        after=min(reach, session.lookahead),
        trusts_props=sc is None,
        planes=_planes(planes, session.clip.format.colour_planes),
    )


def _radius(radius: int | None, most: int) -> int:
    if radius is None:
        return most
    if not isinstance(radius, int) or not 0 <= radius <= most:
        raise SettingsError(
            f"radius: {radius!r} cannot be; with these weights and stages it is 0 to {most}"
        )
    return radius


def _planes(planes: Planes | None, count: int) -> frozenset[int]:
    every = frozenset(range(count))
    if planes is None:
        return every
    chosen = (planes,) if isinstance(planes, int) else tuple(planes)
    if not chosen or not every.issuperset(chosen):
        raise SettingsError(f"planes: {list(chosen)} cannot be; name some of {sorted(every)}")
    return frozenset(chosen)


def _require_choice(name: str, value: object, choices: Sequence[object]) -> None:
    if not any(value is choice for choice in choices):
        *others, last = map(str, choices)
        raise SettingsError(f"{name}: {value!r} cannot be; it is {', '.join(others)} or {last}")


def _require_same_picture(session: Session, task: str) -> None:
    was, now = session.source, session.clip
    if was.plane_shapes() != now.plane_shapes() or was.format != now.format:
        raise SettingsError(
            f"task {task} with these stages changes size or format; leave out planes, mask and "
            "strength clips"
        )


def _blank(source: vs.VideoNode, clip: ClipInfo) -> vs.VideoNode:
    """A clip that has the output's size and format, and the source's length and rate."""
    form = video_format(clip.format, source.format)
    if (clip.width, clip.height, form.id) == (source.width, source.height, source.format.id):
        return source
    return source.std.BlankClip(width=clip.width, height=clip.height, format=form.id, keep=True)
