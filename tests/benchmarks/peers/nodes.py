"""Denoisers of VapourSynth as its users script them, node in and node out.

Requires, from PyPI: vapoursynth-bm3d, vapoursynth-nlm-ispc, vapoursynth-mvtools,
vapoursynth-dfttest2-cpu with dfttest2, vapoursynth-deblock. Clips are 8-bit 4:2:0 or RGB.
"""

from __future__ import annotations

from collections.abc import Callable

import vapoursynth as vs

Strengths = tuple[float, float]  # of luma and chroma
NodeFilter = Callable[[vs.VideoNode, Strengths, str], vs.VideoNode]
_OPPONENT = 100  # the filter's own word for its opponent colours
_NO_CUT = 16320  # mvtools: blocks differ by noise, which is no scene change


def vbm3d(clip: vs.VideoNode, strengths: Strengths, variant: str) -> vs.VideoNode:
    """V-BM3D over five frames; variant `final` adds its Wiener step."""
    luma, chroma = strengths
    if clip.format.color_family == vs.RGB:
        opponent = clip.bm3d.RGB2OPP(sample=1)
        done = _bm3d(opponent, [luma, chroma, chroma], variant)
        return done.bm3d.OPP2RGB(sample=1).resize.Point(format=vs.RGB24)
    planes = [
        _bm3d(plane.resize.Point(format=vs.GRAY16), [sigma], variant).resize.Point(format=vs.GRAY8)
        for plane, sigma in zip(clip.std.SplitPlanes(), (luma, chroma, chroma), strict=True)
    ]
    return vs.core.std.ShufflePlanes(planes, [0, 0, 0], vs.YUV)


def _bm3d(clip: vs.VideoNode, sigma: list[float], variant: str) -> vs.VideoNode:
    opponent = len(sigma) == 3
    sample, shared = int(opponent), {"radius": 2, "sigma": sigma}
    if opponent:
        shared["matrix"] = _OPPONENT
    basic = clip.bm3d.VBasic(**shared).bm3d.VAggregate(radius=2, sample=sample)
    if variant != "final":
        return basic
    final = clip.bm3d.VFinal(ref=basic, **shared)
    return final.bm3d.VAggregate(radius=2, sample=sample)


def nlm(clip: vs.VideoNode, strengths: Strengths, variant: str) -> vs.VideoNode:
    """Non-local means over `variant` frames to each side."""
    luma, chroma = strengths
    if clip.format.color_family == vs.RGB:
        return clip.nlm_ispc.NLMeans(d=int(variant), h=luma, channels="RGB")
    clip = clip.nlm_ispc.NLMeans(d=int(variant), h=luma, channels="Y")
    return clip.nlm_ispc.NLMeans(d=int(variant), h=chroma, channels="UV")


def degrain2(clip: vs.VideoNode, strengths: Strengths, variant: str) -> vs.VideoNode:
    """Motion-compensated average over two frames to each side."""
    return _yuv(clip, lambda node: _degrain(node, strengths, variant, 2))


def degrain3(clip: vs.VideoNode, strengths: Strengths, variant: str) -> vs.VideoNode:
    """Motion-compensated average over three frames to each side."""
    return _yuv(clip, lambda node: _degrain(node, strengths, variant, 3))


def _degrain(clip: vs.VideoNode, strengths: Strengths, variant: str, radius: int) -> vs.VideoNode:
    """Variant: block size, and `b` where motion is searched on a blurred clip."""
    size, blurred = int(variant.rstrip("b")), variant.endswith("b")
    super_clip = clip.mv.Super()
    seen = clip.std.Convolution([1, 2, 1, 2, 4, 2, 1, 2, 1]).mv.Super() if blurred else super_clip
    vectors = [
        seen.mv.Analyse(isb=backward, delta=delta, blksize=size, overlap=size // 2)
        for delta in range(1, radius + 1)
        for backward in (True, False)
    ]
    luma, chroma = (round(strength) for strength in strengths)
    degrain = getattr(clip.mv, f"Degrain{radius}")
    return degrain(super_clip, *vectors, thsad=luma, thsadc=chroma, thscd1=_NO_CUT)


def dfttest(clip: vs.VideoNode, strengths: Strengths, variant: str) -> vs.VideoNode:
    """Wiener filter of blocks of `variant` frames in the frequency domain."""
    import dfttest2

    def done(node: vs.VideoNode) -> vs.VideoNode:
        for planes, sigma in zip(([0], [1, 2]), strengths, strict=True):
            node = dfttest2.DFTTest(
                node,
                sigma=sigma,
                tbsize=int(variant),
                planes=planes,
                backend=dfttest2.Backend.CPU(),
            )
        return node

    return _yuv(clip, done)


def deblock(clip: vs.VideoNode, strengths: Strengths, variant: str) -> vs.VideoNode:
    """H.264's own deblocking filter, once more; variant: its offset."""
    offset = int(variant)
    return clip.deblock.Deblock(quant=int(strengths[0]), aoffset=offset, boffset=offset)


def _yuv(clip: vs.VideoNode, done: Callable[[vs.VideoNode], vs.VideoNode]) -> vs.VideoNode:
    """RGB goes through 16-bit 4:4:4, for filters that want Y'CbCr."""
    if clip.format.color_family != vs.RGB:
        return done(clip)
    wide = clip.resize.Point(format=vs.YUV444P16, matrix=vs.MATRIX_BT709)
    return done(wide).resize.Point(format=vs.RGB24)
