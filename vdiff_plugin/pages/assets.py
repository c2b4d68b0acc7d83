"""Puts scripts, styles and data into one HTML page that may load nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from typing import Any

VIEWER_STYLES = ("theme.css", "viewer.css")
VIEWER_SCRIPTS = (
    "theme.js",
    "pictures.js",
    "paint.js",
    "controls.js",
    "keys.js",
    "viewer.js",
)

_NO_SOURCE = "'none'"
# What would end a script element early, or is no white space to JavaScript.
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def asset(name: str) -> str:
    """The text of a file of this package, such as `viewer.js`."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def page(
    title: str,
    body: str,
    *,
    styles: Iterable[str] = VIEWER_STYLES,
    scripts: Iterable[str] = VIEWER_SCRIPTS,
    data: Mapping[str, Any] | None = None,
    allow: Mapping[str, str] | None = None,
) -> str:
    """A whole HTML page whose content security policy forbids every connection.

    Only the scripts and styles put in here run: the policy holds their hashes. Inline
    `style` attributes and event handlers therefore do nothing.

    Args:
        title: plain text.
        body: HTML; whoever made it has escaped what came from elsewhere.
        styles: texts of style sheets, or names of assets that end in `.css`.
        scripts: the same, `.js`; they run in order after the body is there.
        data: name -> what becomes JSON in `<script type="application/json" id=NAME>`.
        allow: policy directives that a served page needs instead of the default,
            `{"connect-src": "'self'", "img-src": "'self' data:"}`.
    """
    sheets = [_text(one, ".css") for one in styles]
    codes = [_text(one, ".js") for one in scripts]
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy(sheets, codes, allow)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="referrer" content="no-referrer">',
        '<link rel="icon" href="data:,">',
        f"<title>{escape(title)}</title>",
        *(f"<style>{sheet}</style>" for sheet in sheets),
        "</head>",
        f"<body>{body}",
        *(_data(name, value) for name, value in (data or {}).items()),
        *(f"<script>{code}</script>" for code in codes),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def policy(
    styles: Iterable[str], scripts: Iterable[str], allow: Mapping[str, str] | None = None
) -> str:
    """A content security policy under which only these texts run, and nothing connects."""
    directives = {
        "default-src": _NO_SOURCE,
        "base-uri": _NO_SOURCE,
        "form-action": _NO_SOURCE,
        "img-src": "data: blob:",
        "style-src": " ".join(map(_hash, styles)) or _NO_SOURCE,
        "script-src": " ".join(map(_hash, scripts)) or _NO_SOURCE,
    }
    directives.update(allow or {})
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def as_json(value: Any) -> str:
    """JSON that can stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_UNSAFE)


def data_url(data: bytes, kind: str) -> str:
    """Bytes as an address, `data:image/webp;base64,...`."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _text(given: str, suffix: str) -> str:
    text = asset(given) if given.endswith(suffix) and "\n" not in given else given
    return text.replace("</", "<\\/") if suffix == ".js" else text


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _data(name: str, value: Any) -> str:
    return f'<script type="application/json" id="{escape(name)}">{as_json(value)}</script>'
