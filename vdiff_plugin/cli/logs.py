"""What the parts have to say while they work: one line each on stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SPEAKERS = ("vdiff_plugin", "host_adapters")


@contextmanager
def logs_to_stderr() -> Iterator[None]:
    """Let our loggers be heard, from INFO up, as long as a command runs."""
    handler = StderrHandler()
    loggers = [logging.getLogger(name) for name in _SPEAKERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


def say_more() -> None:
    """Within `logs_to_stderr`: let our loggers be heard from DEBUG up."""
    for name in _SPEAKERS:
        logging.getLogger(name).setLevel(logging.DEBUG)


@contextmanager
def logs_as_json() -> Iterator[None]:
    """Within `logs_to_stderr`: write log lines as JSON objects, as progress is."""
    handlers = [
        handler
        for name in _SPEAKERS
        for handler in logging.getLogger(name).handlers
        if isinstance(handler, StderrHandler)
    ]
    for handler in handlers:
        handler.line = json_line
    try:
        yield
    finally:
        for handler in handlers:
            handler.line = plain_line


class StderrHandler(logging.Handler):
    """Writes to whatever stderr is now: a progress bar may have put itself in front."""

    def __init__(self) -> None:
        super().__init__()
        self.line: Callable[[logging.LogRecord], str] = plain_line

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as one line."""
        sys.stderr.write(self.line(record) + "\n")
        sys.stderr.flush()


def plain_line(record: logging.LogRecord) -> str:
    """`vdiff: text`."""
    return f"vdiff: {' '.join(record.getMessage().split())}"


def json_line(record: logging.LogRecord) -> str:
    """`{"log": "warning", "text": "..."}`."""
    return json.dumps({"log": record.levelname.lower(), "text": record.getMessage()})
