"""Pages that open from disk: no network, no framework, everything in one file.

`assets.page` makes one; `viewer.js` says at its top how the picture viewer is used.
"""
