"""The way through the ffmpeg program: it decodes, filters and encodes, vdiff stands between.

Each vdiff node gets a program of its own in front of it, which computes what the node takes
and sends it as raw NUT, so that times survive. One last program has the whole command line,
with a further input in the place of every node.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from fractions import Fraction
from pathlib import Path

from host_adapters.ffmpeg.commandline import CommandLine, Group
from host_adapters.ffmpeg.rewrite import Cut, Rewritten, rewrite
from host_adapters.media.atomic import whole_file
from host_adapters.pipes.container import ContainerReader, ContainerWriter
from host_adapters.pipes.pump import pump
from host_adapters.pipes.stdio import widen
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import MediaError, UsageError, VdiffError

_INTERRUPTED = 130
_FIRST_FRAME = 120.0  # seconds until the first picture has to be there


def find_program() -> str:
    """The ffmpeg program: VDIFF_FFMPEG (`none` for never), else that on the PATH; or empty."""
    named = os.environ.get("VDIFF_FFMPEG", "")
    return "" if named == "none" else named or shutil.which("ffmpeg") or ""


def run_program(line: CommandLine, reason: str, engine: Engine) -> int:
    """Run a command line and return the last program's exit code as ours.

    Raises:
        UsageError: there is no ffmpeg program.
        VdiffError: a node of ours failed.
    """
    program = find_program()
    if not program:
        raise UsageError(_wanting(reason))
    rewritten = rewrite(line)
    with ExitStack() as opened:
        urls = [opened.enter_context(_target(line, group)) for group in line.outputs]
        nodes = [opened.enter_context(closing(_Node(program, cut))) for cut in rewritten.cuts]
        for n, node in enumerate(nodes):
            node.start(engine, nodes[:n])
        last = _last(program, rewritten, nodes, urls)
        for node in nodes:
            node.let_go()
        try:
            code = last.wait()
        except KeyboardInterrupt:  # the programs got it too, and finish what they have
            last.wait()
            return _INTERRUPTED
        for node in nodes:
            node.join(failed=code != 0)
        if code:
            raise MediaError(f"ffmpeg exited with {code}; it said why above")
    return 0


@contextmanager
def _target(line: CommandLine, group: Group) -> Iterator[str]:
    """What the program is to write: a temporary name where the output is an ordinary file."""
    if (
        group.value("f") == "null"
        or group.url == "-"
        or ":" in group.url
        or "%" in group.url
        or group.url.startswith("/dev/")
    ):
        yield group.url
    else:
        sources = tuple(Path(each.url) for each in line.inputs)
        path = Path(group.url)
        with whole_file(path, overwrite=line.overwrite(), sources=sources) as temporary:
            yield str(temporary)


def _wanting(reason: str) -> str:
    if "no filter" in reason:
        name = reason.rpartition(" ")[2].strip("'")
        return (
            f"No such filter: {name!r} in the bundled libraries; install the ffmpeg program, or "
            "set VDIFF_FFMPEG to one that has it"
        )
    return f"{reason} needs the ffmpeg program; install it, or set VDIFF_FFMPEG"


def _last(
    program: str, rewritten: Rewritten, nodes: list[_Node], urls: list[str]
) -> subprocess.Popen[bytes]:
    begins = [node.begin for node in nodes]
    words = [program, *rewritten.words([node.out for node in nodes], begins, urls)]
    passed = [node.out for node in nodes]
    return subprocess.Popen(words, pass_fds=passed)


class _Node:
    """One vdiff node between two programs."""

    def __init__(self, program: str, cut: Cut) -> None:
        self._program, self._cut = program, cut
        self._source, self._sink = os.pipe()
        self.out, self._into = os.pipe()
        self.begin = Fraction(0)
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        for each in (self._source, self._into):
            widen(each)

    def start(self, engine: Engine, earlier: list[_Node]) -> None:
        """Start the program in front, and wait for its first picture."""
        if earlier and self._cut.needs:
            raise UsageError(
                "[vdiff] one vdiff behind another cannot go through the ffmpeg program; chain them "
                "in one node with stages="
            )
        words = [self._program, *self._cut.words(self._sink)]
        stdin = None if self._cut.takes_stdin else subprocess.DEVNULL
        self._process = subprocess.Popen(words, pass_fds=[self._sink], stdin=stdin)
        os.close(self._sink)
        self._thread = threading.Thread(target=self._work, args=(engine,), daemon=True)
        self._thread.start()
        self._ready.wait(_FIRST_FRAME)
        if self._failure:
            self._process.wait()
            raise self._failure

    def let_go(self) -> None:
        """Close what the next program has now."""
        with suppress(OSError):
            os.close(self.out)

    def join(self, *, failed: bool) -> None:
        """Wait for the end, and raise what went wrong unless the next program failed before."""
        self._thread.join()
        self._process.wait()
        if self._failure and not failed:
            raise self._failure

    def close(self) -> None:
        """End the program in front, should it still run."""
        if getattr(self, "_process", None) and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def _work(self, engine: Engine) -> None:
        try:
            self._pump(engine)
        except BrokenPipeError:
            pass  # the next program wants no more
        except VdiffError as error:
            self._failure = error
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            self._failure = error
        finally:
            self._ready.set()
            for each in (self._into, self._source):
                with suppress(OSError):
                    os.close(each)

    def _pump(self, engine: Engine) -> None:
        try:
            reader = ContainerReader(f"pipe:{self._source}", "nut")
        except MediaError as error:
            raise MediaError("ffmpeg gave no picture to vdiff; see what it said above") from error
        with closing(reader), engine.open(reader.clip, self._cut.options.settings) as session:
            self.begin = reader.begin
            self._ready.set()
            writer = ContainerWriter(f"pipe:{self._into}", "nut", session.clip, reader)
            pump(reader, session, writer, live=False)
