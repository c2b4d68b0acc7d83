"""Shows the page in the user's browser, where there is a screen to show it on."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser

_SCREENS = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")


def has_screen() -> bool:
    """Whether a browser that opens would be seen; over SSH and on servers it would not.

    Without a screen Python finds browsers for terminals, which know no JavaScript.
    """
    return not sys.platform.startswith("linux") or any(map(os.environ.get, _SCREENS))


def show(address: str) -> bool:
    """Open an address, without waiting for it; False where nobody would see it."""
    if not has_screen():
        return False
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    return True
