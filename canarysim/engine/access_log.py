"""Access logs of Envoy as traffic: JSON lines and the default text format, plain or gzip."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import attrs
import numpy as np

from canarysim.engine.column_names import PLAIN, checked_columns, checked_fields, headers_of
from canarysim.engine.log_fields import DEFAULT, find_fields
from canarysim.engine.log_json import JsonRows, objects_of
from canarysim.engine.log_rows import Coded, Codes, Rows
from canarysim.engine.log_source import BadRow, Source, bad_row
from canarysim.engine.log_text import TEXT_COLUMNS, TextRows, looks_like_text
from canarysim.engine.rng import whole_number
from canarysim.engine.traffic import Column, Traffic
from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from canarysim.engine.log_source import Block, Given

__all__ = ["BadRow", "LogReport", "LoggedTraffic", "from_access_log", "read_access_log"]

Format = Literal["json", "text"]
FORMATS: tuple[Format, ...] = get_args(Format)
SHOWN: Final = 10
"""So many of the rows that were left out are kept, to be shown."""
SHORT: Final = 1 << 22
"""Bytes of JSON that the standard library reads in the time in which pyarrow is imported, or less."""


@attrs.frozen
class LogReport:
    """What was read of an access log, and what was not.

    ``fields`` says which field of the log each column is. ``absent`` are the columns that were asked for and have
    no value in any row, the method and the authority in any case. ``skipped`` is the number of rows that were left
    out, ``first_skipped`` the first ten of them. ``damage`` says why gzip data could not be read to its end.

    >>> print(LogReport("access.log", "text", 2, 1, (BadRow(3, "is no JSON", "oops"),), {}, ()))
    access.log: 2 rows read, 1 left out
    access.log:3: the row is no JSON
    """

    name: str
    format: Format
    read: int
    skipped: int
    first_skipped: tuple[BadRow, ...]
    fields: Mapping[str, str]
    absent: tuple[str, ...]
    damage: str = ""

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.read:,} row{'s' * (self.read != 1)} read, {self.skipped:,} left out"]
        lines += [f"{self.name}:{row.line}: the row {row.reason}" for row in self.first_skipped]
        if self.skipped > len(self.first_skipped):
            lines.append(f"... and {self.skipped - len(self.first_skipped):,} more")
        if self.damage:
            lines.append(f"{self.name}: {self.damage}: what follows is lost")
        return "\n".join(lines)


@attrs.frozen(eq=False, repr=False)
class LoggedTraffic(Traffic):
    """The traffic of an access log, and in ``log`` the LogReport: what was read and what was left out."""

    log: LogReport

    def __repr__(self) -> str:
        return f"<LoggedTraffic {self.n:,} requests of {self.log.name}, {self.log.skipped:,} rows left out>"


def from_access_log(
    log: Given,
    *,
    fields: Mapping[str, str] | None = None,
    format: Format | None = None,  # noqa: A002
    columns: Iterable[str] | None = None,
) -> LoggedTraffic:
    """The whole log as one traffic; see Traffic.from_access_log."""
    (traffic,) = _read(log, None, fields, format, columns)
    return traffic


def read_access_log(
    log: Given,
    *,
    chunk_rows: int = 1_000_000,
    fields: Mapping[str, str] | None = None,
    format: Format | None = None,  # noqa: A002
    columns: Iterable[str] | None = None,
) -> Iterator[LoggedTraffic]:
    r"""A log of any length as traffics of ``chunk_rows`` requests, the last of what is left.

    Memory is that of one chunk. Takes and raises what Traffic.from_access_log does; what is wrong with a log as a
    whole is found when the first chunk is asked for. The report of a chunk counts the rows that were left out
    since the one before.

    >>> import io
    >>> lines = "".join(f'{{"path": "/pets/{n}", "method": "GET"}}\n' for n in range(5))
    >>> [traffic.n for traffic in read_access_log(io.BytesIO(lines.encode()), chunk_rows=2)]
    [2, 2, 1]
    """
    if whole_number(chunk_rows) == 0:
        raise InvalidValue("bad_chunk_rows", "chunk_rows is a number of rows from 1 on, not 0")
    return _read(log, chunk_rows, fields, format, columns)


def _read(
    log: Given,
    chunk_rows: int | None,
    fields: Mapping[str, str] | None,
    format_: Format | None,
    columns: Iterable[str] | None,
) -> Iterator[LoggedTraffic]:
    given, asked = checked_fields(fields), checked_columns(columns)
    if not (format_ is None or format_ in FORMATS):
        raise InvalidValue("bad_format", f'format is "json" or "text", not {format_!r}')
    return _chunks(_Log(Source(log), given, format_, asked), chunk_rows)


def _chunks(log: _Log, chunk_rows: int | None) -> Iterator[LoggedTraffic]:
    chunk = _Chunk()
    anything = False
    for rows in log.rows():
        chunk.bad(rows.bad)
        start, n = 0, len(rows.lines)
        while start < n:
            stop = n if chunk_rows is None else min(n, start + chunk_rows - chunk.n)
            chunk.add(rows.columns, slice(start, stop))
            start, anything = stop, True
            if chunk.n == chunk_rows:
                yield log.traffic(chunk)
                chunk = _Chunk()
    if not anything:
        raise log.nothing(chunk)
    if chunk.n or chunk.skipped or log.damage:
        yield log.traffic(chunk)


class _Chunk:
    """Rows of several blocks under one set of codes."""

    def __init__(self) -> None:
        self.n = 0
        self.skipped = 0
        self.first_skipped: list[BadRow] = []
        self._known: dict[str, Codes] = {}
        self._codes: dict[str, list[NDArray[np.int32]]] = {}

    def bad(self, rows: Iterable[BadRow]) -> None:
        for row in rows:
            self.skipped += 1
            if len(self.first_skipped) < SHOWN:
                self.first_skipped.append(row)

    def add(self, columns: Mapping[str, Coded], part: slice) -> None:
        self.n += part.stop - part.start
        for name, column in columns.items():
            codes, texts = column.codes[part], column.texts
            used = np.bincount(codes, minlength=len(texts)) > 0
            if not used.all():  # what only rows that were left out have
                codes = (np.cumsum(used) - 1)[codes]
                texts = [text for text, kept in zip(texts, used.tolist(), strict=True) if kept]
            renumbered = self._known.setdefault(name, Codes()).of(texts)
            self._codes.setdefault(name, []).append(renumbered[codes])

    def columns(self) -> dict[str, Column]:
        return {name: Column(np.concatenate(codes), self._known[name]) for name, codes in self._codes.items()}


class _Log:
    """A log on its way to become traffic: which reader reads it, and what its columns are."""

    def __init__(
        self, source: Source, given: dict[str, str], format_: Format | None, asked: tuple[str, ...] | None
    ) -> None:
        self.name = source.name
        self._source = source
        self._given = given
        self._format: Format | None = format_
        self._asked = asked
        self._fields: dict[str, str] = {}

    def rows(self) -> Iterator[Rows]:
        """The rows of each block, without those that make no request."""
        reader: JsonRows | TextRows | None = None
        size = 0
        for block in self._source.blocks():
            if reader is None:
                reader = self._reader(block)
            elif isinstance(reader, JsonRows) and (size >= SHORT or "pyarrow" in sys.modules):
                reader.use_arrow()
            size += len(block.data)
            if reader is None:
                why = "is no JSON" if self._format else "is neither JSON nor in Envoy's default format"
                rows = Rows((), {}, [bad_row(number, why, line) for number, line in block.lines()])
            else:
                rows = _requests(reader.read(block), block)
            if self._source.bad:
                rows.bad[:0] = self._source.bad
                self._source.bad.clear()
            yield rows
        if self._source.bad:
            yield Rows((), {}, self._source.bad)

    @property
    def damage(self) -> str:
        return self._source.damage

    def traffic(self, chunk: _Chunk) -> LoggedTraffic:
        columns = chunk.columns()
        headers = {header: columns[column] for column, header in headers_of(columns)}
        given: dict[str, Any] = {"path": Column([], [])}  # of a last piece that has nothing but bad rows
        given |= {name: columns[name] for name in PLAIN if name in columns}
        traffic = Traffic.from_columns(**given, headers=headers)
        asked = self._asked if self._asked is not None else ("method", "authority", *self._given)
        absent = tuple(name for name in asked if chunk.n and not _has_values(name, columns.get(name)))
        assert self._format is not None
        bad = tuple(chunk.first_skipped)
        report = LogReport(self.name, self._format, chunk.n, chunk.skipped, bad, self._fields, absent, self.damage)
        parts = {field.name: getattr(traffic, field.name) for field in attrs.fields(Traffic) if field.init}
        return LoggedTraffic(**parts, log=report)

    def nothing(self, chunk: _Chunk) -> InvalidValue:
        """Why there is no traffic at all."""
        if not chunk.skipped:
            why = f": {self.damage}" if self.damage else ""
            return InvalidValue("empty_log", f"{self.name} has no rows{why}")
        shown = "\n".join(f"{self.name}:{row.line}: the row {row.reason}" for row in chunk.first_skipped)
        return InvalidValue(
            "no_row", f"{self.name}: none of {chunk.skipped:,} rows can be read\n{shown}", skipped=chunk.skipped
        )

    def _reader(self, block: Block) -> JsonRows | TextRows | None:
        """What reads the log, from how it begins; None where nothing in the block tells."""
        objects = [] if self._format == "text" else objects_of(block)
        texts = 0
        if self._format != "json":
            texts = sum(looks_like_text(line) for _, line in block.lines())
        if self._format is None:
            if not objects and not texts:
                return None
            self._format = "json" if len(objects) >= texts else "text"
        if self._format == "text":
            if self._given:
                raise InvalidValue(
                    "fields_of_text",
                    f"{self.name} is in Envoy's text format, whose fields have no names; fields= is for JSON",
                )
            asked = self._asked if self._asked is not None else DEFAULT
            self._fields = {column: TEXT_COLUMNS[column] for column in asked if column in TEXT_COLUMNS}
            return TextRows(self._fields)
        if not objects:
            return None
        fields = find_fields(objects, self._given, self._asked, self.name)
        self._fields = {column: ", else ".join(map(str, some)) for column, some in fields.items()}
        return JsonRows(fields)


def _has_values(name: str, column: Column | None) -> bool:
    missing = "" if name == "authority" else None
    return column is not None and any(text != missing for text in column.categories)


def _requests(rows: Rows, block: Block) -> Rows:
    """Rows without those that lack what every request has. "-" is how Envoy writes what is missing."""
    columns = {
        name: Coded(column.codes, [None if text == "-" else text for text in column.texts])
        for name, column in rows.columns.items()
    }
    for name, missing in (("path", None), ("method", None), ("authority", ""), ("scheme", None)):
        if name in columns:
            column = columns[name]
            columns[name] = Coded(column.codes, [text or missing for text in column.texts])
    if "method" in columns and None in columns["path"].texts:
        columns["path"] = _path_of_connect(columns["path"], columns["method"])
    left_out: dict[int, str] = {}
    for name in ("method", "path"):
        if name in columns and None in columns[name].texts:
            lacking = np.flatnonzero(_missing(columns[name]))
            left_out |= dict.fromkeys(lacking.tolist(), f"has no {name}")
    if not left_out:
        return Rows(rows.lines, columns, rows.bad)
    texts = dict(block.lines())
    bad = [bad_row(rows.lines[at], reason, texts[rows.lines[at]]) for at, reason in left_out.items()]
    kept = np.delete(np.arange(len(rows.lines)), list(left_out))
    return Rows(
        [rows.lines[at] for at in kept.tolist()],
        {name: Coded(column.codes[kept], column.texts) for name, column in columns.items()},
        sorted([*rows.bad, *bad], key=lambda row: row.line),
    )


def _missing(column: Coded) -> NDArray[np.bool_]:
    missing: NDArray[np.bool_] = np.array([text is None for text in column.texts], np.bool_)[column.codes]
    return missing


def _path_of_connect(path: Coded, method: Coded) -> Coded:
    """CONNECT has no path, and is a request all the same."""
    connects = np.array([text == "CONNECT" for text in method.texts], np.bool_)[method.codes]
    return Coded(np.where(_missing(path) & connects, np.int32(len(path.texts)), path.codes), [*path.texts, ""])
