"""How the documentation site is built: `sphinx-build -W docs site`."""

from importlib.metadata import version as installed

project = "vdiff"
version = release = installed("vdiff-plugin")
copyright = "the vdiff authors"  # noqa: A001

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["examples", "site"]
suppress_warnings = ["myst.header"]  # the README, included, begins below a title

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = "vdiff"
html_static_path: list[str] = []
