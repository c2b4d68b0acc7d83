"""The `vdiff` program: commands from the plug-ins, one-line errors, exit codes.

0 done; 1 the work failed; 2 wrong usage; 130 interrupted; 143 terminated. A bug keeps its
traceback.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vdiff_plugin.cli.logs import logs_to_stderr
from vdiff_plugin.errors import UnknownNameError, VdiffError
from vdiff_plugin.plugins import Catalogue, load_offers

_INTERRUPTED = 130
_TERMINATED = 143


def run(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        args: what follows `vdiff`; by default the process's own arguments.
    """
    # TensorFlow writes its greetings to stderr, where progress lines belong.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _end_cleanly_when_terminated()
    try:
        with logs_to_stderr():
            code = _dispatch(list(sys.argv[1:] if args is None else args))
        if sys.stdout is not None:  # closed by whoever started us
            sys.stdout.flush()
    except VdiffError as error:
        return _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        return _fail(explain(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except BrokenPipeError:
        return _abandon_stdout()
    except OSError as error:
        if error.filename is not None:
            raise  # not our output: a file that some part should have explained
        _abandon_stdout()
        return _fail(f"the output cannot be written: {error.strerror}; make room for it", 1)
    # typer turns an interrupt within a command into an exit code.
    return _fail("interrupted", code) if code == _INTERRUPTED else code


def build(commands: Catalogue[Callable[[], Any]]) -> typer.Typer:
    """The parser, with every command that is on offer."""
    app = typer.Typer(
        name="vdiff",
        cls=_Group,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help: it reads the same through a pipe or a pager
    )
    app.callback()(_vdiff)
    for name in commands:
        app.command(name)(commands.find(name)())
    return app


def explain(error: typer.TyperException) -> str:
    """A usage error on one line, with what exists where a name was wrong."""
    context = getattr(error, "ctx", None)
    wrong = getattr(error, "option_name", None)
    if wrong and context and "No such option" in error.message:
        return str(UnknownNameError("option", wrong, _options(context.command.params)))
    what = " ".join(error.format_message().split()).rstrip(".")
    path = context.command_path if context else "vdiff"
    return f"{what[:1].lower()}{what[1:]}; see {path} --help"


def _dispatch(args: list[str]) -> int:
    app = build(load_offers().commands)
    # Without standalone mode typer hands exit codes back and lets exceptions through.
    result = app(args=args or ["--help"], prog_name="vdiff", standalone_mode=False)
    return result if isinstance(result, int) else 0


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vdiff {version('vdiff-plugin')}")
        raise typer.Exit


def _vdiff(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Temporal video restoration: the same pixels in every host, in any order."""


class _Group(TyperGroup):
    """Says what there is where a command is unknown."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            raise UnknownNameError("command", args[0], self.commands)
        return super().resolve_command(ctx, args)


def _options(params: Iterable[Any]) -> list[str]:
    names = [one for param in params for one in (*param.opts, *param.secondary_opts)]
    return [*(name for name in names if name.startswith("--")), "--help"]


def _end_cleanly_when_terminated() -> None:
    """SIGTERM, as schedulers send it, unwinds like Ctrl-C: what was half done is removed."""

    def leave(*_: object) -> None:
        sys.exit(_fail("terminated", _TERMINATED))

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, leave)


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"vdiff: {text}\n")
    return code


def _abandon_stdout() -> int:
    """Whoever read our output has gone: nothing to say, and nobody to say it to."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
