"""Which of several route tables a request is put to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canarysim.request import Request
    from canarysim.table.route_table import RouteTable

__all__ = ["tables_for"]


def tables_for(request: Request, tables: dict[str, RouteTable]) -> dict[str, RouteTable]:
    """The tables of the scheme of its URL, and of these those that know its host.

    Where none fits, all.
    """
    of_scheme = {name: table for name, table in tables.items() if table.scheme == request.scheme} or tables
    knowing = {name: table for name, table in of_scheme.items() if table.find(request).host is not None}
    return knowing or of_scheme
