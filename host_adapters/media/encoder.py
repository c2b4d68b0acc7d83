"""Opening a video encoder with everything that the input says of its spec."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from host_adapters.media.codecs import EncodeOptions
from host_adapters.media.colour import ColourTags
from host_adapters.media.formats import Layout
from host_adapters.media.hdr import Hdr
from host_adapters.media.overhear import Said, overhear
from host_adapters.media.priority import usual_priority
from vdiff_plugin.errors import MediaError, ResourceError, SettingsError
from vdiff_plugin.x264 import repeatable_parameters

_CRF_END = 63  # of VP9 and AV1; x264 and x265 end at 51 and clip
_CRF = {"libx264": 16.0, "libx264rgb": 16.0, "libx265": 16.0, "libsvtav1": 20.0} | {
    "libvpx": 8.0,
    "libvpx-vp9": 20.0,
}
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "libx265": {"preset": "medium", "a53cc": "1"},
    "libsvtav1": {"preset": "6"},
    "libvpx": {"deadline": "good", "cpu-used": "2"},
    "libvpx-vp9": {"deadline": "good", "cpu-used": "2", "row-mt": "1"},
    "ffv1": {"level": "3", "slicecrc": "1", "g": "1"},
    "mjpeg": {"strict": "unofficial"},  # limited range, which it notes in a comment
    "prores_ks": {"vendor": "apl0"},
}
# x264 takes 3 bytes a pixel for each of the 40 frames that it looks ahead: 4 GB at 8K. That
# it looks less far in huge pictures depends on their size and not on the memory that is
# free, so that the same file comes out wherever it is made.
# Beyond it libaom writes the remainder, 464 pixels for 66,000, without a word.
_WIDEST = {"av1": 65536}
_USUAL = 16384  # pixels a side that nearly every encoder takes
_LARGE = "take --codec ffv1 and write to .mkv"
_HUGE = 16_000_000  # pixels
_HUGE_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "libx264": {"rc-lookahead": "4"},
    "libx264rgb": {"rc-lookahead": "4"},
}
PARAMETERS: Mapping[str, str] = {  # the option that takes name=value:name=value for the codec
    "libx264": "x264-params",
    "libx264rgb": "x264-params",
    "libx265": "x265-params",
    "libsvtav1": "svtav1-params",
}
_PRESETS = (  # of x264 and x265
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)
_UNKNOWN = ("Error parsing option", "Unknown option")  # said of a part of those parameters
_BY_QUANTISER = {"mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "flv", "msmpeg4", "wmv2"}
_FRAME_CLOCK = {"mpeg4", "mpeg2video", "mpeg1video"}  # they count frames, not time
_CAPTIONED = {"libx264", "libx264rgb", "libx265", "h264_nvenc", "hevc_nvenc"}
_GLOBAL_HEADER = 0x40  # AVFMT_GLOBALHEADER: the container wants parameter sets in its header
_TAGS = {"hevc": "hvc1"}  # what Apple's players look for in mp4 and mov


@dataclass(frozen=True, kw_only=True)
class VideoSpec:
    """What an encoder has to know of the video.

    Attributes:
        width, height: pixels.
        time_base: unit of pts, in seconds.
        rate: frames per second, for rate control and headers.
        sar: width to height of a pixel; 0 if unknown.
        tags: colours.
        hdr: HDR10 metadata.
    """

    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    sar: Fraction
    tags: ColourTags
    hdr: Hdr


def counts_frames(codec: str) -> bool:
    """True for encoders that know no time but a frame's number."""
    return codec in _FRAME_CLOCK


def carries(codec: str) -> frozenset[str]:
    """Which of the frames' own side data an encoder writes."""
    return frozenset({"closed captions"} if codec in _CAPTIONED else ())


def open_encoder(
    context: VideoCodecContext,
    layout: Layout,
    spec: VideoSpec,
    options: EncodeOptions,
    *,
    container: str,
) -> None:
    """Configure and open a fresh encoder context.

    Raises:
        SettingsError: an option that the encoder does not have, or a value that it refuses.
        ResourceError: there is not enough memory for it.
    """
    codec = context.name
    _require_size(context, spec)
    if codec == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # it prints a banner on stderr otherwise
    _configure(context, layout, spec, container)
    given = _given(context, spec.hdr, options)
    if container == "avi":
        given.setdefault("bf", "0")  # AVI has no times, so pictures must come in order
    if layout.format.alpha and codec.startswith("libvpx"):
        given.setdefault("auto-alt-ref", "0")  # libvpx cannot do both
    context.options = dict(given)
    with overhear() as said:
        refused = _try_to_open(context)
    if isinstance(refused, av.FFmpegError) and refused.errno in (errno.ENOMEM, errno.EAGAIN):
        raise _lack_of_memory(codec, spec.width, spec.height) from refused
    if refused:
        # The context is not to be touched any more: libav has taken its codec away.
        raise SettingsError(_why_refused(codec, layout, spec, options, said)) from refused
    _require_used(context, options, said)


def _require_size(context: VideoCodecContext, spec: VideoSpec) -> None:
    widest = _WIDEST.get(context.codec.canonical_name)
    if widest and max(spec.width, spec.height) > widest:
        raise SettingsError(
            f"{context.name} refuses {spec.width}x{spec.height}: at most {widest} pixels a side; "
            f"{_LARGE}"
        )


def _lack_of_memory(codec: str, width: int, height: int) -> ResourceError:
    return ResourceError(
        f"not enough memory for {codec} at {width}x{height}; "
        "close other programs, or use another --codec"
    )


def _try_to_open(context: VideoCodecContext) -> Exception | None:
    try:
        with usual_priority():
            context.open()
    except (av.FFmpegError, ValueError) as error:
        return error
    return None


def _why_refused(
    codec: str, layout: Layout, spec: VideoSpec, options: EncodeOptions, said: Said
) -> str:
    given = options.encoder_options
    shown = " ".join(f"{k}={v}" for k, v in given.items()) or "with these settings"
    reasons = said.by(codec)
    reason = f" ({reasons[0]})" if reasons else ""
    remedy = "check --pix-fmt, --crf and --encoder-options"
    if max(spec.width, spec.height) > _USUAL:
        remedy = f"it may be too large; {_LARGE}"
    if codec.startswith("libx26") and given.get("preset", "fast") not in _PRESETS:
        remedy = f"its presets are {', '.join(_PRESETS)}"
    return f"{codec} refuses {spec.width}x{spec.height} {layout.name} {shown}{reason}; {remedy}"


def encode(
    context: VideoCodecContext, picture: av.VideoFrame | None
) -> list[av.Packet[VideoStream]]:
    """Packets that are ready once the encoder has `picture`; None takes out the rest.

    Raises:
        MediaError: the encoder failed.
        ResourceError: there is not enough memory for it.
    """
    try:
        return with_sound_times(context.encode(picture))
    except av.FFmpegError as error:
        if error.errno == errno.ENOMEM:
            raise _lack_of_memory(context.name, context.width, context.height) from error
        raise MediaError(
            f"{context.name} failed ({(error.strerror or 'unknown').lower()}); use another --codec"
        ) from error


def with_sound_times(packets: list[av.Packet[VideoStream]]) -> list[av.Packet[VideoStream]]:
    """The packets of an encoder, none to be decoded after it is shown.

    x265 leaves the decoding time of clips shorter than its threads unset.
    """
    for packet in packets:
        if packet.dts is not None and packet.pts is not None and packet.dts > packet.pts:
            packet.dts = packet.pts
    return packets


def _configure(context: VideoCodecContext, layout: Layout, spec: VideoSpec, container: str) -> None:
    context.width, context.height = spec.width, spec.height
    context.pix_fmt = layout.name
    context.time_base = spec.time_base
    context.framerate = spec.rate
    context.sample_aspect_ratio = spec.sar
    context.color_range = spec.tags.range
    context.color_primaries = spec.tags.primaries
    context.color_trc = spec.tags.transfer
    context.colorspace = spec.tags.matrix
    context.chroma_sample_location = spec.tags.chroma
    if layout.format.bits > 8:
        context.bits_per_raw_sample = layout.format.bits
    if av.ContainerFormat(container, "w").flags & _GLOBAL_HEADER:
        context.flags |= Flags.global_header
    if context.name in _BY_QUANTISER:
        context.qscale = True
        context.global_quality = 2
    if container in ("mp4", "mov") and context.codec.canonical_name in _TAGS:
        context.codec_tag = _TAGS[context.codec.canonical_name]


def _given(context: VideoCodecContext, hdr: Hdr, options: EncodeOptions) -> dict[str, str]:
    """Options for libav: ours, then what the user says, HDR and parameters merged in."""
    codec = context.name
    given = dict(_OPTIONS.get(codec, {})) | _quality(context, options)
    if context.width * context.height > _HUGE:
        given |= _HUGE_OPTIONS.get(codec, {})
    given |= {name: str(value) for name, value in options.encoder_options.items()}
    if codec in PARAMETERS:
        parts = [f"{k}={v}" for k, v in (_own_parameters(codec) | hdr.parameters(codec)).items()]
        parts += [text] if (text := given.get(PARAMETERS[codec])) else []
        given |= {PARAMETERS[codec]: ":".join(parts)} if parts else {}
    return given


def _own_parameters(codec: str) -> dict[str, str]:
    """Ours of `PARAMETERS`; what the user says comes after them, and wins."""
    return {"log-level": "none"} if codec == "libx265" else repeatable_parameters(codec)


def _quality(context: VideoCodecContext, options: EncodeOptions) -> dict[str, str]:
    codec = context.name
    private = {each.name for each in context.supported_options.private}
    if options.crf is not None and "crf" not in private:
        raise SettingsError(f"{codec} has no crf; leave --crf out, or see --encoder-options")
    if options.crf is not None and not 0 <= options.crf <= _CRF_END:
        raise SettingsError(f"crf {options.crf:g}; give --crf 0 (lossless) to {_CRF_END}")
    crf = _CRF.get(codec) if options.crf is None else options.crf
    rival = {"qp", "b", "lossless"} & set(options.encoder_options)
    if crf is None or "crf" not in private or (options.crf is None and rival):
        return {}
    return {"crf": f"{crf:g}"} | ({"b": "0"} if codec.startswith("libvpx-") else {})


def _require_used(context: VideoCodecContext, options: EncodeOptions, said: Said) -> None:
    """Options that libav hands back, or says it cannot read, the encoder does not have."""
    parameters = PARAMETERS.get(context.name, "")
    unread = [line for line in said.by(context.name) if line.startswith(_UNKNOWN)]
    if unread and parameters in options.encoder_options:
        raise SettingsError(
            f"{context.name} cannot use all of {parameters} ({unread[0]}); take that part out"
        )
    unknown = sorted(set(context.options) & set(options.encoder_options))
    if unknown:
        known = sorted({each.name for each in context.supported_options.private})
        raise SettingsError(f"{context.name} has no option {unknown[0]!r}; have {', '.join(known)}")
