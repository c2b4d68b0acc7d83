"""Hosts of vdiff: each module translates between one host and the core, and nothing else."""
