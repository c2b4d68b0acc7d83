"""`python -m vdiff_plugin` is `vdiff`."""

import sys

from vdiff_plugin.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
