"""Colours as ffmpeg names them, and their numbers in ITU-T H.273."""

from __future__ import annotations

import re

from host_adapters.media.colour import ColourTags

RANGES = {"tv": 1, "mpeg": 1, "limited": 1, "pc": 2, "jpeg": 2, "full": 2}
SITES = {"left": 1, "center": 2, "topleft": 3, "top": 4, "bottomleft": 5, "bottom": 6}
MATRICES = {
    **{"rgb": 0, "gbr": 0, "bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7},
    **{"ycgco": 8, "ycocg": 8, "bt2020nc": 9, "bt2020_ncl": 9, "bt2020c": 10, "bt2020_cl": 10},
    **{"smpte2085": 11, "chroma-derived-nc": 12, "chroma-derived-c": 13, "ictcp": 14},
}
PRIMARIES = {
    **{"bt709": 1, "bt470m": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "film": 8},
    **{"bt2020": 9, "smpte428": 10, "smpte431": 11, "smpte432": 12, "ebu3213": 22},
}
TRANSFERS = {
    **{"bt709": 1, "gamma22": 4, "bt470m": 4, "gamma28": 5, "bt470bg": 5, "smpte170m": 6},
    **{"smpte240m": 7, "linear": 8, "log": 9, "log100": 9, "log_sqrt": 10, "log316": 10},
    **{"iec61966-2-4": 11, "bt1361": 12, "bt1361e": 12, "iec61966-2-1": 13, "bt2020-10": 14},
    **{"bt2020-12": 15, "smpte2084": 16, "smpte428": 17, "arib-std-b67": 18},
}
OPTION_WORDS = {  # an option, and the words that it takes
    "color_range": RANGES,
    "colorspace": MATRICES,
    "color_primaries": PRIMARIES,
    "color_trc": TRANSFERS,
    "chroma_sample_location": SITES,
}
_SHOWN = re.compile(r"color_range:(\S+) color_space:(\S+) color_primaries:(\S+) color_trc:(\S+)")
_SITE_SHOWN = re.compile(r" cl:(\S+) ")


def shown_tags(text: str) -> ColourTags | None:
    """The tags of the first frame that a `showinfo` filter logged; None where there is none.

    Versions before 6 log no chroma location.
    """
    found, site = _SHOWN.search(text), _SITE_SHOWN.search(text)
    if found is None:
        return None
    return ColourTags(
        range=RANGES.get(found[1], 0),
        matrix=MATRICES.get(found[2], 2),
        primaries=PRIMARIES.get(found[3], 2),
        transfer=TRANSFERS.get(found[4], 2),
        chroma=SITES.get(site[1], 0) if site else 0,
    )


def tag_options(tags: ColourTags) -> list[str]:
    """Options in front of an input that has no tags of its own; what is unknown is left out."""
    known = {
        "-color_range": tags.range,
        "-chroma_sample_location": tags.chroma,
        "-colorspace": 0 if tags.matrix in (0, 2) else tags.matrix,
        "-color_primaries": 0 if tags.primaries == 2 else tags.primaries,
        "-color_trc": 0 if tags.transfer == 2 else tags.transfer,
    }
    return [word for name, value in known.items() if value for word in (name, str(value))]
