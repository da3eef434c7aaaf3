"""What the columns of a traffic are called where they are named by text: "path", "header x-canary"."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Final

from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["HEADER", "PLAIN", "checked_columns", "checked_fields", "checked_names", "headers_of"]

PLAIN: Final = ("path", "method", "authority", "scheme")
HEADER: Final = "header "


def checked_columns(columns: Iterable[str] | None) -> tuple[str, ...] | None:
    """The names of columns with the path among them. InvalidValue (``unknown_column``) for what is none."""
    if columns is None:
        return None
    if isinstance(columns, str):
        raise TypeError(f"columns is a list of names, not the one str {columns!r}")
    names = checked_names(columns)
    # A set, as RouteTable.columns_needed is one, has another order in every run.
    return tuple(dict.fromkeys(["path", *(sorted(names) if isinstance(columns, AbstractSet) else names)]))


def checked_names(names: Iterable[object], more: Sequence[str] = ()) -> list[str]:
    """Names of columns in their one spelling; ``more`` are names besides those that requests have."""
    return [_column(name, more) for name in names]


def checked_fields(fields: Mapping[str, str] | None, more: Sequence[str] = ()) -> dict[str, str]:
    """What the caller says of fields. InvalidValue (``unknown_column``) for what is no column."""
    if fields is None:
        return {}
    if not isinstance(fields, Mapping):
        raise TypeError('fields is a mapping from columns to names in the data, such as {"path": "uri"}')
    for column, field in fields.items():
        if not (isinstance(field, str) and field):
            raise TypeError(f"the field of {column!r} is a name, not {field!r}")
    return {_column(column, more): field for column, field in fields.items()}


def _column(name: object, more: Sequence[str]) -> str:
    if isinstance(name, str):
        if name in PLAIN or name in more:
            return name
        if name.startswith(HEADER) and name[len(HEADER) :].strip():
            return HEADER + name[len(HEADER) :].strip().lower()
    raise InvalidValue(
        "unknown_column",
        f"{name!r} is no column; there are {', '.join((*PLAIN, *more))}, and 'header NAME' for each header",
    )


def headers_of(columns: Iterable[str]) -> list[tuple[str, str]]:
    """The columns that are headers, each with the header's name."""
    return [(column, column[len(HEADER) :]) for column in columns if column.startswith(HEADER)]
