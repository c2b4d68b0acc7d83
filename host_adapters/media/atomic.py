"""Outputs that appear under their name only when they are whole; see `vdiff_plugin.atomic`."""

from vdiff_plugin.atomic import require_writable, unwritable, whole_file

__all__ = ["require_writable", "unwritable", "whole_file"]
