"""What is said of a frame as a row of a table, and as one JSON object a line."""

from __future__ import annotations

import json

from vdiff_plugin.analysis.watch import Moment

COLUMNS = (
    *("frame", "time", "score", "mean", "p99", "pixel_mean", "pixel_p99"),
    *("cut", "cut_score", "repeat", "regions"),
)
HEADER = ",".join(COLUMNS) + "\n"


def as_csv(moment: Moment) -> str:
    """One line of the table: no value in it needs quotes."""
    seen, features, pixels = moment.seen, moment.seen.features, moment.seen.pixels
    measured = (features.total, features.mean, features.p99, pixels.mean, pixels.p99)
    cells = (
        str(moment.n),
        f"{seen.time:.6f}",
        *(f"{each:.6g}" for each in measured),
        str(int(moment.cut.cut)),
        f"{moment.cut.score:.4f}",
        seen.repeat,
        str(len(moment.regions)),
    )
    return ",".join(cells) + "\n"


def as_json(moment: Moment) -> str:
    """One line; `regions` are boxes in pixels with the number of the track they belong to."""
    seen, features, pixels = moment.seen, moment.seen.features, moment.seen.pixels
    found = {
        "frame": moment.n,
        "time": round(seen.time, 6),
        "features": {
            "total": _short(features.total),
            "mean": _short(features.mean),
            "p99": _short(features.p99),
        },
        "pixels": {"mean": _short(pixels.mean), "p99": _short(pixels.p99)},
        "cut": moment.cut.cut,
        "cut_score": round(moment.cut.score, 4),
        "repeat": seen.repeat or None,
        "idle": moment.idle,
        "regions": [
            {
                "track": track,
                "x": region.x,
                "y": region.y,
                "width": region.width,
                "height": region.height,
                "change": round(region.change, 2),
            }
            for region, track in zip(moment.regions, moment.tracks, strict=True)
        ],
    }
    return json.dumps(found) + "\n"


def _short(value: float) -> float:
    return float(f"{value:.6g}")
