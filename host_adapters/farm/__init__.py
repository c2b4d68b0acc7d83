"""Rendering video files in chunks, on one machine or many; jobs as `vdiff_plugin.farm` has them."""
