"""Rows of a traffic: requests in order, given one by one or told by columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from canarysim.engine.columns import Column, coded, combined, tally
from canarysim.engine.steps import smallest_unsigned
from canarysim.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from canarysim.engine.columns import Codes, Given

__all__ = ["Columns", "Rows", "built", "with_hosts"]


@attrs.frozen(eq=False)
class Rows:
    """Requests in a given order: row i is ``requests[codes[i]]``, ``counts[i]`` times, with its random value."""

    requests: tuple[Request, ...]
    codes: NDArray[np.integer[Any]]
    counts: NDArray[np.int64] | None = None
    random_values: NDArray[np.uint64] | None = None
    n: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        n = len(self.codes) if self.counts is None else sum(self.counts.tolist())
        object.__setattr__(self, "n", n)

    def blocks(self, size: int) -> Iterator[tuple[NDArray[np.integer[Any]], NDArray[np.uint64] | None]]:
        """Codes and random values of every single request, rows with counts repeated, ``size`` at a time."""
        values = self.random_values
        for at in self.places(size):
            yield self.codes[at], None if values is None else values[at]

    @property
    def size(self) -> int:
        """The number of rows, each counted once."""
        return len(self.codes)

    def places(self, size: int) -> Iterator[slice | NDArray[np.intp]]:
        """The rows of every single request, ``size`` at a time: rows with counts stand there repeatedly."""
        ends = None if self.counts is None else np.cumsum(self.counts)
        for start in range(0, self.n, size):
            stop = min(start + size, self.n)
            if ends is None:
                yield slice(start, stop)
            else:
                yield ends.searchsorted(np.arange(start, stop), side="right")


class Columns(Rows):
    """Rows whose requests are told column by column, and made when somebody asks for them.

    ``names`` are ``path``, ``method``, ``authority``, ``scheme``, and that of each header; ``columns`` what stands
    in each. No header is the host.
    """

    __slots__ = ("_made", "_size", "columns", "names")

    names: tuple[str, ...]
    columns: tuple[Given, ...]
    _size: int
    _made: tuple[tuple[Request, ...], Codes] | None

    def __init__(
        self,
        names: Sequence[str],
        columns: Sequence[Given],
        size: int,
        counts: NDArray[np.int64] | None = None,
        random_values: NDArray[np.uint64] | None = None,
    ) -> None:
        values = {
            "names": tuple(names),
            "columns": tuple(columns),
            "_size": size,
            "counts": counts,
            "random_values": random_values,
            "n": size if counts is None else sum(counts.tolist()),
            "_made": None,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[type[Columns], tuple[Any, ...]]:
        return Columns, (self.names, self.columns, self.size, self.counts, self.random_values)

    @property
    def size(self) -> int:
        """The number of rows, each counted once."""
        return self._size

    @property
    def requests(self) -> tuple[Request, ...]:
        """The distinct requests, in the order in which they first stand there. Cost: a Request for each."""
        return self._distinct()[0]

    @property
    def codes(self) -> Codes:
        """Which of ``requests`` each row is."""
        return self._distinct()[1]

    def _distinct(self) -> tuple[tuple[Request, ...], Codes]:
        if self._made is None:
            columns = [coded(column) for column in self.columns]
            object.__setattr__(self, "_made", _distinct(columns, self.names[4:], self.size))
        assert self._made is not None
        return self._made

    def requests_of(
        self, rows: NDArray[np.intp], counts: NDArray[np.int64] | None, most: int | None = None
    ) -> dict[Request, int]:
        """The distinct requests of some rows, and how often each occurs; with ``most`` the most frequent alone.

        Cost: O(rows), and a Request for each that is told.
        """
        columns = [coded(column) for column in self.columns]
        taken = [
            Column(column.codes[rows], column.categories) if isinstance(column, Column) else column
            for column in columns
        ]
        code, first = combined(taken, len(rows))
        number = tally(code, counts, len(first))
        order = np.argsort(first)
        if most is not None and _all_differ(columns, self.names):
            order = order[np.argsort(-number[order], kind="stable")][: max(0, most)]
        found: dict[Request, int] = {}
        for at in order.tolist():
            row = int(first[at])
            texts = [c.categories[c.codes[row]] if isinstance(c, Column) else c for c in taken]
            request = built(texts, self.names[4:])
            found[request] = found.get(request, 0) + int(number[at])
        return found


def _all_differ(columns: Sequence[Column | str | None], names: Sequence[str]) -> bool:
    """Whether different codes always make different requests."""
    texts = (column.categories for column in columns if isinstance(column, Column))
    return len(set(names)) == len(names) and all(len(set(each)) == len(each) for each in texts)


def with_hosts(names: Sequence[str], columns: Sequence[Given], size: int) -> tuple[list[str], list[Given]]:
    """The same columns without those of host headers, which say the authority as in HTTP/1.

    Raises InvalidValue (``two_hosts``) for a row with two.
    """
    told = [at for at in range(4, len(names)) if names[at] in ("host", ":authority")]
    if not told:
        return list(names), list(columns)
    asked = [coded(columns[at]) for at in (2, *told)]
    code, first = combined(asked, size)
    hosts = []
    for row in first.tolist():
        authority, *values = (c.categories[c.codes[row]] if isinstance(c, Column) else c for c in asked)
        headers = [("host", value) for value in values if value is not None]
        hosts.append(Request("/", authority=authority or "", headers=headers).authority)
    columns = [Column(code, hosts) if at == 2 else column for at, column in enumerate(columns)]
    kept = [at for at in range(len(names)) if at not in told]
    return [names[at] for at in kept], [columns[at] for at in kept]


def _distinct(
    columns: Sequence[Column | str | None], names: Sequence[str], length: int
) -> tuple[tuple[Request, ...], Codes]:
    """The distinct requests in order of appearance, and which of them each row is."""
    code, first = combined(columns, length)
    known: dict[Request, int] = {}
    number = np.zeros(len(first), np.int64)
    for at in np.argsort(first).tolist():
        row = int(first[at])
        texts = [c.categories[c.codes[row]] if isinstance(c, Column) else c for c in columns]
        request = built(texts, names)
        # Different rows may make the same request: a category that stands twice, a name in capitals.
        number[at] = known.setdefault(request, len(known))
    return tuple(known), number.astype(smallest_unsigned(max(0, len(known) - 1)))[code]


def built(texts: Sequence[str | None], names: Sequence[str]) -> Request:
    path, method, authority, scheme, *values = texts
    assert path is not None
    assert method is not None
    assert authority is not None
    headers = [(name, value) for name, value in zip(names, values, strict=True) if value is not None]
    return Request(path, method=method, authority=authority, scheme=scheme, headers=headers)
