"""The requests of an access log, read for one route table."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Final

from canarysim.cli.inputs import Refused
from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    import argparse

    from canarysim.engine.access_log import LoggedTraffic
    from canarysim.table.route_table import RouteTable

__all__ = ["read_log"]

_SHOWN_BY: Final = ("method", "authority")
"""What a request is known by, besides its path and what the table looks at."""


def read_log(options: argparse.Namespace, table: RouteTable) -> LoggedTraffic:
    """The traffic that ``--traffic`` names, with the columns that the table looks at."""
    from canarysim.engine.access_log import from_access_log

    if len(options.traffic) > 1:
        options.refuse(
            "--traffic takes one log; several go through a pipe: cat access.log.1.gz access.log.2.gz | "
            "canarysim simulate ... --traffic -"
        )
    (log,) = options.traffic
    if log == "-":
        if sys.stdin is None:
            raise Refused("--traffic -: standard input is closed")
        log = sys.stdin.buffer
    try:
        columns = sorted({*table.columns_needed, *_SHOWN_BY})
        return from_access_log(log, fields=dict(options.fields), columns=columns)
    except InvalidValue as error:
        if error.code not in _TOLD_IN_PYTHON:
            raise
        said, _, _ = str(error).partition(_TOLD_IN_PYTHON[error.code])
        raise Refused(f"{said}{_told(error)}") from error


_TOLD_IN_PYTHON: Final = {
    "no_path": " Name the one with",
    "ambiguous_field": "; choose with",
    "fields_of_text": "; fields=",
}
"""Where an error begins to say what to write in Python."""


def _told(error: InvalidValue) -> str:
    """What to write on the command line instead."""
    if error.code == "no_path":
        return "\n    -> name the one that is the path: --field path=NAME"
    if error.code == "ambiguous_field":
        column = str(error.values["column"])
        ways = [f"--field {shlex.quote(f'{column}={field}')}" for field in error.values["fields"]]
        return f"\n    -> choose: {' or '.join(ways)}"
    return "; --field is for JSON"
