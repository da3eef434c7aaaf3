"""JSON lines as rows: by pyarrow a block at a time, else by the standard library a line at a time.

Both give the same answer, for pyarrow's is taken only where it says what the other would say:

1. pyarrow takes two objects in one line and one object over several lines for rows. Where every line begins with
   "{" and ends with "}", no value goes over the end of a line (for "}" and "{" never follow each other within
   one); and where there are then as many rows as lines, each line is one.
2. It refuses a whole block for one wrong row. Such a block is read a line at a time, so that each wrong row is
   found, and the others are kept.
3. It refuses a key that stands twice, if the key is asked for, and half a surrogate pair anywhere; so does what
   reads lines here, for which is meant cannot be known.
4. It does not look at whether text is UTF-8. Bytes that are none stay what they are, as lone surrogates, by both.
   Envoy itself writes the bytes of a value that is no UTF-8 as the characters U+0080 to U+00FF.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from canarysim.engine.arrow import import_arrow, texts_of
from canarysim.engine.log_fields import Unreadable, kind_of
from canarysim.engine.log_rows import Coded, Rows, coded
from canarysim.engine.log_source import bad_row
from canarysim.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from canarysim.engine.log_fields import Field
    from canarysim.engine.log_source import BadRow, Block

__all__ = ["JsonRows", "objects_of"]

_ESCAPED_KEY: Final = re.compile(rb'\\u00[2-7][0-9A-Fa-f](?:[^"\\]|\\.)*"\s*:')
_HALF_PAIR: Final = re.compile(rb"\\u[dD]")
_DECODER: Final = json.JSONDecoder()
_PATIENT: Final = json.JSONDecoder(parse_int=float)  # of numbers with thousands of digits


class _Twice(dict[str, Any]):
    """An object in which some keys stand twice."""

    twice: frozenset[str] = frozenset()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    keys = [key for key, _ in pairs]
    doubtful = _Twice(found)
    doubtful.twice = frozenset(key for key in keys if keys.count(key) > 1)
    return doubtful


_CAREFUL: Final = json.JSONDecoder(parse_int=float, object_pairs_hook=_object)


class JsonRows:
    """Reads blocks of JSON lines, by the standard library until ``use_arrow``."""

    def __init__(self, fields: Mapping[str, Sequence[Field]]) -> None:
        self._arrow: Any = None
        self._may_use_arrow = True
        self._fields = list(dict.fromkeys(field for column in fields.values() for field in column))
        self._columns = {column: [self._fields.index(field) for field in some] for column, some in fields.items()}
        # What may stand twice in a line that asks for a closer look.
        keys = dict.fromkeys(key for field in self._fields for key in field.keys)
        self._quoted = [json.dumps(key, ensure_ascii=False).encode() for key in keys]

    def use_arrow(self) -> bool:
        """From now on by pyarrow, if it is installed; whether it is."""
        if self._may_use_arrow:
            self._may_use_arrow = False
            try:
                self._arrow = import_arrow("pyarrow.json", "pyarrow.compute")
            except MissingExtra:
                return False
            self._schema = _schema(self._arrow, self._fields)
        return self._arrow is not None

    def read(self, block: Block) -> Rows:
        """The rows of a block."""
        if self._arrow is None:
            return self._by_lines(block.lines(), [])
        n = block.of_objects()
        if n is not None and (found := self._by_arrow(block.data, n)) is not None:
            return Rows(range(block.first, block.first + n), found, [])
        lines, bad = [], []
        for number, line in block.lines():
            if line[:1] == b"{" and line[-1:] == b"}":
                lines.append((number, line))
            else:  # what programs besides Envoy write to the same file
                bad.append(bad_row(number, _why_no_object(line), line))
        found = self._by_arrow(b"\n".join(line for _, line in lines) + b"\n", len(lines)) if lines else None
        if found is not None:
            return Rows([number for number, _ in lines], found, bad)
        return self._by_lines(lines, bad)

    def _by_arrow(self, block: bytes, n: int) -> dict[str, Coded] | None:
        """The columns of a block of n lines; None where pyarrow refuses it or does not find a row a line."""
        pa = self._arrow
        try:
            table = pa.json.read_json(
                pa.BufferReader(block),
                read_options=pa.json.ReadOptions(use_threads=False, block_size=len(block) + 1),
                parse_options=pa.json.ParseOptions(
                    explicit_schema=self._schema, unexpected_field_behavior="ignore"
                ),
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows != n:
            return None
        found = [_arrow_coded(pa, _child(pa, table, field)) for field in self._fields]
        return {column: _first_of([found[at] for at in some]) for column, some in self._columns.items()}

    def _by_lines(self, lines: Sequence[tuple[int, bytes]], bad: list[BadRow]) -> Rows:
        numbers: list[int] = []
        rows: list[list[str | None]] = []
        for number, line in lines:
            try:
                rows.append(self._texts(line))
            except Unreadable as error:
                bad.append(bad_row(number, str(error), line))
            else:
                numbers.append(number)
        texts = list(zip(*rows, strict=True)) or [()] * len(self._fields)
        found = [Coded(*coded(column)) for column in texts]
        bad.sort(key=lambda row: row.line)
        columns = {column: _first_of([found[at] for at in some]) for column, some in self._columns.items()}
        return Rows(numbers, columns, bad)

    def _texts(self, line: bytes) -> list[str | None]:
        """The values of the fields; Unreadable with the reason why they cannot be had."""
        row = _object_in(line)
        texts = [field.of(row) for field in self._fields]
        if any(line.count(key) > 1 for key in self._quoted) or (b"\\u" in line and _ESCAPED_KEY.search(line)):
            row = _parsed(_CAREFUL, line)
            for field in self._fields:
                _refuse_twice(row, field)
        return texts


def objects_of(block: Block) -> list[dict[str, Any]]:
    """The rows of a block that are objects, to look for fields in."""
    found = []
    for _, line in block.lines():
        try:
            found.append(_object_in(line))
        except Unreadable:
            continue
    return found


def _object_in(line: bytes) -> dict[str, Any]:
    row = _parsed(_DECODER, line)
    if not isinstance(row, dict):
        raise Unreadable(f"is {kind_of(row)}, not a JSON object")
    if b"\\u" in line and _HALF_PAIR.search(line):
        try:
            # Read as Latin-1, other bytes make no surrogates.
            json.dumps(_PATIENT.decode(line.decode("latin-1")), ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise Unreadable("has half of a surrogate pair, which is no text") from None
    return row


def _parsed(decoder: json.JSONDecoder, line: bytes) -> Any:
    try:
        return decoder.decode(line.decode("utf-8", "surrogateescape"))
    except json.JSONDecodeError as error:
        if line[:1] != b"{":
            raise Unreadable("is no JSON") from None
        raise Unreadable(f"is no JSON: {error.msg} (column {error.pos + 1})") from None
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except ValueError:  # more digits than int() takes
        if decoder is _PATIENT or decoder is _CAREFUL:
            raise
        return _parsed(_PATIENT, line)


def _refuse_twice(row: Any, field: Field) -> None:
    for depth, key in enumerate(field.keys):
        if isinstance(row, _Twice) and key in row.twice:
            raise Unreadable(f"has {'.'.join(field.keys[: depth + 1])} twice")
        if row is not None:
            row = row.get(key)


def _why_no_object(line: bytes) -> str:
    try:
        _object_in(line)
    except Unreadable as error:
        return str(error)
    raise AssertionError(line)  # an object begins and ends with brackets


def _first_of(columns: Sequence[Coded]) -> Coded:
    """In each row the first of several columns that has a value there."""
    first = columns[0]
    for other in columns[1:]:
        missing = np.array([text is None or text == "-" for text in first.texts], np.bool_)
        if len(missing):
            taken = missing[first.codes]
            codes = np.where(taken, other.codes + np.int32(len(first.texts)), first.codes)
            first = Coded(codes, [*first.texts, *other.texts])
    return first


# pyarrow


def _schema(pa: Any, fields: Sequence[Field]) -> Any:
    """The type of each field, and of the objects around it. What is not in it pyarrow skips."""
    tree: dict[str, Any] = {}
    for field in fields:
        inner = tree
        for key in field.keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[field.keys[-1]] = None

    def type_of(node: dict[str, Any] | None) -> Any:
        if node is None:
            return pa.string()
        return pa.struct([pa.field(key, type_of(child)) for key, child in node.items()])

    return pa.schema([pa.field(key, type_of(child)) for key, child in tree.items()])


def _child(pa: Any, table: Any, field: Field) -> Any:
    column = table.column(field.keys[0])
    for key in field.keys[1:]:
        column = pa.compute.struct_field(column, key)
    return column.combine_chunks()


def _arrow_coded(pa: Any, column: Any) -> Coded:
    encoded = column.dictionary_encode(null_encoding="encode")
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return Coded(encoded.indices.to_numpy(), texts_of(pa, encoded.dictionary))
