"""How close one clip is to another, how steady and how sharp it is: numbers a frame.

`measure_pairs` takes pairs of frames; `compare` takes whole clips, in step, with memory
that does not grow with the pictures. A metric is a module; `catalogue` lists them.
"""

from vdiff_plugin.measure.catalogue import METRICS, Metric, choose
from vdiff_plugin.measure.comparison import Clip, Result, Version, compare, measure_pairs
from vdiff_plugin.measure.series import Series, Summary, summary

__all__ = [
    "METRICS",
    "Clip",
    "Metric",
    "Result",
    "Series",
    "Summary",
    "Version",
    "choose",
    "compare",
    "measure_pairs",
    "summary",
]
