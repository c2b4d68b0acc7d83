"""libavfilter's filter graphs, with vdiff as one of the filters."""
