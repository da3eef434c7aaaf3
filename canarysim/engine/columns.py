"""Columns of texts: what many requests have in a place, as codes, and the requests that their rows are."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from canarysim.engine.steps import smallest_unsigned
from canarysim.errors import InvalidValue
from canarysim.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    Codes = NDArray[np.unsignedinteger[Any]]

__all__ = [
    "Column",
    "Columns",
    "Raw",
    "Rows",
    "as_column",
    "built",
    "coded",
    "combined",
    "has_missing",
    "numbered",
    "tally",
    "with_hosts",
]


SAMPLED = 4096
"""Rows by which it is guessed whether texts repeat."""

FEW_TEXTS = 64
"""Different texts among these up to which it is tried to number them in bytes, which is faster."""

_TEXTS = frozenset([str, type(None)])


class _Numbers(dict["str | None", int]):
    """Texts by number, each new one the next."""

    __slots__ = ()

    def __missing__(self, text: str | None) -> int:
        self[text] = number = len(self)
        return number


@attrs.frozen(eq=False, init=False)
class Column:
    """Texts by code: row i has the text ``categories[codes[i]]``, as in a pandas or Arrow dictionary column.

    ``codes`` are integers from 0 to len(categories) - 1, kept as the smallest unsigned dtype that holds them;
    ``categories`` are str, or None for what is missing: a missing header is not an empty one.

    Raises InvalidValue (``bad_codes``, ``unknown_code``, ``not_text``). Cost: a pass over the codes.

    >>> Column([0, 1, 1], [None, "true"])
    <Column 3 rows, 2 categories>
    """

    codes: NDArray[np.unsignedinteger[Any]]
    categories: tuple[str | None, ...]

    def __init__(self, codes: ArrayLike, categories: Iterable[str | None]) -> None:
        if isinstance(categories, str):
            raise InvalidValue("not_text", f"categories are a list of texts, not the one text {categories!r}")
        texts = tuple(categories)
        if not set(map(type, texts)) <= _TEXTS:  # which is much faster than the loop
            for text in texts:
                if not (text is None or isinstance(text, str)):
                    raise InvalidValue("not_text", f"a category is a str or None, not {text!r}", value=text)
        array = np.asarray(codes)
        if array.ndim != 1 or not (array.dtype.kind in "iu" or array.size == 0):
            raise InvalidValue(
                "bad_codes",
                f"codes are a one-dimensional array of integers, not {array.dtype} of shape {array.shape}",
            )
        if array.size:
            for code in (int(array.min()), int(array.max())):
                if not 0 <= code < len(texts):
                    hint = "; for rows without a value add None to the categories" if code < 0 else ""
                    raise InvalidValue(
                        "unknown_code", f"code {code} names none of the {len(texts)} categories{hint}", value=code
                    )
        kept = array.astype(smallest_unsigned(max(0, len(texts) - 1)))  # a copy: nobody else can change it
        kept.flags.writeable = False
        self.__attrs_init__(kept, texts)

    @classmethod
    def of_texts(cls, values: Sequence[str | None]) -> Column:
        """The column of a text a row, its categories in the order in which they first stand there.

        ``values`` are known to be texts. Cost: a look into a dict a row.
        """
        # Where texts repeat, one pass numbers them; where most rows have one of their own, two that call no Python
        # are faster.
        sample = values[:SAMPLED]
        different = len(set(sample))
        known: dict[str | None, int] = _Numbers()
        if different <= FEW_TEXTS:
            with suppress(ValueError):  # where there are more than a byte can number after all
                return cls._of(np.frombuffer(bytes(map(known.__getitem__, values)), np.uint8), tuple(known))
        if 2 * different > len(sample):
            distinct = dict.fromkeys(values)
            if len(distinct) == len(values):
                return cls._of(np.arange(len(values)), tuple(distinct))
            known = dict(zip(distinct, range(len(distinct)), strict=True))
        codes = np.fromiter(map(known.__getitem__, values), np.int64, len(values))
        return cls._of(codes, tuple(known))

    @classmethod
    def _of(cls, codes: NDArray[np.integer[Any]], categories: tuple[str | None, ...]) -> Column:
        """Codes and categories that are known to fit."""
        column = cls.__new__(cls)
        kept = codes.astype(smallest_unsigned(max(0, len(categories) - 1)), copy=False)
        kept.flags.writeable = False
        column.__attrs_init__(kept, categories)
        return column

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        return f"<Column {len(self):,} rows, {len(self.categories):,} categories>"


class Raw:
    """A column as it was given: a text a row, numbered when somebody asks."""

    __slots__ = ("_column", "missing", "values")

    def __init__(self, values: tuple[str | None, ...], *, missing: bool) -> None:
        self.values = values
        #: Whether some row lacks it.
        self.missing = missing
        self._column: Column | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def column(self) -> Column:
        if self._column is None:
            self._column = Column.of_texts(self.values)
        return self._column


#: One text for every row, or a column.
Given = str | Column | Raw | None


def as_column(what: str, given: Any) -> Given:
    """What a column was given as, checked. A single text, or None, stands for every row and stays as it is."""
    if given is None or isinstance(given, str | Column):
        return given
    values: Any = given
    if not isinstance(values, list | tuple) and hasattr(values, "__array__"):
        array = np.asarray(values)
        if array.ndim != 1:
            raise InvalidValue(
                "bad_column", f"{what} is an array of shape {array.shape}; a column has one dimension"
            )
        values = array.tolist()
    if not isinstance(values, list | tuple):
        raise InvalidValue(
            "bad_column",
            f"{what} is a list, tuple or array of str, a Column or one str, not {type(given).__name__}",
        )
    kinds = set(map(type, values))
    if not kinds <= _TEXTS:
        for row, value in enumerate(values):
            if not (value is None or isinstance(value, str)):
                hint = "; write None for what is missing" if isinstance(value, float) else ""  # pandas: NaN
                raise InvalidValue(
                    "not_text", f"row {row} of {what} is {value!r}, not a str{hint}", row=row, value=value
                )
    return Raw(tuple(values), missing=type(None) in kinds)


def has_missing(column: Given) -> bool:
    """Whether some row lacks it."""
    if isinstance(column, Raw):
        return column.missing
    return None in (column.categories if isinstance(column, Column) else (column,))


def coded(column: Given) -> Column | str | None:
    """The same with its texts numbered."""
    return column.column if isinstance(column, Raw) else column


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
        columns = tuple(map(coded, self.columns))
        return Columns, (self.names, columns, self.size, self.counts, self.random_values)

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


def tally(codes: NDArray[np.integer[Any]], counts: NDArray[np.int64] | None, size: int) -> NDArray[np.int64]:
    """How often each code from 0 to size - 1 occurs: int64, exact also where floats would not be."""
    if counts is None:
        return np.bincount(codes, minlength=size).astype(np.int64, copy=False)
    numbers = np.zeros(size, np.int64)
    np.add.at(numbers, codes, counts)
    return numbers


def combined(columns: Sequence[Column | str | None], length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The number of the combination in each row, and the first row of each combination."""
    code, size = np.zeros(length, np.int64), 1
    for column in columns:
        if isinstance(column, Column):
            # Numbered anew after each column, so that the product of all categories never overflows.
            joint = code * len(column.categories) + column.codes
            code, size = numbered(joint, size * len(column.categories))
    # Of what is written to one place the last stays, and going backwards that is the first row.
    first = np.zeros(size if length else 0, np.int64)
    first[code[::-1]] = np.arange(length - 1, -1, -1)
    return code, first


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


def numbered(values: NDArray[np.int64], bound: int) -> tuple[NDArray[np.int64], int]:
    """Values below a bound numbered without gaps, and how many different ones there are."""
    if bound > 4 * len(values) + 1024:
        found, numbers = np.unique(values, return_inverse=True)
        return numbers.astype(np.int64, copy=False), len(found)
    there = np.zeros(bound, np.bool_)  # a table beats sorting
    there[values] = True
    rank = np.cumsum(there, dtype=np.int64) - 1
    return rank[values], int(there.sum())


def built(texts: Sequence[str | None], names: Sequence[str]) -> Request:
    path, method, authority, scheme, *values = texts
    assert path is not None
    assert method is not None
    assert authority is not None
    headers = [(name, value) for name, value in zip(names, values, strict=True) if value is not None]
    return Request(path, method=method, authority=authority, scheme=scheme, headers=headers)
