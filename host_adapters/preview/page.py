"""The page itself: the viewer of the reports, with the settings beside it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.resources import files
from pathlib import Path

from host_adapters.media import ClipReader
from host_adapters.preview.wishes import LIVE
from vdiff_plugin.contracts import WeightsFile
from vdiff_plugin.pages.assets import VIEWER_SCRIPTS, VIEWER_STYLES
from vdiff_plugin.pages.assets import page as make_page
from vdiff_plugin.settings import Settings

_ALLOWED = {"connect-src": "'self'"}  # pictures are fetched, and shown as blobs
_STRINGS = {
    "command": "Command line",
    "filter": "ffmpeg filter, for vdiff ffmpeg -vf",
    "vapoursynth": "VapourSynth",
}


def render(
    path: Path, reader: ClipReader, settings: Settings, weights: Iterable[WeightsFile]
) -> str:
    """HTML of the page of a clip.

    Args:
        path: the clip.
        reader: its frames.
        settings: to start with.
        weights: what tasks and presets there are.
    """
    offers: dict[str, list[str]] = {}
    for one in weights:
        offers.setdefault(one.task, []).append(one.preset)
    data = {
        "length": len(reader),
        "offers": offers,
        "fixed": settings.weights is not None,  # a file is for one task and preset
        "start": {name: getattr(settings, name) for name in LIVE},
    }
    return make_page(
        f"{path.name} - vdiff preview",
        _body(path, reader),
        styles=(*VIEWER_STYLES, "report.css", _own("app.css")),
        scripts=(*VIEWER_SCRIPTS, _own("app.js")),
        data={"preview-data": data},
        allow=_ALLOWED,
    )


def _body(path: Path, reader: ClipReader) -> str:
    strings = "".join(_string(*each) for each in _STRINGS.items())
    return f"""
<header class="top">
  <div><p class="brand">vdiff preview</p><h1>{escape(path.name)}</h1>
  <p class="facts">{escape(_facts(reader))}</p></div>
  <button type="button" data-theme-toggle>Dark</button>
</header>
<main>
<div class="desk">
<section aria-label="Picture"><vdiff-viewer></vdiff-viewer></section>
<form class="card settings" aria-label="Settings">
  <p id="state" role="status"></p>
  <label class="setting">Strength <output name="strength-value"></output>
    <input name="strength" type="range" min="0" max="1" step="0.01"></label>
  <div class="setting"><label>Noise <output name="noise-value"></output>
    <input name="noise" type="range" min="0" step="0.5"></label>
    <label class="choice"><input name="auto" type="checkbox"> Find it in each window</label>
    <small id="measured"></small></div>
  <label class="setting">Preset <select name="preset"></select></label>
  <label class="setting">Task <select name="task"></select></label>
  <label class="setting">Frame
    <input name="n" type="number" min="0" max="{len(reader) - 1}" value="0"></label>
  <button type="button" id="again">Start values</button>
</form>
</div>
<section class="strings" aria-label="The same elsewhere">{strings}</section>
</main>
<footer>Pictures are shown in 8 bits a channel; the rest is as vdiff enhance writes it. The change
map is black where the picture is as in the frame before.</footer>
"""


def _facts(reader: ClipReader) -> str:
    source, info = reader.source, reader.info
    size, rate = f"{info.width} \u00d7 {info.height}", f"{float(source.rate):.6g} fps"
    return f"{size}, {len(reader)} frames, {rate}, {source.codec}, {source.layout.name}"


def _string(name: str, title: str) -> str:
    return (
        f'<div class="card string"><h2>{escape(title)}</h2><pre id="{name}" tabindex="0"></pre>'
        f'<button type="button" data-copy="{name}">Copy</button></div>'
    )


def _own(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
