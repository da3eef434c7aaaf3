"""The requests of an access log, read for one route table."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from canarysim.cli.inputs import Refused
from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    import argparse

    from canarysim.engine.access_log import LoggedTraffic
    from canarysim.table.route_table import RouteTable

__all__ = ["read_log"]

_SHOWN_BY = ("method", "authority")
"""What a request is known by, besides its path and what the table looks at."""


def read_log(options: argparse.Namespace, table: RouteTable) -> LoggedTraffic:
    """The traffic that ``--traffic`` names, with the columns that the table looks at."""
    from canarysim.engine.access_log import from_access_log

    log: Any = options.traffic
    if log == "-":
        if sys.stdin is None:
            raise Refused("--traffic -: standard input is closed")
        log = sys.stdin.buffer
    try:
        columns = sorted({*table.columns_needed, *_SHOWN_BY})
        return from_access_log(log, fields=dict(options.fields), columns=columns)
    except InvalidValue as error:
        if error.code in ("no_path", "ambiguous_field"):
            column = error.values.get("column", "path")
            raise Refused(f"{error}\n    -> on the command line: --field {column}=NAME") from error
        raise
