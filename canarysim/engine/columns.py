"""Columns of texts: what many requests have in a place, as codes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from canarysim.engine.steps import smallest_unsigned
from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Codes = NDArray[np.unsignedinteger[Any]]

__all__ = [
    "Column",
    "Raw",
    "as_column",
    "coded",
    "combined",
    "has_missing",
    "numbered",
    "tally",
]


SAMPLED = 4096
"""Rows by which it is guessed whether texts repeat."""

FEW_TEXTS = 64
"""Different texts among these up to which it is tried to number them in bytes, which is faster."""

JOINED = 1 << 14
"""Texts joined at a time."""

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
    def from_arrow(cls, values: Any) -> Column:
        """Text of anything with ``__arrow_c_stream__`` or ``__arrow_c_array__``: a series, an array.

        Dictionary columns (categoricals, enums) keep their codes, other text is encoded as a dictionary. Rows
        without a value get None for their category. Raises MissingExtra without pyarrow, InvalidValue
        (``not_text``), TypeError. Cost: a pass over the codes, or one of Arrow's ``dictionary_encode``.
        """
        from canarysim.engine.arrow import column_from_arrow

        return column_from_arrow(values)

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

    def __init__(self, values: tuple[str | None, ...], missing: bool) -> None:
        self.values = values
        #: Whether some row lacks it.
        self.missing = missing
        self._column: Column | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __reduce__(self) -> tuple[type[Raw], tuple[Any, ...]]:
        return Raw, (self.values, self.missing)

    @property
    def column(self) -> Column:
        """Its texts by number."""
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
    values = tuple(values)
    if _all_texts(values):
        return Raw(values, missing=False)
    kinds = _kinds(values)
    if not kinds <= _TEXTS:
        for row, value in enumerate(values):
            if not (value is None or isinstance(value, str)):
                hint = "; write None for what is missing" if isinstance(value, float) else ""  # pandas: NaN
                raise InvalidValue(
                    "not_text", f"row {row} of {what} is {value!r}, not a str{hint}", row=row, value=value
                )
    return Raw(values, type(None) in kinds)


def _kinds(values: tuple[Any, ...]) -> set[type]:
    """The types of some values. Where values repeat, those of the different ones are found faster."""
    with suppress(TypeError):  # what cannot be hashed is no text
        if len(set(values[:SAMPLED])) <= FEW_TEXTS:
            return set(map(type, frozenset(values)))
    return set(map(type, values))


def _all_texts(values: tuple[Any, ...]) -> bool:
    """Whether all are str. Joining asks that faster than anything else does."""
    try:
        for start in range(0, len(values), JOINED):
            "".join(values[start : start + JOINED])
    except TypeError:
        return False
    return True


def has_missing(column: Given) -> bool:
    """Whether some row lacks it."""
    if isinstance(column, Raw):
        return column.missing
    return None in (column.categories if isinstance(column, Column) else (column,))


def coded(column: Given) -> Column | str | None:
    """The same with its texts numbered."""
    return column.column if isinstance(column, Raw) else column


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


def numbered(values: NDArray[np.int64], bound: int) -> tuple[NDArray[np.int64], int]:
    """Values below a bound numbered without gaps, and how many different ones there are."""
    if bound > 4 * len(values) + 1024:
        found, numbers = np.unique(values, return_inverse=True)
        return numbers.astype(np.int64, copy=False), len(found)
    there = np.zeros(bound, np.bool_)  # a table beats sorting
    there[values] = True
    rank = np.cumsum(there, dtype=np.int64) - 1
    return rank[values], int(there.sum())
