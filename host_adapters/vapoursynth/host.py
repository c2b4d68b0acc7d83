"""What `vdiff doctor` says of VapourSynth."""

from __future__ import annotations

_OLDEST = 81  # GPU-resident clips and the property _Range as they are read here


class VapourSynthHost:
    """VapourSynth's Python module; `vspipe` comes in the same wheel."""

    def missing(self) -> str:
        """Empty if scripts can use our filters, else how to get VapourSynth."""
        try:
            import vapoursynth as vs
        except ImportError as error:
            why = "is not installed" if error.name == "vapoursynth" else f"cannot load ({error})"
            return f"VapourSynth {why}; pip install 'vdiff-plugin[vapoursynth]'"
        if vs.__version__.release_major < _OLDEST:
            return (
                f"VapourSynth R{vs.__version__.release_major} is too old; "
                f"pip install 'vapoursynth>={_OLDEST}'"
            )
        return ""

    def version(self) -> str:
        """VapourSynth's release."""
        import vapoursynth as vs

        return f"VapourSynth R{vs.__version__.release_major}"
