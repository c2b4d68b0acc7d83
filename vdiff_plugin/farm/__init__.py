"""Jobs that are rendered in chunks: what is to be done, what is done, and whether it is whole.

Nothing here opens a video. A job is a folder that every machine can reach:

    manifest.json           what was planned, bound to source, settings, weights, versions
    index.npz               when each frame of the source is shown
    weights.safetensors     only where the job brings weights of its own
    chunks/FIRST-LAST.json  the record of a finished piece: count, hashes, timing
    chunks/FIRST-LAST.*     its encoded frames
    failures/               why a piece could not be rendered
    seen/                   which machine has compared the source with the manifest
    lock                    held by whoever runs or joins the job

Every file but the lock appears whole, under its final name, or not at all. Nothing is
decided by a clock.
"""
