"""The command line: ``canarysim preview FILE... ['GET /path name:value']`` and its sisters."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

from canarysim.errors import CanarysimError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

ANSWERED, NOT_ANSWERED, INTERRUPTED = 0, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code; SystemExit for ``--help`` and refused arguments.

    The codes are 0 answered, 1 answered with a finding, 2 not answered, 130 interrupted. Answers go to standard
    output, all else to standard error.
    """
    collecting = gc.isenabled()
    gc.disable()  # loading and reading make much that stays, and a command is soon over
    from canarysim.cli.output import complain, flush, give_up, prepare

    try:
        prepare()
        try:
            return _run(sys.argv[1:] if arguments is None else list(arguments))
        finally:
            flush()  # what cannot be written is found here, and not when Python closes its streams
    except CanarysimError as error:
        complain(f"canarysim: {error}")
    except BrokenPipeError:
        give_up(sys.stdout)
        return ANSWERED  # whoever reads the output has seen enough
    except OSError as error:
        give_up(sys.stdout)
        complain(f"canarysim: {error.filename or 'the output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if os.environ.get("CANARYSIM_TRACEBACK"):
            raise
        complain(
            f"canarysim: an error of canarysim itself, not of yours: {type(error).__name__}: {error}\n"
            "Please report it; CANARYSIM_TRACEBACK=1 shows where it happened."
        )
    finally:
        if collecting:
            gc.enable()
    return NOT_ANSWERED


def _run(arguments: Sequence[str]) -> int:
    # Loaded here, so that an interruption of the loading is caught too.
    from canarysim.cli.arguments import parse

    options = parse(arguments)
    from canarysim.cli.commands import run

    return int(run(options))  # a finding is 1
