"""Which encoder and which pixel format: what the user names, else what keeps every bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import av
from av.video.format import names as libav_formats

from host_adapters.media.convert import is_exact
from host_adapters.media.formats import Layout, layout_of, planar_layout
from vdiff_plugin.errors import SettingsError, UnknownNameError, UnsupportedMediaError
from vdiff_plugin.frame import ClipInfo, PixelFormat

_ALIASES = {
    "h264": "libx264",
    "avc": "libx264",
    "x264": "libx264",
    "h265": "libx265",
    "hevc": "libx265",
    "x265": "libx265",
    "av1": "libsvtav1",
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "prores": "prores_ks",
    "mpeg2": "mpeg2video",
}
_USUAL = (
    *("libx264", "libx264rgb", "libx265", "libsvtav1", "libvpx", "libvpx-vp9"),
    *("ffv1", "ffvhuff", "huffyuv", "utvideo", "magicyuv", "png", "jpeg2000", "qtrle", "v210"),
    *("prores_ks", "dnxhd", "cfhd", "mjpeg", "mpeg2video", "mpeg4", "rawvideo"),
    *("h264_nvenc", "hevc_nvenc", "av1_nvenc"),
)
_DEFAULTS = {  # in this order, the first one that holds the clip exactly
    "matroska": ("libx264", "libx265", "ffv1"),
    "mp4": ("libx264", "libx265", "libvpx-vp9", "libsvtav1"),
    "mov": ("libx264", "libx265", "prores_ks", "png"),
    "webm": ("libvpx-vp9", "libsvtav1"),
    "avi": ("ffv1",),  # H.264 without times is read one frame late
    "mpegts": ("libx264", "libx265"),
}
_ANYWHERE = ("libx264", "libx265", "ffv1")
_LOSSLESS = {"ffv1", "png"}
_WITH_ALPHA = {"prores_ks", "libvpx-vp9"}
_EVEN_ONLY = {"libx264", "libx264rgb", "libx265"}
_SMALLEST = {"libx265": 16}
_DEEPEST = {"libx264": 8}  # by default; it can do 10 bits, but players expect HEVC there


@dataclass(frozen=True, kw_only=True)
class EncodeOptions:
    """How a video is written; what is left out is chosen so that nothing is lost.

    Attributes:
        codec: an encoder of libav, or a usual name such as h264, hevc, av1.
        crf: quality of those codecs that have it; lower is better and larger.
        pix_fmt: libav's name of the pixel format to write.
        encoder_options: handed to the encoder as they are.
    """

    codec: str | None = None
    crf: float | None = None
    pix_fmt: str | None = None
    encoder_options: Mapping[str, str] = field(default_factory=dict)

    @property
    def depth(self) -> int | None:
        """Bits a sample that `pix_fmt` asks for. Raises UnknownNameError, SettingsError."""
        return layout_named(self.pix_fmt).format.bits if self.pix_fmt else None

    def require_known(self) -> None:
        """Raise UnknownNameError or SettingsError for names that mean nothing."""
        if self.codec is not None:
            find_encoder(self.codec)
        if self.pix_fmt is not None:
            layout_named(self.pix_fmt)


def known_codecs() -> tuple[str, ...]:
    """Usual video encoders that are there."""
    return tuple(name for name in _USUAL if _encoder(name) is not None)


def layout_named(name: str) -> Layout:
    """The layout of a pixel format that the user named.

    Raises:
        UnknownNameError: libav has no such format.
        SettingsError: it has, but we do not write it.
    """
    if name not in libav_formats:
        usual = ("yuv420p", "yuv422p", "yuv444p", "gray", "gbrp")
        deep = [f"{each}{bits}le" for each in usual for bits in (10, 12, 16)]
        raise UnknownNameError("pixel format", name, [*usual, *deep])
    try:
        return layout_of(name)
    except UnsupportedMediaError as error:
        raise SettingsError(f"pixel format {name} cannot be written; take one of 8 to 16 bits a "
                            "sample") from error  # fmt: skip


def choose_encoder(
    clip: ClipInfo, container: str, options: EncodeOptions, like: str = ""
) -> tuple[str, Layout]:
    """Name of the encoder and the layout it gets.

    Args:
        clip: what the session gives out.
        container: libav's name of the output format.
        options: what the user asks for.
        like: libav's name of the input's pixel format, taken where it serves.

    Raises:
        UnknownNameError: no such codec or pixel format.
        SettingsError: nothing fits the container, or the codec not the pixel format.
    """
    wanted = layout_named(options.pix_fmt) if options.pix_fmt else None
    if options.codec is not None:
        codec = find_encoder(options.codec)
        return codec, _layout_for(codec, clip, wanted, like)
    form = wanted.format if wanted else clip.format
    for codec in _DEFAULTS.get(container, _ANYWHERE):
        if _is_default_for(codec, form, clip) and (layout := _holding(codec, form, like)):
            return codec, layout
    raise SettingsError(
        f"no usual codec of {container} keeps {describe(form)} at {clip.width}x{clip.height}; "
        "write to .mkv, or choose --codec and --pix-fmt"
    )


def find_encoder(name: str) -> str:
    """Libav's name of the video encoder `name`. Raises UnknownNameError."""
    found = _ALIASES.get(name.lower(), name)
    if _encoder(found) is None:
        raise UnknownNameError("video codec", name, known_codecs())
    return found


def describe(form: PixelFormat) -> str:
    """A pixel format in words, `10-bit yuv 4:2:0 with alpha`."""
    chroma = {(0, 0): " 4:4:4", (1, 0): " 4:2:2", (1, 1): " 4:2:0", (0, 1): " 4:4:0"}
    grid = chroma.get((form.log2_w, form.log2_h), " 4:1:1") if form.family == "yuv" else ""
    return f"{form.bits}-bit {form.family}{grid}{' with alpha' * form.alpha}"


def _is_default_for(codec: str, form: PixelFormat, clip: ClipInfo) -> bool:
    """Whether people expect this codec to be chosen for such a clip, and it can hold it."""
    if codec in _LOSSLESS:
        return True
    if form.family == "rgb" or (form.alpha and codec not in _WITH_ALPHA):
        return False
    if form.family == "gray" and codec == "libx264":
        return False  # libav's decoder gives it chroma
    return form.bits <= _DEEPEST.get(codec, 16) and _fits_size(codec, form, clip)


def _fits_size(codec: str, form: PixelFormat, clip: ClipInfo) -> bool:
    if min(clip.width, clip.height) < _SMALLEST.get(codec, 1):
        return False
    odd = clip.width % (1 << form.log2_w) or clip.height % (1 << form.log2_h)
    return not (odd and codec in _EVEN_ONLY)


def _layout_for(codec: str, clip: ClipInfo, wanted: Layout | None, like: str) -> Layout:
    layout = _same(codec, wanted) if wanted else _holding(codec, clip.format, like)
    if layout is None:
        what = wanted.name if wanted else describe(clip.format)
        raise SettingsError(
            f"{codec} cannot hold {what}; have --pix-fmt {', '.join(_formats(codec))}, "
            "or --codec ffv1, which holds nearly all (in .mkv)"
        )
    if not _fits_size(codec, layout.format, clip):
        raise SettingsError(
            f"{codec} cannot hold {clip.width}x{clip.height} at {layout.name}; use --codec ffv1 "
            "(in .mkv) or libvpx-vp9"
        )
    return layout


def _same(codec: str, wanted: Layout) -> Layout | None:
    """`wanted`, or another layout of the very same samples, if the codec takes one."""
    names = _formats(codec)
    if not names or wanted.name in names:
        return wanted
    return next((each for each in map(layout_of, names) if each.format == wanted.format), None)


def _holding(codec: str, form: PixelFormat, like: str) -> Layout | None:
    """Of the codec's layouts that keep every sample of `form`, the one that adds least."""
    if not _formats(codec):
        return planar_layout(form)
    fitting = [each for each in map(layout_of, _formats(codec)) if is_exact(form, each.format)]
    return min(fitting, key=lambda each: _excess(form, each, like), default=None)


def _excess(form: PixelFormat, layout: Layout, like: str) -> tuple[int, ...]:
    """How much more a layout holds than `form` has, the least being best."""
    target = layout.format
    chroma = 5 - target.log2_w - target.log2_h if target.family != form.family else 0
    alpha = target.alpha - form.alpha
    return (target.bits - form.bits, chroma, alpha, layout.name != like, not layout.planar)


@cache
def _formats(codec: str) -> tuple[str, ...]:
    """Pixel formats of an encoder that we can fill; empty if it takes any."""
    found = []
    for each in av.Codec(codec, "w").video_formats or []:
        try:
            layout = layout_of(each.name)
        except UnsupportedMediaError:
            continue
        if not layout.jpeg and layout.name != "pal8":
            found.append(each.name)
    return tuple(found)


@cache
def _encoder(name: str) -> av.Codec | None:
    try:
        codec = av.Codec(name, "w")
    except ValueError:  # UnknownCodecError is one
        return None
    return codec if codec.type == "video" else None
