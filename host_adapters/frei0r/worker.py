"""The worker: one process beside an editing host, restoring what its filters ask for.

It is started by the plug-in with a control socket as descriptor 3, and ends when the host
closes that, or ends itself, however that comes about.
"""

from __future__ import annotations

import array
import logging
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from host_adapters.frei0r import protocol
from vdiff_plugin.errors import VdiffError

if TYPE_CHECKING:
    from vdiff_plugin.engine import Engine

logger = logging.getLogger(__name__)

_CONTROL = 3
_FILES = 2  # that come with OPEN: memory and channel


def main() -> None:
    """Serve the host until it goes. Never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the host
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    host = _watch_host()
    control = socket.socket(fileno=_CONTROL)
    control.set_inheritable(False)
    _close_all_but(_CONTROL, host)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="vdiff: %(message)s")
    threading.Thread(target=_leave_with, args=(control, host), daemon=True).start()
    serve(control, _engine)
    _leave()


def serve(control: socket.socket, make_engine: Callable[[], Engine]) -> None:
    """Take instances until the host closes `control`; each gets a thread."""
    try:
        engine = make_engine()
    except VdiffError as error:
        control.send(protocol.failed(0, str(error)))
        return
    control.send(protocol.hello())
    while (came := _receive(control)) is not None:
        data, files = came
        threading.Thread(target=_attend, args=(engine, data, files), daemon=True).start()


def _engine() -> Engine:
    from host_adapters.frei0r.bands import BandedEngine

    return BandedEngine()


def _watch_host() -> int | None:
    try:
        return os.pidfd_open(os.getppid())
    except OSError:  # an old kernel: the control socket alone tells
        return None


def _leave_with(control: socket.socket, host: int | None) -> None:
    """End this process at once when the host does, also in the middle of a frame."""
    watch = select.poll()
    watch.register(control, 0)  # only the end: messages are for `serve`
    if host is not None:
        watch.register(host, select.POLLIN)
    watch.poll()
    _leave()


def _leave() -> None:
    os._exit(0)  # nothing here has to be kept, and threads may be deep in a frame


def _close_all_but(*kept: int | None) -> None:
    """Close what the host left open to us by mistake: somebody may wait for its end."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  # names are all there is
        if (number := int(name)) > 2 and number not in kept:
            with suppress(OSError):
                os.close(number)


def _receive(control: socket.socket) -> tuple[bytes, list[int]] | None:
    """One message and the descriptors with it; None at the end."""
    files = array.array("i")
    room = socket.CMSG_SPACE(_FILES * files.itemsize)
    try:
        data, ancillary, _, _ = control.recvmsg(protocol.SIZE + 1, room, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            files.frombytes(content[: len(content) // files.itemsize * files.itemsize])
    return (data, files.tolist()) if data else None


def _attend(engine: Engine, data: bytes, files: list[int]) -> None:
    """Serve one instance until it closes its channel."""
    if len(files) != _FILES:
        for file in files:
            os.close(file)
        logger.warning("an instance came with %d descriptors instead of %d", len(files), _FILES)
        return
    memory, number = files
    with socket.socket(fileno=number) as channel, suppress(BrokenPipeError, ConnectionResetError):
        try:
            _serve_instance(engine, data, memory, channel)
        except VdiffError as error:
            channel.send(protocol.failed(0, str(error)))


def _serve_instance(engine: Engine, data: bytes, memory: int, channel: socket.socket) -> None:
    from host_adapters.frei0r.instance import Instance
    from host_adapters.frei0r.memory import SharedFrames

    try:
        geometry = protocol.read_open(data)
    except protocol.ProtocolError:
        os.close(memory)
        raise
    frames = SharedFrames(memory, geometry)
    with closing(Instance(engine, geometry, frames)) as instance:
        channel.send(protocol.opened())
        while request := channel.recv(protocol.SIZE + 1):
            channel.send(_answer(instance.render, request, geometry.slots))


def _answer(render: Callable[[protocol.Request], int], data: bytes, slots: int) -> bytes:
    try:
        request = protocol.read_render(data, slots)
        return protocol.rendered(request.ticket, render(request))
    except VdiffError as error:
        return protocol.failed(protocol.ticket_of(data), str(error))
    except MemoryError:
        return protocol.failed(protocol.ticket_of(data), "not enough memory; use fewer pixels")
    except Exception as error:  # noqa: BLE001  # a bug: the host goes on without us
        traceback.print_exc()
        text = f"{type(error).__name__}: {error}; this is a bug of vdiff"
        return protocol.failed(protocol.ticket_of(data), text)


if __name__ == "__main__":
    main()
