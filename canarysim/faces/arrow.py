"""Simulations as Arrow data, which frames of pandas and polars, duckdb and files of Parquet take without a copy.

1. A dictionary in Arrow may have a value twice; a categorical in pandas may not. So each value stands once.
2. pandas refuses unsigned codes. Codes below 128 are the same bytes signed and unsigned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from canarysim.engine.arrow import import_arrow
from canarysim.errors import InvalidValue
from canarysim.request import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canarysim.answers.simulate import Simulation
    from canarysim.table.decision import Decision

__all__ = ["simulation_stream", "simulation_table"]

COLUMNS: Final = ("outcome", "kind", "virtual_host", "route", "origin", "cluster", "function", "status")


def simulation_table(simulation: Simulation) -> Any:
    """A pyarrow Table with a row for each request, in order, and a column for each thing of its outcome.

    The columns are outcome, kind, virtual_host, route, origin, cluster and function, as dictionaries of text, and
    status (int16), null where there is none. Raises MissingExtra without pyarrow, InvalidValue (``no_rows``) for a
    simulation that kept counts only. Cost: at most a take a column; columns in which every outcome has a value of
    its own share the memory of ``simulation.rows``.
    """
    pa = import_arrow()
    if simulation.rows is None:
        raise InvalidValue("no_rows", 'this simulation has counts and no rows; simulate with keep="rows"')
    rows = simulation.rows
    found = {
        name: _dictionary(pa, rows, [_value(name, decision) for decision in simulation.outcomes])
        for name in COLUMNS[:-1]
    }
    statuses = [decision.status for decision in simulation.outcomes]
    codes = np.array([-1 if status is None else status for status in statuses], np.int16)[rows]
    found["status"] = pa.array(codes, mask=codes < 0) if None in statuses else pa.array(codes)
    return pa.table(found)


def simulation_stream(simulation: Simulation, requested_schema: object | None = None) -> object:
    """The same as a capsule of an ArrowArrayStream: what ``__arrow_c_stream__`` gives."""
    capsule: object = simulation_table(simulation).__arrow_c_stream__(requested_schema)
    return capsule


def _value(name: str, decision: Decision) -> str | None:
    from canarysim.answers.groups import outcome_name  # whoever has a simulation has imported it

    if name == "outcome":
        return readable(outcome_name(decision))
    if name == "origin":
        return None if decision.matched is None else decision.matched.origin
    value: str | None = getattr(decision, name)
    return None if value is None else readable(value)


def _dictionary(pa: Any, rows: NDArray[np.unsignedinteger[Any]], values: Sequence[str | None]) -> Any:
    """The values by row: codes are the rows themselves where no value stands twice."""
    known: dict[str, int] = {}
    number = [-1 if value is None else known.setdefault(value, len(known)) for value in values]
    missing = None
    if number == list(range(len(values))):
        codes = rows
    else:
        codes = np.array(number, np.int64).astype(_signed(len(known)))[rows]
        missing = codes < 0 if -1 in number else None
    bits = np.iinfo(codes.dtype).bits
    if codes.dtype.kind == "u":
        half = len(values) <= 2 ** (bits - 1)
        codes = codes.view(f"i{bits // 8}") if half else codes.astype(_signed(len(values)))
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=missing), pa.array(list(known), pa.string()))


def _signed(size: int) -> np.dtype[Any]:
    """The smallest signed dtype that numbers so many values."""
    return np.min_scalar_type(-max(size, 1))
