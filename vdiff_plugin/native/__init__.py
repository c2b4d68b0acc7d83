"""Kernels in C for the parts of a frame that take longest; Python lays out their arrays."""
