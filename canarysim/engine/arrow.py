"""Columns out of Arrow data: whatever speaks its C interface, such as frames of pandas and polars.

1. Objects with ``__arrow_c_stream__`` or ``__arrow_c_array__`` hand over their data without copies (the Arrow
   PyCapsule Interface). pyarrow takes them all.
2. A dictionary column is codes and categories already. The chunks of one column may have different dictionaries, a
   category may stand twice, and rows without a value have no code.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from canarysim.engine.column_names import PLAIN, checked_columns, checked_fields, checked_names, headers_of
from canarysim.engine.traffic import Column, Traffic
from canarysim.errors import InvalidValue, MissingExtra, UnknownName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["column_from_arrow", "import_arrow", "texts_of", "traffic_from_arrow"]

NUMBERS: Final = ("counts", "random_values")


def import_arrow(*modules: str) -> Any:
    """pyarrow, with some of its modules loaded. Raises MissingExtra where it is not installed."""
    try:
        for module in modules:
            import_module(module)
        return import_module("pyarrow")
    except ImportError as error:
        raise MissingExtra("arrow", "pyarrow") from error


def column_from_arrow(values: Any, what: str = "the column") -> Column:
    """A column of text as a Column; see Column.from_arrow."""
    pa = import_arrow()
    if not (hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__")):
        raise TypeError(
            f"{what} is an object with __arrow_c_stream__ or __arrow_c_array__, not {type(values).__name__}"
        )
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        values = pa.chunked_array(values) if hasattr(values, "__arrow_c_stream__") else pa.array(values)
    return _column(pa, values, what)


def traffic_from_arrow(
    data: Any, *, fields: Mapping[str, str] | None = None, columns: Iterable[str] | None = None
) -> Traffic:
    """A table of columns as traffic; see Traffic.from_arrow."""
    pa = import_arrow("pyarrow.compute")
    given, asked = checked_fields(fields, NUMBERS), checked_columns(columns)
    if not (hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__")):
        raise TypeError(
            f"data is an object with __arrow_c_stream__ or __arrow_c_array__, not {type(data).__name__}; "
            "Traffic.from_columns takes lists and arrays"
        )
    table = data if isinstance(data, pa.Table) else pa.table(data)
    names: list[str] = table.column_names
    for field in given.values():
        if field not in names:
            raise UnknownName("column", field, names)
    standard = [name for name in names if name in (*PLAIN, *NUMBERS) or name.startswith("header ")]
    where = {**dict(zip(checked_names(standard, NUMBERS), standard, strict=True)), **given}
    if "path" not in where:
        raise InvalidValue(
            "no_path",
            f"no column is called path; there are {', '.join(names) or 'none'}. "
            'Name the one with fields={"path": "..."}',
            fields=names,
        )
    if asked is not None:
        where = {name: field for name, field in where.items() if name in asked or name in NUMBERS}
    taken = {name: _one(table, field) for name, field in where.items()}
    numbers = {name: _numbers(pa, taken.pop(name), name) for name in NUMBERS if name in taken}
    found: dict[str, Any] = {name: _column(pa, column, name) for name, column in taken.items()}
    headers = {header: found.pop(column) for column, header in headers_of(taken)}
    return Traffic.from_columns(**found, headers=headers, **numbers)


def texts_of(pa: Any, array: Any) -> list[str | None]:
    """The texts of an Arrow array of strings. Bytes that are no UTF-8 become lone surrogates, one a byte."""
    try:
        found: list[str | None] = array.to_pylist()
    except UnicodeDecodeError:
        raw = array.cast(pa.binary()).to_pylist()
        return [None if text is None else text.decode("utf-8", "surrogateescape") for text in raw]
    return found


def _one(table: Any, name: str) -> Any:
    places = table.schema.get_all_field_indices(name)
    if len(places) > 1:
        raise InvalidValue("ambiguous_field", f"{len(places)} columns are called {name!r}", fields=[name])
    return table.column(places[0])


def _column(pa: Any, values: Any, what: str) -> Column:
    if pa.types.is_run_end_encoded(values.type):
        values = import_arrow("pyarrow.compute").compute.run_end_decode(values)
    kind = values.type
    if pa.types.is_null(kind):
        return Column(np.zeros(len(values), np.uint8), [None])
    coded = pa.types.is_dictionary(kind)
    text = kind.value_type if coded else kind
    if not (pa.types.is_string(text) or pa.types.is_large_string(text) or pa.types.is_string_view(text)):
        raise InvalidValue("not_text", f"{what} is of type {kind}, not text; cast it first", type=str(kind))
    if not len(values):
        return Column([], [])
    if not coded:
        values = (values.cast(pa.large_string()) if pa.types.is_string_view(text) else values).dictionary_encode()
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()  # under one dictionary
    texts = texts_of(pa, values.dictionary)
    codes, there = values.indices, None
    if codes.null_count:
        there = codes.is_valid().to_numpy(zero_copy_only=False)
        codes = codes.fill_null(0)
    found: NDArray[Any] = codes.to_numpy()
    if there is None:
        return Column(found, texts)
    return Column(np.where(there, found, np.int64(len(texts))), [*texts, None])


def _numbers(pa: Any, values: Any, what: str) -> NDArray[Any]:
    if values.null_count:
        raise InvalidValue("missing_number", f"{what} lacks a value in some rows ({values.null_count:,})")
    if pa.types.is_decimal(values.type) and not values.type.scale:  # what SQL makes of a sum of whole numbers
        values = values.cast(pa.int64())
    found: NDArray[Any] = values.to_numpy()
    return found
