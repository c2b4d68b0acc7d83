"""The `vdiff` program: commands from the plug-ins, one-line errors, exit codes.

0 done; 1 the work failed; 2 wrong usage; 130 interrupted; 143 terminated. A bug keeps its
traceback.
"""

from __future__ import annotations

import errno
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
from vdiff_plugin.cli.streams import abandon, explain_lost, tolerant_stderr
from vdiff_plugin.errors import UnknownNameError, VdiffError
from vdiff_plugin.plugins import Catalogue, load_offers

_INTERRUPTED = 130
_TERMINATED = 143
# What Python and the system's loader say, in errors that have no class for it.
_SHORTAGES = ("can't start new thread", "failed to map segment", "cannot map zero-fill pages",
              "cannot allocate memory")  # fmt: skip


def run(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        args: what follows `vdiff`; by default the process's own arguments.
    """
    # TensorFlow writes its greetings to stderr, where progress lines belong.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # OpenCV brings a BLAS that nothing of ours calls. It wants 32 MB of addresses for each
    # processor while it loads, and crashes where a limit denies them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _end_cleanly_when_terminated()
    with tolerant_stderr():
        return _run(list(sys.argv[1:] if args is None else args))


def _run(args: list[str]) -> int:
    try:
        with logs_to_stderr():
            code = _dispatch(args)
        if sys.stdout is not None:  # closed by whoever started us
            sys.stdout.flush()
    except VdiffError as error:
        return _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        return _fail(explain(error, args), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except _TerminatedError:
        return _fail("terminated", _TERMINATED)
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        return _give_up(error)
    # typer turns an interrupt within a command into an exit code.
    return _fail("interrupted", code) if code == _INTERRUPTED else code


def _give_up(error: Exception) -> int:
    """Say what the system lacked. What it did not lack is a bug, and goes on."""
    if _is_shortage(error):
        return _fail("not enough memory; use a smaller --cache or --tile, or fewer pixels", 1)
    if isinstance(error, OSError):
        return _lose_stdout(error)
    raise error


def _is_shortage(error: Exception) -> bool:
    """Whether memory, or a limit on it, is used up: for objects, threads or libraries."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return any(sign in str(error) for sign in _SHORTAGES)


def _lose_stdout(error: OSError) -> int:
    """End after our output could not be written."""
    if error.filename is not None:
        raise error  # not our output: a file that some part should have explained
    abandon(sys.stdout)
    if isinstance(error, BrokenPipeError):  # whoever read it has gone: nobody to say it to
        return 1
    return _fail(explain_lost(error), 1)


def build(
    commands: Catalogue[Callable[[], Any]], wanted: Iterable[str] | None = None
) -> typer.Typer:
    """The parser, with the commands of those names; by default every one that is on offer."""
    app = typer.Typer(
        name="vdiff",
        cls=_Group,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help: it reads the same through a pipe or a pager
    )
    app.callback()(_vdiff)
    for name in commands if wanted is None else wanted:
        _add(app, name, commands.find(name)())
    return app


def _add(app: typer.Typer, name: str, command: Any) -> None:
    """Add a command, or a group of them that a plug-in has made with typer."""
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name, cls=_Group)
    else:
        settings = getattr(command, "context_settings", None)  # how typer is to read it
        app.command(name, context_settings=settings)(command)


def explain(error: typer.TyperException, args: Sequence[str] = ()) -> str:
    """A usage error on one line, with what exists where a name was wrong."""
    context = getattr(error, "ctx", None)
    wrong = getattr(error, "option_name", None)
    if wrong and context and "No such option" in error.message:
        if file := _file_with_dash(args, wrong):
            return f"no option {file!r}; if it is a file, write ./{file} or put -- before the files"
        return str(UnknownNameError("option", wrong, _options(context.command.params)))
    what = " ".join(error.format_message().split()).rstrip(".")
    path = context.command_path if context else "vdiff"
    return f"{what[:1].lower()}{what[1:]}; see {path} --help"


def _file_with_dash(args: Sequence[str], wrong: str) -> str | None:
    """The argument that was taken for the option `wrong` and may be meant as a file."""
    dashed = (each for each in args if each.startswith("-") and "." in each and "=" not in each)
    return next((each for each in dashed if wrong.lstrip("-") in each), None)


def _dispatch(args: list[str]) -> int:
    commands = load_offers().commands
    wanted = args[:1] if args and args[0] in commands else list(commands)
    app = build(commands, wanted)
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


class _TerminatedError(SystemExit):
    """SIGTERM came."""


def _end_cleanly_when_terminated() -> None:
    """SIGTERM, as schedulers send it, unwinds like Ctrl-C: what was half done is removed.

    Nothing is written before that: Python may be amid writing a line of progress, and refuses
    to begin another.
    """

    def leave(*_: object) -> None:
        raise _TerminatedError(_TERMINATED)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, leave)


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"vdiff: {' '.join(text.splitlines())}\n")  # file names may hold any sign
    return code
