"""Reproduce a weights file: `python -m vdiff_plugin.training RECIPE FOOTAGE.. -o WEIGHTS`."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from vdiff_plugin.errors import VdiffError
from vdiff_plugin.model.quiet import import_tensorflow


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m vdiff_plugin.training", description=__doc__)
    parser.add_argument("recipe", type=Path, help="TOML recipe")
    parser.add_argument("footage", type=Path, nargs="+", help="folders of clean videos and stills")
    parser.add_argument("-o", "--out", type=Path, required=True, help="weights file to write")
    parser.add_argument("--work", type=Path, default=Path("training-work"), help="sample folder")
    parser.add_argument("--start", type=Path, help="weights file to begin with")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from vdiff_plugin.allocator import keep_memory

    keep_memory()  # before TensorFlow starts
    import_tensorflow()
    from vdiff_plugin.training.loop import train_recipe
    from vdiff_plugin.training.recipe import Recipe

    try:
        recipe = Recipe.read(options.recipe)
        train_recipe(recipe, options.footage, options.work, options.out, options.start)
    except VdiffError as error:
        parser.exit(error.exit_code, f"vdiff: {error}\n")


if __name__ == "__main__":
    main()
