"""The options of ffmpeg's command line that are understood, and what each belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["global", "input", "output", "both"]


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        name: without its dash and stream specifier.
        takes: whether a value follows.
        scope: what it belongs to.
        inside: whether the route within this process knows it; else the ffmpeg program does.
    """

    name: str
    takes: bool
    scope: Scope
    inside: bool = True


def _table(scope: Scope, *, flags: str = "", values: str = "", outside: str = "") -> list[Option]:
    table = [Option(name, takes=False, scope=scope) for name in flags.split()]
    table += [Option(name, takes=True, scope=scope) for name in values.split()]
    return table + [Option(name, takes=True, scope=scope, inside=False) for name in outside.split()]


OPTIONS = {
    each.name: each
    for each in (
        *_table("global", flags="y n hide_banner nostats stats nostdin"),
        *_table("global", values="v loglevel filter_complex lavfi filter_complex_script"),
        *_table("global", values="/filter_complex progress stats_period filter_threads"),
        *_table("global", outside="filter_complex_threads init_hw_device cpuflags vsync_method"),
        *_table("input", flags="noautorotate", values="itsoffset"),
        *_table("input", outside="stream_loop itsscale hwaccel hwaccel_device thread_queue_size"),
        *_table("input", outside="sseof accurate_seek seek_timestamp guess_layout_max"),
        *_table("both", values="ss t to f c codec r pix_fmt s threads"),
        *_table("output", flags="an vn sn dn shortest", values="map vf filter filter_script"),
        *_table("output", values="/filter vcodec acodec scodec fps_mode vsync metadata"),
        *_table("output", values="map_metadata map_chapters disposition frames vframes movflags"),
        *_table("output", values="color_range colorspace color_primaries color_trc"),
        *_table("output", values="chroma_sample_location aspect"),
        *_table(
            "output", outside="af b ab ar ac q qscale aq bsf tag timestamp fs pass passlogfile"
        ),
        *_table("output", outside="preset_file target attach apre vpre aframes dframes sample_fmt"),
        *_table("output", outside="enc_time_base force_key_frames copyinkf dump_attachment"),
        *_table("output", outside="max_muxing_queue_size muxdelay muxpreload streamid program"),
        *_table("output", outside="channel_layout ch_layout rc_override passlog autoscale"),
    )
}
_FLAGS_OUTSIDE = ("copyts", "start_at_zero", "re", "copytb", "benchmark", "report", "bitexact")
OPTIONS |= {name: Option(name, takes=False, scope="both", inside=False) for name in _FLAGS_OUTSIDE}
OPTIONS["b"] = Option("b", takes=True, scope="output")
OPTIONS["copyts"] = Option("copyts", takes=False, scope="global", inside=False)

SHORTHAND = {  # what stands for an option and a stream specifier
    "vf": "filter:v",
    "af": "filter:a",
    "vcodec": "c:v",
    "acodec": "c:a",
    "scodec": "c:s",
    "codec": "c",
    "vframes": "frames:v",
    "aframes": "frames:a",
    "vsync": "fps_mode",
    "loglevel": "v",
    "lavfi": "filter_complex",
    "ab": "b:a",
}
