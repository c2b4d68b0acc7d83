"""What makes the x264 inside PyAV give the same bytes every time."""

from __future__ import annotations

import cv2

_CODECS = frozenset({"libx264", "libx264rgb"})
_AVX512 = 13  # CPU_AVX_512F of OpenCV, which has no name for it in Python


def repeatable_parameters(codec: str) -> dict[str, str]:
    """Parts of `x264-params` that `codec` needs on this processor to repeat itself.

    Empty for all but libx264 and libx264rgb.

    With AVX-512 the x264 inside PyAV 19 does not: of 25 encodings of 24 frames 15 were unlike
    the usual one, of 25 without macroblock trees, or with instructions up to AVX2, none.
    The latter are equal to the usual one, and to what processors without AVX-512 give.
    """
    ours = codec in _CODECS and cv2.checkHardwareSupport(_AVX512)
    return {"asm": "avx2"} if ours else {}
