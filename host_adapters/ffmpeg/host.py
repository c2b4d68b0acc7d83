"""What `vdiff doctor` says of the ffmpeg program."""

from __future__ import annotations

import subprocess

from host_adapters.ffmpeg.program import find_program


class FfmpegHost:
    """The ffmpeg program, for what the bundled libraries cannot do."""

    def missing(self) -> str:
        """Empty if it is there, else what is lost without it."""
        if find_program():
            return ""
        return (
            "no ffmpeg on the PATH; vdiff ffmpeg then has the bundled filters and encoders only, "
            "install it or set VDIFF_FFMPEG"
        )

    def version(self) -> str:
        """The first line of `ffmpeg -version`."""
        done = subprocess.run(
            [find_program(), "-version"], capture_output=True, text=True, check=False
        )
        return done.stdout.partition("\n")[0].partition(" Copyright")[0] or "of unknown version"
