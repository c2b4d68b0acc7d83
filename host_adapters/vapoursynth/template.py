"""A commented script for a file, and the command that encodes what it gives.

Nothing here needs VapourSynth: the file is probed as the file host does it.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from host_adapters.media import Source, probe
from host_adapters.media.colour import FULL, UNSPECIFIED

_ROTATION = "display_matrix"

_SCRIPT = """\
# Restores {name}. Written by: python -m host_adapters.vapoursynth template {quoted}
#
# See it:     vspipe --info job.vpy
# Encode it (as one line; sound, subtitles and chapters come from the source):
#
{command}
#
# {carried}

import vapoursynth as vs

from host_adapters.vapoursynth import vdiff

core = vs.core

# The source. The first run indexes the file; seeking is exact to the frame.
{opening}
# Colours: {colours}
{correction}
# Restoration. Format, size, frame count and properties stay as they are.
clip = vdiff(
    clip,
    preset="fast",  # "quality" is slower and better
    strength=1.0,  # 0 to 1, or a GRAY clip that says so per pixel
    noise="auto",  # or a level in 8-bit code values, such as 6
    # mask=mask,  # a GRAY clip; where it is 0 the source stays bit for bit
    # planes=[0],  # luma only
    # sc=None,  # trust the scene changes that another filter marked
)

clip.set_output()
"""

_CONSTANT = """\
clip = core.bs.VideoSource({path!r}{options})
"""

_VARIABLE = """\
# Its frame rate varies: each frame is told how long it is shown.
source = core.bs.VideoSource({path!r}{options}, exporttimestamps=True)
times, unit = source["timestamps"], (source["timebasenum"], source["timebaseden"])
steps = [after - before for before, after in zip(times, times[1:])]
steps += steps[-1:] or [1]


def timed(n, f):
    shown = f.copy()
    shown.props["_DurationNum"] = steps[n] * unit[0]
    shown.props["_DurationDen"] = unit[1]
    return shown


clip = source["clip"]
clip = clip.std.BlankClip(fpsnum=0, fpsden=1, keep=True).std.ModifyFrame(clip, timed)
"""

_CORRECTION = """\
# {missing} Where that is wrong, say so here:
# clip = core.std.SetFrameProps(clip, {props})
"""


def template(path: Path) -> str:
    """The script for a file.

    Args:
        path: a video file.

    Raises:
        MediaError: it cannot be read, or may not be processed.
    """
    source = probe(path)
    return _SCRIPT.format(
        name=path.name,
        quoted=shlex.quote(str(path)),
        opening=_opening(source),
        command=_commented(_command(source)),
        carried=_carried(source),
        colours=_colours(source),
        correction=_correction(source),
    )


def _opening(source: Source) -> str:
    text = _CONSTANT if source.index.constant else _VARIABLE
    options = f", track={source.stream}" if source.stream else ""
    return text.format(path=str(source.path), options=options)


def _command(source: Source) -> list[str]:
    """Parts of the pipe line, one to a line."""
    container = "y4m" if _fits_y4m(source) else "mkv"
    demuxer = "yuv4mpegpipe" if container == "y4m" else "matroska"
    given = shlex.quote(str(source.path))
    target = shlex.quote(f"{source.path.stem}.restored.mkv")
    return [
        f"vspipe -c {container} job.vpy - |",
        f"ffmpeg -f {demuxer} -i - -i {given} -map 0:v",
        "-map 1:a? -map 1:s? -map_chapters 1 -map_metadata 1 -c:a copy -c:s copy",
        *([] if source.index.constant else ["-fps_mode passthrough"]),
        *_tagging(source),
        f"-c:v {_encoder(source)} {target}",
    ]


def _fits_y4m(source: Source) -> bool:
    """True where y4m loses nothing but tags: it has no RGB, no 4:4:0, and no frame times."""
    form = source.info.format
    grids = {(0, 0), (1, 0), (1, 1), (2, 0)}
    if _ROTATION in source.side_data:
        grids -= {(1, 0), (2, 0)}  # turned by BestSource, 4:2:2 becomes 4:4:0
    fits = form.family == "gray" or (form.log2_w, form.log2_h) in grids
    return form.family != "rgb" and fits and source.index.constant


def _tagging(source: Source) -> list[str]:
    """Filters that put back the tags which pipes drop. Numbers are those of ITU-T H.273."""
    tags = source.tags
    known = {
        "range": ("pc" if tags.range == FULL else "tv") if tags.range else None,
        "color_primaries": None if tags.primaries == UNSPECIFIED else tags.primaries,
        "color_trc": None if tags.transfer == UNSPECIFIED else tags.transfer,
        "colorspace": None if tags.matrix == UNSPECIFIED else tags.matrix,
    }
    params = ":".join(f"{name}={value}" for name, value in known.items() if value is not None)
    filters = [f"setparams={params}"] if params else []
    if source.sar > 0:
        filters.append(f"setsar={source.sar}")
    place = [f"-chroma_sample_location {tags.chroma}"] if tags.chroma else []
    return [f"-vf {','.join(filters)}", *place] if filters else place


def _encoder(source: Source) -> str:
    form = source.info.format
    if form.family == "yuv" and form.bits == 8 and (form.log2_w, form.log2_h) == (1, 1):
        return "libx264 -crf 16"
    return "ffv1"  # holds every format without loss


def _carried(source: Source) -> str:
    kept = "Pipes drop colour tags and pixel shape; the options above pass them on."
    side = ", ".join(sorted({*source.side_data, *source.frame_data} - {_ROTATION}))
    lost = f"\n# Lost in any pipe, and kept by `vdiff enhance`: {side}." if side else ""
    turned = "\n# BestSource turns the picture upright." if _ROTATION in source.side_data else ""
    return f"{kept}{lost}{turned}"


def _colours(source: Source) -> str:
    info = source.info
    said = [f"range {'full' if info.full_range else 'limited'}", f"chroma {info.chroma_location}"]
    if info.format.family != "gray":
        said.insert(0, f"matrix {info.matrix}")
    return f"{', '.join(said)}; frame properties carry them."


def _correction(source: Source) -> str:
    tags = source.tags
    lacking = {
        "matrix": (tags.known_matrix() is None, "_Matrix=vs.MATRIX_BT709"),
        "range": (not tags.range, "_Range=vs.RANGE_LIMITED"),
    }
    if source.info.format.family != "yuv":
        del lacking["matrix"]
    names = [name for name, (missing, _) in lacking.items() if missing]
    if not names:
        return ""
    props = ", ".join(prop for missing, prop in lacking.values() if missing)
    return _CORRECTION.format(
        missing=f"The file does not name its {' and '.join(names)}, so this is a guess.",
        props=props,
    )


def _commented(parts: list[str]) -> str:
    return " \\\n".join(
        f"#     {part}" if i == 0 else f"#       {part}" for i, part in enumerate(parts)
    )
