"""A worker that misbehaves: `bad_worker.py HOW`. It stands in for ours in tests of the plug-in.

quits      ends before it says hello
mute       never says hello
stalls     takes the instance and answers no request
dies       answers one request, and ends at the next
lies       says that the picture is there and shrinks, grows and scribbles on the memory
babbles N  answers with messages made of chance, seed N
strange    speaks version 2
"""

from __future__ import annotations

import mmap
import os
import random
import socket
import sys
import time
from contextlib import suppress

from host_adapters.frei0r import protocol


def main(how: str, seed: int) -> None:
    """Serve one instance, badly."""
    control = socket.socket(fileno=3)
    if how == "quits":
        return
    if how == "mute":
        time.sleep(600)
    hello = protocol.hello()
    control.send(hello[:4] + b"\2\0" + hello[6:] if how == "strange" else hello)
    data, files, _, _ = socket.recv_fds(control, protocol.SIZE, 2)
    geometry = protocol.read_open(data)
    channel = socket.socket(fileno=files[1])
    channel.send(protocol.opened())
    with mmap.mmap(files[0], geometry.total_bytes) as memory:
        _answer(how, random.Random(seed), channel, files[0], memory, geometry)


def _answer(
    how: str,
    chance: random.Random,
    channel: socket.socket,
    file: int,
    memory: mmap.mmap,
    geometry: protocol.Geometry,
) -> None:
    answered = 0
    while data := channel.recv(protocol.SIZE):
        request = protocol.read_render(data, geometry.slots)
        if how == "stalls":
            time.sleep(600)
        if how == "dies" and answered:
            os.abort()
        for size in (0, 1 << 30):
            with suppress(OSError):
                os.ftruncate(file, size)
        memory[:] = b"\xff" * len(memory)
        answer = protocol.rendered(request.ticket, protocol.PICTURE)
        channel.send(_nonsense(chance, answer) if how == "babbles" else answer)
        answered += 1


def _nonsense(chance: random.Random, answer: bytes) -> bytes:
    kind = chance.randrange(5)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 2000))
    if kind == 1:
        return answer[: chance.randrange(1, len(answer))]
    if kind == 2:
        return answer + chance.randbytes(chance.randrange(1, 600))
    message = bytearray(answer)
    for _ in range(kind - 2):
        message[chance.randrange(20)] ^= 1 << chance.randrange(8)
    return bytes(message)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
