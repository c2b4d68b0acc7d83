"""The server of the page: on the loopback address alone, for one clip."""

from __future__ import annotations

import errno
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from host_adapters.media import read_clip
from host_adapters.preview import page, strings
from host_adapters.preview.frames import Stills
from host_adapters.preview.guard import Guard, RefusedError
from host_adapters.preview.turns import SupersededError, Turns
from host_adapters.preview.wishes import Wish, read_wish
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import FrameError, ResourceError, UsageError, VdiffError
from vdiff_plugin.settings import Settings

logger = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_PATIENCE = 20  # seconds for a request to be sent
_SAFE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the page holds the rest itself
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ASKED = ("before", "after", "change", "measured", "strings")
_Reply = tuple[str, bytes]  # content type and content


@contextmanager
def open_preview(path: Path, settings: Settings, port: int = 0) -> Iterator[PreviewServer]:
    """A server that is ready for `serve_forever`.

    Args:
        path: the clip.
        settings: those the page starts with.
        port: to listen on; 0 takes any that is free.

    Raises:
        MediaError: the clip cannot be read.
        UsageError: settings that cannot be.
        ResourceError: the port is taken.
    """
    with Engine() as engine, closing(Stills(read_clip(path), engine)) as stills:
        stills.session(settings)  # what cannot be is said before a page is offered
        text = page.render(path, stills.reader, settings, engine.offers.weights)
        with _listening(port, path, settings, stills, text) as server:
            try:
                yield server
            finally:
                server.turns.close()  # nobody renders while the engine closes


class PreviewServer(ThreadingHTTPServer):
    """Answers the page of one clip.

    Attributes:
        turns: who may render.
        guard: who may ask.
    """

    daemon_threads = True

    def __init__(
        self, port: int, path: Path, settings: Settings, stills: Stills, text: str
    ) -> None:
        self._path = path
        self._settings = settings
        self._stills = stills
        self._page = text
        self.turns = Turns()
        super().__init__((_LOOPBACK, port), _Handler)
        self.guard = Guard(self.server_port)

    @property
    def address(self) -> str:
        """What is to be opened in a browser."""
        return f"http://{_LOOPBACK}:{self.server_port}/{self.guard.token}/"

    def server_bind(self) -> None:
        """Bind without asking the network for this machine's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = _LOOPBACK, self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that has gone is no error; anything else is a bug with its traceback."""
        if isinstance(sys.exception(), ConnectionError | TimeoutError):
            logger.debug("the browser did not wait for a reply")
        else:
            super().handle_error(request, client_address)

    def reply(self, asked: str) -> _Reply:
        """The reply to what is asked for after the secret.

        Raises:
            RefusedError: there is no such thing.
            VdiffError: why it cannot be.
        """
        name, _, query = asked.partition("?")
        if name == "":
            return "text/html; charset=utf-8", self._page.encode()
        if name not in _ASKED:
            raise RefusedError(HTTPStatus.NOT_FOUND, "there is no such page")
        wish = read_wish(query, self._settings)
        self._stills.require(wish.n)
        if name == "strings":
            return _as_json(self._told(wish))
        with self.turns.take(name):
            if name == "measured":
                return _as_json({"n": wish.n, "noise": self._stills.noise(wish.n)})
            return "image/png", self._picture(name, wish)

    def _picture(self, name: str, wish: Wish) -> bytes:
        if name == "before":
            return self._stills.before(wish.n)
        if name == "change":
            return self._stills.change(wish.n)
        return self._stills.after(wish.n, wish.settings)

    def _told(self, wish: Wish) -> dict[str, Any]:
        return {
            "seconds": float(self._stills.reader.source.seconds(wish.n)),
            "command": strings.command_line(self._path, wish.settings),
            "filter": strings.filter_string(wish.settings),
            "vapoursynth": strings.vapoursynth_call(wish.settings),
        }


class _Handler(BaseHTTPRequestHandler):
    """One request, checked before it is looked at."""

    server: PreviewServer
    timeout = _PATIENCE
    server_version = "vdiff"
    sys_version = ""
    default_request_version = "HTTP/1.0"  # what says no version gets a status line all the same

    def parse_request(self) -> bool:
        """Read the request; False if it was refused."""
        if not super().parse_request():
            return False
        try:
            self._asked = self.server.guard.admit(self.command, self.path, self.headers)
        except RefusedError as error:
            self.send_error(error.status, str(error))
            return False
        return True

    def do_GET(self) -> None:
        """Answer."""
        try:
            kind, content = self.server.reply(self._asked)
        except RefusedError as error:
            self.send_error(error.status, str(error))
        except VdiffError as error:
            self.send_error(_status_of(error), str(error))
        else:
            self._send(HTTPStatus.OK, kind, content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Say in a line of plain text why there is no answer."""
        text = message or explain or HTTPStatus(code).phrase
        self.close_connection = True
        self._send(code, "text/plain; charset=utf-8", text.encode(errors="replace"))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
        """Into the log at debug level, without the address: it holds the secret."""

    def _send(self, code: int, kind: str, content: bytes) -> None:
        self.send_response(code)
        for name, value in {"Content-Type": kind, **_SAFE}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _as_json(value: Any) -> _Reply:
    return "application/json", json.dumps(value).encode()


def _status_of(error: VdiffError) -> HTTPStatus:
    if isinstance(error, SupersededError):
        return HTTPStatus.CONFLICT
    if isinstance(error, FrameError):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, UsageError):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.INTERNAL_SERVER_ERROR


def _listening(
    port: int, path: Path, settings: Settings, stills: Stills, text: str
) -> PreviewServer:
    try:
        return PreviewServer(port, path, settings, stills, text)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = "is taken; stop who has it, give another --port, or leave it out for a free one"
        else:
            what = f"cannot be had ({error.strerror}); leave --port out for a free one"
        raise ResourceError(f"port {port} {what}") from error
