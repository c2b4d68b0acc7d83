"""HDR10 metadata as words for the ffmpeg program's encoders, which get pictures without it."""

from __future__ import annotations

from host_adapters.ffmpeg.commandline import Group
from host_adapters.ffmpeg.specifiers import option_for
from host_adapters.ffmpeg.video import default_video
from host_adapters.media.hdr import Hdr

_LIBRARIES = {"hevc": "libx265", "h264": "libx264", "av1": "libsvtav1"}
_OPTIONS = {
    "libx264": "-x264-params",
    "libx265": "-x265-params",
    "libsvtav1": "-svtav1-params",
}


def with_hdr(words: list[str], group: Group, form: str, hdr: Hdr) -> list[str]:
    """An output's words with the metadata in its encoder's own option.

    What the user says there comes later in it, and so wins. An encoder that has no words for
    it is left alone.

    Args:
        words: of the output.
        group: the output.
        form: its container.
        hdr: of its picture.
    """
    given = option_for(group, "c", "v", 0, 0)
    codec = given.value if given else default_video(form)
    library = _LIBRARIES.get(codec, codec)
    said = ":".join(f"{k}={v}" for k, v in hdr.parameters(library).items())
    option = _OPTIONS.get(library, "")
    if not said:
        return words
    for at, word in enumerate(words[:-1]):
        if word.partition(":")[0] == option:
            return [*words[: at + 1], f"{said}:{words[at + 1]}", *words[at + 2 :]]
    return [*words, option, said]
