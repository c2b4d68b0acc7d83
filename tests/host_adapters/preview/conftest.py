"""A preview of a small clip, served for real."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from host_adapters.media import EncodeOptions, write_video
from host_adapters.preview.server import PreviewServer, open_preview
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.settings import Settings

SCENE = Scene(width=96, height=64, length=8)


@contextmanager
def serving(path: Path, settings: Settings) -> Iterator[PreviewServer]:
    """A server that answers for as long as the block lasts."""
    with open_preview(path, settings) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight noisy frames, without loss."""
    path = tmp_path_factory.mktemp("preview") / "a <noisy> clip.mkv"
    frames = (SCENE.noisy(n, 12) for n in range(SCENE.length))
    return write_video(frames, path, clip=SCENE.clip, encode=EncodeOptions(codec="ffv1"))


@pytest.fixture(scope="session")
def preview(clip: Path) -> Iterator[PreviewServer]:
    """Its server, answering."""
    with serving(clip, Settings.of(strength=0.8)) as server:
        yield server
