"""Which field of a JSON log is which column of a traffic.

1. Envoy's JSON format has the names that its configuration chooses; there are no fixed ones. Istio's default has
   method, path, authority, user_agent; Envoy Gateway's method, x-envoy-origin-path, :authority, user-agent;
   Contour's those of Istio; Gloo's documentation httpMethod and path.
2. What Envoy's own default format calls the path is ``%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%``: the path as it came,
   where a route has rewritten it, else the path. A log that has both apart is read in the same way.
3. Names are compared without case, a leading colon, and what separates their words: ``requestPath``,
   ``request.path`` and ``{"request": {"path": ...}}`` are one name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from canarysim.engine.column_names import HEADER, PLAIN
from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["DEFAULT", "Field", "Unreadable", "find_fields"]

DEFAULT: Final = (*PLAIN, "header user-agent", "header x-forwarded-proto")
"""What is read unless other columns are asked for. The log has x-request-id and x-forwarded-for as Envoy made
them, and not as they were sent, so that these have to be asked for."""

_PREFIXES: Final = ("", "req_", "request_", "http_", "http_request_")
_NAMES: Final = {
    "path": ("path", "uri", "request_path", "request_uri"),
    "original path": ("original_path", "x_envoy_original_path", "x_envoy_origin_path"),
    "method": ("method", "request_method"),
    "authority": ("authority", "request_authority"),
    "scheme": ("scheme", "request_scheme"),
}
_OF_HEADERS: Final = {"user_agent": ("useragent",), "x_request_id": ("request_id",)}


class Unreadable(ValueError):
    """Why a row cannot be read."""


@attrs.frozen
class Field:
    """A field of a row: its key, or the keys that lead to it."""

    keys: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.keys)

    def of(self, row: Any) -> Any:
        """Its value; None where it is missing. Unreadable where it is no text."""
        for depth, key in enumerate(self.keys):
            if row is None:
                return None
            if not isinstance(row, dict):
                raise Unreadable(f"{'.'.join(self.keys[:depth])} is {kind_of(row)}, not an object")
            row = row.get(key)
        if not (row is None or isinstance(row, str)):
            raise Unreadable(f"{self} is {kind_of(row)}, not text")
        return row


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number"
    return {dict: "an object", list: "an array", str: "text", type(None): "null"}[type(value)]


def find_fields(
    rows: Sequence[dict[str, Any]], given: Mapping[str, str], columns: Collection[str] | None, name: str
) -> dict[str, tuple[Field, ...]]:
    """The fields of each column, of which the first with a value counts, found in the first rows of a log.

    Columns that were asked for are there in any case: what the first rows lack, later ones may have. Raises
    InvalidValue: ``no_path`` with the fields that were found, ``ambiguous_field``.
    """
    there = _fields_in(rows)
    by_name: dict[str, list[Field]] = {}
    for field in there:
        by_name.setdefault(_canonical(str(field)), []).append(field)
    found: dict[str, tuple[Field, ...]] = {}
    for column in columns if columns is not None else dict.fromkeys((*DEFAULT, *given)):
        asked = columns is not None or column in given
        if column in given:
            chosen: tuple[Field, ...] = (_named(given[column], there),)
        elif column == "path":
            original = _one(by_name, column, _NAMES["original path"], name)
            chosen = (*original, *_one(by_name, column, _NAMES["path"], name))
        elif column in PLAIN:
            chosen = _one(by_name, column, _NAMES[column], name)
        else:
            header = column[len(HEADER) :]
            canonical = _canonical(header)
            names = [canonical, *_OF_HEADERS.get(canonical, ()), f"headers_{canonical}"]
            chosen = _one(by_name, column, names, name)
            if asked and not chosen:
                chosen = tuple(dict.fromkeys((Field((header,)), Field((header.replace("-", "_"),)))))
        if column == "path" and not any(field in there for field in chosen):
            listed = ", ".join(sorted(map(str, there))) or "none"
            said = (
                f"{given[column]!r} is no field of" if column in given else "no field is known to be the path in"
            )
            raise InvalidValue(
                "no_path",
                f'{said} {name}; its fields are {listed}. Name the one with fields={{"path": "..."}}',
                fields=sorted(map(str, there)),
            )
        if chosen:
            found[column] = chosen
    return found


def _one(by_name: Mapping[str, list[Field]], column: str, names: Iterable[str], log: str) -> tuple[Field, ...]:
    candidates = [prefix + name for name in names for prefix in _PREFIXES]
    fields = list(dict.fromkeys(field for one in candidates for field in by_name.get(one, ())))
    if len(fields) > 1:
        listed = " and ".join(map(str, fields))
        raise InvalidValue(
            "ambiguous_field",
            f'in {log} {listed} may each be the {column}; choose with fields={{"{column}": "{fields[0]}"}}',
            column=column,
            fields=[str(field) for field in fields],
        )
    return tuple(fields)


def _named(text: str, there: Collection[Field]) -> Field:
    """The field that a caller names: a key, or keys with dots between."""
    nested = Field(tuple(text.split(".")))
    return nested if nested in there else Field((text,))


def _fields_in(rows: Sequence[dict[str, Any]]) -> dict[Field, None]:
    """Every field of some rows that is no object; objects within objects are looked into."""
    found: dict[tuple[str, ...], None] = {}

    def walk(row: dict[str, Any], above: tuple[str, ...]) -> None:
        for key, value in row.items():
            if isinstance(value, dict) and len(above) < 4:
                walk(value, (*above, key))
            else:
                found[*above, key] = None

    for row in rows:
        walk(row, ())
    return dict.fromkeys(map(Field, found))


def _canonical(name: str) -> str:
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", snake.lower()).strip("_")
