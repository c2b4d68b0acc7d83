"""`vdiff preview`: a page of this machine that shows a clip restored as settings change.

`server.open_preview` serves it; `frames.Stills` makes its pictures.
"""
