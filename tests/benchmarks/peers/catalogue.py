"""All peers, with the grids that they are tuned on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.benchmarks.peers import ffmpeg_filters as ff
from tests.benchmarks.peers.method import Method
from tests.benchmarks.peers.opencv import non_local_means

_EITHER = frozenset({"noise", "codec"})
_CODEC = frozenset({"codec"})
_420 = frozenset({"yuv420"})
_MOST_SAD = 16320  # of an 8x8 block: beyond it nothing changes
_NEVER: frozenset[str] = frozenset()


def peers() -> Iterator[Method]:
    """Every peer whose host is installed."""
    try:
        import vapoursynth
    except ImportError:
        print("VapourSynth is not installed: its filters are left out")
    else:
        del vapoursynth
        yield from _vapoursynth()
    yield from _ffmpeg()
    yield _opencv()


def _vapoursynth() -> Iterator[Method]:
    from tests.benchmarks.peers import nodes
    from tests.benchmarks.peers.vapoursynth_host import through, version_of

    bm3d, mvtools = version_of("vapoursynth-bm3d"), version_of("vapoursynth-mvtools")
    nlm, dfttest = version_of("vapoursynth-nlm-ispc"), version_of("vapoursynth-dfttest2-cpu")
    vbm3d = through(nodes.vbm3d)
    yield Method(name="VBM3D r=2", run=vbm3d, version=bm3d, start=2.2, harms=_EITHER)
    yield Method(name="VBM3D r=2 final", run=vbm3d, version=bm3d, start=2.2, variants=("final",))
    yield Method(
        name="nlm-ispc",
        run=through(nodes.nlm),
        version=nlm,
        start=1,
        variants=("1", "2"),
        split=_420,
    )
    for name, node_filter in (("Degrain2", nodes.degrain2), ("Degrain3", nodes.degrain3)):
        yield Method(
            name=f"mvtools {name}",
            run=through(node_filter),
            version=mvtools,
            start=300,
            ratio=1.5,
            most=_MOST_SAD,
            variants=("8", "8b", "16b"),
        )
    yield Method(
        name="dfttest2",
        run=through(nodes.dfttest),
        version=dfttest,
        start=5,
        power=2,
        ratio=1.4,
        variants=("3", "5"),
        harms=_EITHER,
    )
    yield Method(
        name="VapourSynth deblock",
        run=through(nodes.deblock),
        version=version_of("vapoursynth-deblock"),
        start=5,
        ratio=1.2,
        most=60,
        whole=True,
        variants=("0", "4"),
        split=_NEVER,
        harms=_CODEC,
        formats=_420,
    )


def _ffmpeg() -> Iterator[Method]:
    version = ff.version()

    def denoiser(name: str, graph: ff.GraphOf, *, yuv: bool = False, **grid: object) -> Method:
        run = ff.through(graph, yuv=yuv)
        return Method(name=f"ffmpeg {name}", run=run, version=version, **grid)  # type: ignore[arg-type]

    yield denoiser(
        "nlmeans", ff.nlmeans, start=0.8, least=1, most=30, split=_NEVER, harms=_EITHER,
        variants=("", "p=5:r=11"),
    )  # fmt: skip
    yield denoiser(
        "bm3d", ff.bm3d, start=3, variants=("", "group=8:thmse=1000000"), harms=_EITHER,
        split=_420,
    )  # fmt: skip
    yield denoiser(
        "fftdnoiz", ff.fftdnoiz, start=2, most=100, variants=("", "prev=1:next=1"), split=_420
    )
    yield denoiser(
        "hqdn3d", ff.hqdn3d, yuv=True, start=1.2, variants=("0.75", "1.5", "3"), harms=_EITHER
    )
    yield denoiser(
        "atadenoise",
        ff.atadenoise,
        start=0.008,
        most=0.3,
        variants=("5/2", "9/2", "9/4"),
        split=_420,
    )
    yield denoiser(
        "vaguedenoiser", ff.vaguedenoiser, start=1, variants=("", "method=soft"), split=_420
    )
    yield denoiser("owdenoise", ff.owdenoise, yuv=True, start=2, most=1000, split=_420)
    for name, graph, grid in _DEBLOCKERS:
        yield denoiser(name, graph, split=_NEVER, harms=_CODEC, formats=_420, **grid)


_DEBLOCKERS: tuple[tuple[str, Callable[..., str], dict[str, object]], ...] = (
    (
        "deblock",
        ff.deblock,
        {"start": 0.02, "variants": ("weak/4", "weak/8", "strong/4", "strong/8")},
    ),
    ("spp", ff.spp, {"start": 3, "most": 63, "least": 1, "whole": True, "variants": ("3", "6")}),
    ("uspp", ff.uspp, {"start": 3, "most": 63, "least": 1, "whole": True, "variants": ("3", "5")}),
    (
        "pp7",
        ff.pp7,
        {"start": 3, "most": 64, "least": 1, "whole": True, "variants": ("soft", "medium")},
    ),
)


def _opencv() -> Method:
    import cv2

    return Method(
        name="OpenCV NLMeans multi",
        run=non_local_means,
        version=f"OpenCV {cv2.__version__}",
        start=0.8,
        variants=("5",),
    )
