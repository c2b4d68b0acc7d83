"""What happens in a clip: change scores, scene cuts, repeated frames, moving regions, idle spans.

Everything here reads a clip once, in order, and keeps a few frames at a time.
"""
