"""What `vdiff doctor` says of the file host."""

from __future__ import annotations


class MediaHost:
    """Video files through PyAV, which brings FFmpeg's libraries along."""

    def missing(self) -> str:
        """Empty if files can be read and written, else how to get PyAV."""
        try:
            import av  # noqa: F401  # whether it loads is the question
        except ImportError as error:
            return f"PyAV cannot be loaded ({error}); pip install 'av>=19'"
        return ""

    def version(self) -> str:
        """PyAV's version and that of the FFmpeg in it."""
        import av

        return f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}"
