"""The frei0r plug-in: a C shim in the editing host, and the worker it talks to."""
