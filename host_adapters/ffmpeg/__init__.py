"""ffmpeg's command line with vdiff in its filter graphs."""
