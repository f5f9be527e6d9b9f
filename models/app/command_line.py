# SPDX-License-Identifier: GPL-3.0-or-later
"""How `python -m models` and `python -m training` end: with a result, or with one sentence and an exit code."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from models.app.error_messages import error_for_user
from models.errors import Cancelled, UserError
from models.plain_text import printable, sentence

FAILED = 1
INTERRUPTED = 130
UNEXPECTED = "unexpected"


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line that is safe on a terminal."""

    def error(self, message: str) -> NoReturn:
        """End the program with argparse's message as one safe line."""
        super().error(sentence(message))


def run_command(command: Callable[[], int], *, debug: bool, keep_traceback: bool = False) -> int:
    """Do what a command line asks for; the exit code, with one sentence on stderr where it failed.

    debug: show the traceback of any error. keep_traceback: show that of an unforeseen one, whatever `debug` says: a
    training run of hours is not repeated to see it.
    """
    try:
        return command()
    except (KeyboardInterrupt, Cancelled):
        print("Interrupted; nothing was written.", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # whatever happens, the user gets one sentence
        explained = error_for_user(error)
        unforeseen = explained.code == UNEXPECTED
        if debug or (unforeseen and keep_traceback):
            print(printable(explained.detail, keep="\n\t"), file=sys.stderr)
        print(f"error: {explained.message}", file=sys.stderr)
        if unforeseen and not debug and not keep_traceback:
            print("Run the command again with --debug for the details.", file=sys.stderr)
        return FAILED


def complain(error: Exception, before: str = "") -> None:
    """Say on stderr what went wrong, in one sentence: the error's own, or what the system's number means."""
    foreseen = isinstance(error, UserError) or (isinstance(error, OSError) and error.errno is not None)
    said = error_for_user(error).message if foreseen else str(error)
    print(f"error: {sentence(before + said)}", file=sys.stderr)


def say(text: str) -> None:
    """Print a result. Raises OSError when stdout cannot take it, and keeps the interpreter from trying once more."""
    try:
        print(printable(text, keep="\n"), flush=True)
    except OSError as error:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
        error.filename = "standard output"
        raise


def end_cleanly_when_asked() -> None:
    """SIGTERM ends the program as Ctrl-C does, so that no file in the making stays behind."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
