"""Hard cuts of a stream of frames, told from flashes, fades and quick motion.

The restoration asks only whether two frames are alike (`builtin.cuts`), and stops at a
flash as at a cut. A list of scenes wants more: a cut is a step between two shots that are
unlike beyond it too, and that hardly change within themselves.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

from vdiff_plugin.builtin.cuts import Layout, cut_score

REACH = 4  # frames looked at on each side of a joint; what is shorter is a flash
# Measured on 143 cuts in synthetic edits of eleven clips with flashes, fades and noise to
# sigma 25: steps without a cut that score 0.14 or more stand out at most 3.0 times by the
# network's features, and by pixels 3.9 times, but for one of 5.8; cuts at least 5.8 times.
UNLIKE = 0.14  # as `cut_score` counts
STANDS_OUT = 4.8  # times the usual step around it
_STILL = 1e-3  # step of a still picture, which everything would stand out from


@dataclass(frozen=True)
class Verdict:
    """On the step from the frame before.

    Attributes:
        score: 0 for equal pictures to 1 for unrelated ones.
        cut: whether a scene starts here.
    """

    score: float
    cut: bool


class CutFinder:
    """Takes one layout a frame, in order, and gives one verdict a frame, `REACH` frames later.

    A verdict depends on the layouts of `REACH` frames before the frame and after it, and on
    nothing else: not on where the clip starts.
    """

    def __init__(self) -> None:
        self._layouts: deque[Layout] = deque(maxlen=2 * REACH + 1)
        self._steps: deque[float] = deque(maxlen=2 * REACH + 1)  # into each of the layouts
        self._behind = 0  # layouts without a verdict yet

    def push(self, layout: Layout) -> Verdict | None:
        """Take the next frame's layout; the verdict on the frame `REACH` before it, if any."""
        step = cut_score(self._layouts[-1], layout) if self._layouts else 0.0
        self._layouts.append(layout)
        self._steps.append(step)
        self._behind += 1
        return self._next() if self._behind > REACH else None

    def finish(self) -> list[Verdict]:
        """Verdicts on the last frames, once the clip has ended."""
        return [self._next() for _ in range(self._behind)]

    def _next(self) -> Verdict:
        at = len(self._layouts) - self._behind
        self._behind -= 1
        score = self._steps[at]
        if at == 0 or score < UNLIKE:
            return Verdict(score, cut=False)
        bridge = self._bridge(at)
        cut = bridge >= UNLIKE and bridge >= STANDS_OUT * self._usual_step(at)
        return Verdict(score, cut=cut)

    def _bridge(self, at: int) -> float:
        """How alike the two sides are at most: a flash has the same shot on both sides."""
        layouts = list(self._layouts)
        before, after = layouts[max(0, at - REACH) : at], layouts[at : at + REACH]
        return min(cut_score(one, other) for one in before for other in after)

    def _usual_step(self, at: int) -> float:
        steps = list(self._steps)
        # The first layout kept has a step into it from one that is gone: still a fair sample.
        around = steps[max(0, at - REACH) : at] + steps[at + 1 : at + 1 + REACH]
        return (median(around) if around else 0.0) + _STILL


def find_cuts(layouts: list[Layout]) -> list[int]:
    """Numbers of the frames that start a scene, the first frame not counted."""
    finder = CutFinder()
    early = [verdict for each in layouts if (verdict := finder.push(each))]
    verdicts = [*early, *finder.finish()]
    return [n for n, verdict in enumerate(verdicts) if verdict.cut]
