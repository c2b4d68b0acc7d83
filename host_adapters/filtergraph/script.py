"""Filter scripts: files that hold a graph, with newlines and comments."""

from __future__ import annotations

from pathlib import Path

from vdiff_plugin.errors import MediaError


def read_script(path: Path) -> str:
    """The graph in a file; lines that begin with `#` are comments.

    Raises:
        MediaError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise MediaError(f"{path}: {reason}; give a readable filter script") from error
    return without_comments(text)


def without_comments(text: str) -> str:
    """`text` without the lines that begin with `#`, unless they are within quotes."""
    kept, inside = [], False
    for line in text.splitlines(keepends=True):
        if not inside and line.lstrip().startswith("#"):
            continue
        kept.append(line)
        inside = _ends_inside(line, inside=inside)
    return "".join(kept)


def _ends_inside(line: str, *, inside: bool) -> bool:
    """Whether a quotation is open at the end of `line`."""
    escaped = False
    for char in line:
        if escaped:
            escaped = False
        elif char == "\\" and not inside:
            escaped = True
        elif char == "'":
            inside = not inside
    return inside
