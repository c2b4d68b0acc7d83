"""`python -m host_adapters.vapoursynth template IN`: a script to begin with, on stdout."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from vdiff_plugin.errors import VdiffError


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; 0 done, 1 the file cannot be used, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m host_adapters.vapoursynth")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    template = commands.add_parser("template", help="write a script for a file to stdout")
    template.add_argument("path", type=Path, metavar="IN", help="video file")
    given = parser.parse_args(words)
    logging.basicConfig(format="vdiff: %(message)s")  # on stderr, warnings and worse
    from host_adapters.vapoursynth.template import template as written

    try:
        script = written(given.path)
    except VdiffError as error:
        sys.stderr.write(f"vdiff: {error}\n")
        return error.exit_code
    sys.stdout.write(script)
    return 0


if __name__ == "__main__":
    sys.exit(main())
