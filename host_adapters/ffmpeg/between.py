"""A vdiff node between two ffmpeg programs: frames from one pipe, restored, into another."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from fractions import Fraction
from functools import cache

from host_adapters.ffmpeg.asked import Asked, Beside, look
from host_adapters.ffmpeg.colour_names import tag_options
from host_adapters.ffmpeg.commandline import CommandLine
from host_adapters.ffmpeg.cut import Cut
from host_adapters.filtergraph.gate import Gate
from host_adapters.media.colour import FULL
from host_adapters.pipes.container import ContainerReader, ContainerWriter
from host_adapters.pipes.contracts import Piped
from host_adapters.pipes.pump import pump
from host_adapters.pipes.stdio import widen
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import MediaError
from vdiff_plugin.frame import ClipInfo
from vdiff_plugin.session import Session

_HAS_WORD = 61  # libavcodec's version in ffmpeg 7
_FIRST_FRAME = 120.0  # seconds until the first picture has to be there


class Between:
    """One node, the nodes before it, and the program in front.

    Args:
        program: ffmpeg.
        line: has the inputs.
        cut: the node.

    Attributes:
        out: descriptor of the pipe that the next program reads.
        beside: what that program has to know of its frames.
    """

    def __init__(self, program: str, line: CommandLine, cut: Cut) -> None:
        self._program, self._line, self._cut = program, line, cut
        self._feeds = [Between(program, line, each) for each in cut.feeds]
        self._source, self._sink = os.pipe()
        self.out, self._into = os.pipe()
        self.beside = Beside()
        self._begin = Fraction(0)
        self._form: tuple[str, int, int] = ("", 0, 0)
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        for each in (self._source, self._into):
            widen(each)

    def start(self, engine: Engine) -> None:
        """Start all that stands in front, and wait for the first picture.

        Raises:
            VdiffError: there is none, or it cannot be processed.
        """
        for each in self._feeds:
            each.start(engine)
        with closing(self._ask()) as asked:
            words = [word for each in self._feeds for word in each.input_words()]
            self._process = subprocess.Popen(
                [self._program, *self._cut.words(words, self._sink, _ticks(self._program))],
                pass_fds=[self._sink, *(each.out for each in self._feeds)],
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
            os.close(self._sink)
            for each in self._feeds:
                each.let_go()
            fed = [each.beside for each in self._feeds]
            self.beside = look(self._cut, self._line, asked.tags(), fed)
        self._thread = threading.Thread(target=self._work, args=(engine,), daemon=True)
        self._thread.start()
        self._ready.wait(_FIRST_FRAME)
        if self._failure:
            self._process.wait()
            raise self._failure

    def input_words(self) -> list[str]:
        """The pipe as an input of the next program, with what its frames do not say."""
        offset = ["-itsoffset", f"{float(self._begin):.6f}"] if self._begin else []
        tags = [] if self._form[0].startswith(("gbr", "rgb")) else tag_options(self.beside.tags)
        return [*offset, *tags, "-f", "nut", "-i", f"pipe:{self.out}"]

    def blank_words(self) -> list[str]:
        """An input of the same form, of which one frame can be had without any work."""
        name, width, height = self._form
        form = ["-pixel_format", name, "-video_size", f"{width}x{height}"]
        return [*tag_options(self.beside.tags), "-f", "rawvideo", *form, "-i", "/dev/zero"]

    def let_go(self) -> None:
        """Close what the next program has now."""
        with suppress(OSError):
            os.close(self.out)

    def join(self, *, failed: bool) -> None:
        """Wait for the end, and raise what went wrong unless the next program failed before."""
        for each in self._feeds:
            each.join(failed=failed)
        if self._thread and self._process:
            self._thread.join()
            self._process.wait()
        if self._failure and not failed:
            raise self._failure

    def close(self) -> None:
        """End the programs in front, should they still run."""
        for each in self._feeds:
            each.close()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()  # it has nothing to finish
            self._process.wait()

    def _ask(self) -> Asked:
        blanks = [word for each in self._feeds for word in each.blank_words()]
        return Asked(self._program, self._cut, blanks)

    def _work(self, engine: Engine) -> None:
        try:
            self._pump(engine)
        except BrokenPipeError:  # the next program wants no more
            self.close()  # before its pipe breaks, which it would complain of
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            self._failure = error
        finally:
            self._ready.set()
            for each in (self._into, self._source):
                with suppress(OSError):
                    os.close(each)

    def _pump(self, engine: Engine) -> None:
        try:
            reader = ContainerReader(f"pipe:{self._source}", "nut", tags=self.beside.tags)
        except MediaError as error:
            raise MediaError("ffmpeg gave no picture to vdiff; see what it said above") from error
        options = self._cut.options
        with closing(reader), engine.open(reader.clip, options.settings) as session:
            gate = Gate(session, options.enable) if options.enable else None
            writer = ContainerWriter(self._into, "nut", session.clip, reader)
            self._tell(reader, session, writer)
            pump(
                _Noting(reader, gate) if gate else reader,
                gate.as_session() if gate else session,
                writer,
                live=options.settings.lookahead is not None,
            )

    def _tell(self, reader: ContainerReader, session: Session, writer: ContainerWriter) -> None:
        """Say what the next program needs, now that it is known, and let it be started."""
        self._begin = reader.begin
        self._form = (writer.layout.name, session.clip.width, session.clip.height)
        tags = writer.tags
        if session.clip.full_range and not reader.clip.full_range:
            tags = replace(tags, range=FULL)
        self.beside = replace(self.beside, tags=tags)
        self._ready.set()


@cache
def _ticks(program: str) -> str:
    """The value of `-enc_time_base` that keeps the time base: newer versions have a word for it."""
    done = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    major = re.search(r"^libavcodec +(\d+)\.", done.stdout, re.MULTILINE)
    return "filter" if major and int(major[1]) >= _HAS_WORD else "-1"


class _Noting:
    """A reader that tells a gate when each frame is shown."""

    def __init__(self, reader: ContainerReader, gate: Gate) -> None:
        self._reader, self._gate = reader, gate

    @property
    def clip(self) -> ClipInfo:
        """See `PipeReader.clip`."""
        return self._reader.clip

    def frames(self) -> Iterator[Piped]:
        """See `PipeReader.frames`."""
        for n, piped in enumerate(self._reader.frames()):
            self._gate.note(n, float(piped.ticket.pts * self._reader.base))
            yield piped
