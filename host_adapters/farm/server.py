"""A process that keeps a job open, network loaded, for the tasks of one session.

It listens on a socket in the session's own folder, which only the session's user can
reach. A request and its answers are JSON, one object a line. It ends when it is told to,
or when nobody has asked for a while.
"""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from host_adapters.farm.opened import OpenJob
from host_adapters.farm.run import render_range
from host_adapters.media.render import Progress
from vdiff_plugin.errors import ResourceError, UsageError, VdiffError
from vdiff_plugin.farm.spans import Span, parse_spans

logger = logging.getLogger(__name__)

VARIABLE = "VDIFF_FARM_SOCKET"  # names the socket to the tasks of a session
_IDLE = 3600.0  # seconds without a request after which a forgotten server ends
_START = 120.0  # seconds that loading the network may take
_POLL = 0.1


class NoServerError(VdiffError):
    """Nobody listens; the task has to do its work itself."""


def serve(job: OpenJob, address: Path, threads: int = 2, idle: float = _IDLE) -> None:
    """Answer requests one after the other until told to stop.

    Args:
        job: opened here.
        address: of the socket, which must not exist.
        threads: that render.
        idle: seconds without a request after which to end.

    Raises:
        UsageError: the address cannot be used.
    """
    job.session  # noqa: B018  # loaded before anybody is let in
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        try:
            listening.bind(str(address))
        except OSError as error:
            raise UsageError(f"{address}: {error}; give another --socket") from error
        try:
            address.chmod(0o600)
            listening.listen()
            listening.settimeout(idle)
            while _answer_next(job, listening, threads):
                pass
        finally:
            address.unlink(missing_ok=True)


def start(words: Sequence[str], address: Path) -> None:
    """Have `vdiff WORDS` run on its own, and wait until it listens.

    Raises:
        ResourceError: it does not come up; the reason stands in the message.
    """
    log = address.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "vdiff_plugin", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(NoServerError):
            list(_talk(address, {"do": "greet"}))
            return
        time.sleep(_POLL)
    process.kill()
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise ResourceError(
        f"the server did not start ({said[-1] if said else 'no word of it'}); see {log}"
    )


def ask(
    address: Path, job: str, spans: Sequence[Span], progress: Progress | None = None
) -> list[Span]:
    """Have a server render frames; as `render_range`.

    Raises:
        NoServerError: nobody listens, or the server serves another job or died.
        VdiffError: rendering failed.
    """
    request = {"do": "render", "job": job, "range": ",".join(map(str, spans))}
    for answer in _talk(address, request):
        if "progress" in answer and progress:
            progress(*answer["progress"])
        if "failed" in answer:
            raise VdiffError(answer["failed"])
        if "rendered" in answer:
            return parse_spans(answer["rendered"]) if answer["rendered"] else []
    raise NoServerError(f"{address}: the server ended before its answer; run the task again")


def stop(address: Path) -> None:
    """Tell a server to end; where there is none, that is as well."""
    with suppress(NoServerError):
        list(_talk(address, {"do": "stop"}))


def _answer_next(job: OpenJob, listening: socket.socket, threads: int) -> bool:
    """Answer one request; False when it is time to end."""
    try:
        connection, _ = listening.accept()
    except TimeoutError:
        return False
    with connection, suppress(OSError, ValueError), connection.makefile("rw") as stream:
        request = json.loads(stream.readline())
        if request.get("do") == "render":
            _render(job, request, stream, threads)
        return bool(request.get("do") != "stop")
    return True  # the other side is gone: the next one, please


def _render(job: OpenJob, request: dict[str, Any], stream: TextIO, threads: int) -> None:
    if request.get("job") != job.manifest.job:
        return  # no answer: the task does it itself

    def tell(done: int, total: int) -> None:
        _say(stream, {"progress": [done, total]})

    try:
        made = render_range(job, parse_spans(request["range"]), tell, threads)
    except VdiffError as error:
        _say(stream, {"failed": str(error)})
    else:
        _say(stream, {"rendered": ",".join(map(str, made))})


def _talk(address: Path, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with _connected(address) as stream:
        _say(stream, request)
        for line in stream:
            yield json.loads(line)


@contextmanager
def _connected(address: Path) -> Iterator[TextIO]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(address))
        except OSError as error:
            raise NoServerError(f"{address}: {error}; start it with vdiff farm serve") from error
        with connection.makefile("rw") as stream:
            yield stream


def _say(stream: TextIO, value: dict[str, Any]) -> None:
    stream.write(json.dumps(value) + "\n")
    stream.flush()
