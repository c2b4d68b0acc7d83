"""The way through the ffmpeg program: it decodes, filters and encodes, vdiff stands between.

Each vdiff node gets a program of its own in front of it, which computes what the node takes
and sends it as raw NUT, so that times survive; colours and HDR metadata go beside it. One last
program has the whole command line, with a further input in the place of every node.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from host_adapters.ffmpeg.between import Between
from host_adapters.ffmpeg.commandline import CommandLine, Group
from host_adapters.ffmpeg.rewrite import rewrite
from vdiff_plugin.atomic import whole_file
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import MediaError, UsageError

_INTERRUPTED = 130


def find_program() -> str:
    """The ffmpeg program: VDIFF_FFMPEG (`none` for never), else that on the PATH; or empty."""
    named = os.environ.get("VDIFF_FFMPEG", "")
    return "" if named == "none" else named or shutil.which("ffmpeg") or ""


def run_program(line: CommandLine, reason: str, engine: Engine) -> int:
    """Run a command line and return the last program's exit code as ours.

    Raises:
        UsageError: there is no ffmpeg program, or an input that can be read once only.
        VdiffError: a node of ours failed.
    """
    program = find_program()
    if not program:
        raise UsageError(_wanting(reason))
    _require_files(line, reason)
    rewritten = rewrite(line)
    with ExitStack() as opened:
        urls = [opened.enter_context(_target(line, group)) for group in line.outputs]
        nodes = [
            opened.enter_context(closing(Between(program, line, cut))) for cut in rewritten.cuts
        ]
        for node in nodes:
            node.start(engine)
        pipes = [word for node in nodes for word in node.input_words()]
        words = rewritten.words(pipes, [node.beside.hdr for node in nodes], urls)
        code = _run_last([program, *words], nodes)
        if code == _INTERRUPTED:
            return code
        for node in nodes:
            node.join(failed=code != 0)
        if code:
            raise MediaError(f"ffmpeg exited with {code}; it said why above")
    return 0


def _require_files(line: CommandLine, reason: str) -> None:
    """Raise UsageError for an input that only one program could read."""
    for each in line.inputs:
        path = Path(each.url)
        mode = path.stat().st_mode if path.exists() else 0
        passes_by = stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)  # a pipe, a camera
        if passes_by or each.url in ("-", "pipe:", "pipe:0", "/dev/stdin"):
            raise UsageError(
                f"Input {each.url} can be read once only, and {reason} needs the ffmpeg program, "
                "which reads it more often; give a file, or send frames through vdiff pipe"
            )


def _run_last(words: list[str], nodes: list[Between]) -> int:
    """The exit code of the program that writes the outputs.

    It and all others are kept from the terminal's interrupt, which each would take for itself:
    an interrupt ends this one as `q` does, and with it those that feed it.
    """
    last = subprocess.Popen(
        words,
        pass_fds=[node.out for node in nodes],
        stdin=subprocess.DEVNULL,
        process_group=0,
    )
    for node in nodes:
        node.let_go()
    try:
        return last.wait()
    except KeyboardInterrupt:
        last.send_signal(signal.SIGINT)
        last.wait()
        return _INTERRUPTED
    finally:
        if last.poll() is None:
            last.terminate()
            last.wait()


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
