"""Timeline expressions against libavfilter's own, by a filter that shows where it is on."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from av.filter import Graph

from host_adapters.filtergraph.timeline import Timeline
from vdiff_plugin.errors import UsageError

EXPRESSIONS = [
    "between(t,0.1,0.2)",
    "gt(n,3)*lt(n,6)",
    "not(mod(n,3))",
    "if(lt(n,4),n,0)",
    "ifnot(eq(n,2),1)",
    "(n-2)*(n-5)",
    "max(n-5,0)",
    "min(n,1)-eq(n,7)",
    "floor(t*10)-1",
    "ceil(t)",
    "2^n-4",
    "-n+3",
    "abs(n-4)-1",
    "gte(t,0.12)+lte(n,1)",
    "between(mod(n,4),1,2)",
    "1;n-2",
    ".5*n-1e0",
    "trunc(n/3)",
    "n/0",
    "n/8",
    "mod(n,0)",
    "PI*0",
]


def shown(expression: str) -> list[int]:
    graph = Graph()
    source = graph.add("buffer", "video_size=16x16:pix_fmt=gray:time_base=1/25:pixel_aspect=0/1")
    negate = graph.add("negate", f"enable='{expression}'")
    sink = graph.add("buffersink")
    source.link_to(negate)
    negate.link_to(sink)
    graph.configure(auto_buffer=False)
    found = []
    for n in range(10):
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16), np.uint8), format="gray")
        frame.pts, frame.time_base = n, Fraction(1, 25)
        source.push(frame)
        if sink.pull().to_ndarray()[0, 0]:
            found.append(n)
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_timeline_is_on_where_libavfilter_says(expression: str) -> None:
    timeline = Timeline(expression)
    ours = [n for n in range(10) if timeline.is_on(t=n / 25, n=n, w=16, h=16)]
    assert ours == shown(expression)


@pytest.mark.parametrize("text", ["", "between(t,1)", "frob(1)", "n+", "(n", "n)", "what", "1 2"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^\[vdiff\] enable: "):
        Timeline(text)
