"""Video files in and out: `enhance` for the whole job, reader and writer for parts of it.

`read_clip(path)` gives frames by number, `write_video(frames, path, clip=...)` writes them.
"""

from host_adapters.media.codecs import EncodeOptions, known_codecs
from host_adapters.media.companion import open_companion
from host_adapters.media.job import Summary, enhance, write_video
from host_adapters.media.probe import probe
from host_adapters.media.reader import ClipReader, Damage, Picture, read_clip
from host_adapters.media.render import Progress
from host_adapters.media.source import Source

__all__ = [
    "ClipReader",
    "Damage",
    "EncodeOptions",
    "Picture",
    "Progress",
    "Source",
    "Summary",
    "enhance",
    "known_codecs",
    "open_companion",
    "probe",
    "read_clip",
    "write_video",
]
