"""The two sides of the protocol agree, and the worker's refuses what is not right."""

from __future__ import annotations

import re
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_adapters.frei0r import protocol
from host_adapters.frei0r.build import HERE as SOURCES
from host_adapters.frei0r.protocol import ProtocolError, read_open, read_render
from tests.host_adapters.frei0r.conftest import compiled

_WRITER = r"""
#include <stdio.h>
#include <string.h>
#include "vdiff_protocol.h"
int main(void) {
    union vdiff_message open = {.open = {{VDIFF_MAGIC, VDIFF_VERSION, VDIFF_OPEN, 0}, 10, 4,
                                         VDIFF_RGBA8, 40, 5, 0, 4096, 24576}};
    union vdiff_message render = {.render = {{VDIFF_MAGIC, VDIFF_VERSION, VDIFF_RENDER, 9}, 1.5,
                                             0.25, 0.5, 0.75, VDIFF_CHANGE_MAP, 3}};
    for (unsigned k = 0; k < VDIFF_WINDOW; k++) {
        render.render.ids[k] = 100 + k;
        render.render.runs[k] = 200 + k;
    }
    strcpy(render.render.task, "restore");
    strcpy(render.render.preset, "quality");
    fwrite(&open, sizeof open, 1, stdout);
    fwrite(&render, sizeof render, 1, stdout);
    return 0;
}
"""


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """OPEN and RENDER as the C side writes them."""
    folder = tmp_path_factory.mktemp("writer")
    (folder / "writer.c").write_text(_WRITER, encoding="ascii")
    flags = ("-Wno-missing-field-initializers",)
    program = compiled(folder, "writer", folder / "writer.c", flags=flags)
    written = subprocess.run([program], capture_output=True, check=True).stdout
    assert len(written) == 2 * protocol.SIZE
    return written[: protocol.SIZE], written[protocol.SIZE :]


def test_what_the_plug_in_writes_is_read(messages: tuple[bytes, bytes]) -> None:
    geometry = read_open(messages[0])
    assert (geometry.width, geometry.height, geometry.slots) == (10, 4, 5)
    assert (geometry.slot_bytes, geometry.total_bytes) == (4096, 24576)
    request = read_render(messages[1], 5)
    assert (request.strength, request.noise, request.mix) == (0.25, 0.5, 0.75)
    assert (request.ticket, request.newest) == (9, 3)
    assert (request.delayed, request.change_map) == (False, True)
    assert request.ids == (100, 101, 102, 103, 104)
    assert request.runs == (200, 201, 202, 203, 204)
    assert (request.task, request.preset) == ("restore", "quality")


def test_the_numbers_of_both_sides_are_the_same() -> None:
    text = (SOURCES / "vdiff_protocol.h").read_text(encoding="ascii")
    kinds = re.search(r"enum vdiff_kind \{(.*?)\};", text, re.DOTALL)
    assert kinds
    names = re.findall(r"VDIFF_(\w+)", kinds[1])
    assert [getattr(protocol, name) for name in names] == list(range(1, len(names) + 1))
    defined = dict(re.findall(r"#define VDIFF_(\w+) (\w+)", text))
    assert int(defined["MAGIC"].rstrip("u"), 16) == protocol.MAGIC
    ours = (protocol.VERSION, protocol.SIZE, protocol.NAME, protocol.WINDOW)
    assert tuple(int(defined[n]) for n in ("VERSION", "MESSAGE", "NAME", "WINDOW")) == ours


def _patched(message: bytes, offset: int, form: str, *values: float) -> bytes:
    packed = struct.pack(form, *values)
    return message[:offset] + packed + message[offset + len(packed) :]


@pytest.mark.parametrize(
    ("offset", "form", "values", "match"),
    [
        (0, "=I", (1,), "not vdiff's"),
        (4, "=H", (2,), "speaks version 2 and its worker 1; run vdiff frei0r install again"),
        (6, "=H", (4,), "kind 4 where 2 is due"),
        (16, "=I", (0,), "picture of 0x4"),
        (16, "=I", (11,), "in rows of 40 bytes"),
        (20, "=I", (103,), "do not hold"),
        (24, "=I", (2,), "pixel format 2"),
        (32, "=I", (17,), "17 slots"),
        (32, "=I", (6,), "6 slots"),
        (40, "=Q", (1 << 63,), "do not hold"),
        (48, "=Q", (24575,), "do not hold"),
    ],
)
def test_sizes_that_contradict_are_refused(
    messages: tuple[bytes, bytes], offset: int, form: str, values: tuple[int, ...], match: str
) -> None:
    with pytest.raises(ProtocolError, match=match):
        read_open(_patched(messages[0], offset, form, *values))


@pytest.mark.parametrize(
    ("offset", "form", "value"),
    [(24, "=d", 1.01), (24, "=d", float("nan")), (32, "=d", -0.1), (40, "=d", float("inf")),
     (48, "=I", 4), (52, "=I", 5)],
)  # fmt: skip
def test_values_out_of_range_are_refused(
    messages: tuple[bytes, bytes], offset: int, form: str, value: float
) -> None:
    with pytest.raises(ProtocolError):
        read_render(_patched(messages[1], offset, form, value), 5)


@given(st.binary(max_size=2 * protocol.SIZE), st.integers(1, protocol.WINDOW))
def test_noise_is_refused_and_nothing_else_happens(noise: bytes, slots: int) -> None:
    with pytest.raises(ProtocolError):
        read_open(noise)
    with pytest.raises(ProtocolError):
        read_render(noise, slots)
    protocol.ticket_of(noise)


def test_a_long_reason_is_cut_and_stays_a_line() -> None:
    message = protocol.failed(7, "a line\nand another: \N{SNOWMAN} " + "x" * 600)
    assert len(message) == protocol.SIZE
    assert protocol.ticket_of(message) == 7
    assert message[16:].startswith(b"a line and another: ? xxx")
    assert message[-1] == 0
