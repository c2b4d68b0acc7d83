"""`python -m vdiff_plugin` is `vdiff`."""

import sys


def main() -> int:
    """The program; an interrupt while it still imports is an interrupt too."""
    try:
        from vdiff_plugin.cli.streams import fill_closed

        fill_closed()
        from vdiff_plugin.cli.main import run
    except KeyboardInterrupt:
        sys.stderr.write("vdiff: interrupted\n")
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
