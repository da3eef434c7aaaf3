"""From the classes of columns to the fate of each row: one table over all classes, filled as rows ask for it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from canarysim.engine.classify import classified
from canarysim.engine.columns import numbered
from canarysim.engine.plan import request_of
from canarysim.engine.steps import smallest_unsigned

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from canarysim.engine.book import Book
    from canarysim.engine.deal import Deal
    from canarysim.engine.plan import Class, Plan
    from canarysim.engine.rows import Columns

    Index = NDArray[np.integer[Any]]
    Places = NDArray[np.integer[Any]]
    Fates = NDArray[np.unsignedinteger[Any]]

__all__ = ["Decider", "Joint", "fate_dtype"]

RAW = 1 << 18
"""Combinations of codes up to which no classes are looked up on the way: one table holds them all."""

DENSE = 1 << 24
"""Combinations of classes for which there is a table; of more only those that occur are kept."""


def fate_dtype(fates: int) -> np.dtype[np.unsignedinteger[Any]]:
    """A dtype for the numbers of fates, and one more."""
    return smallest_unsigned(fates)


class Decider:
    """Asks the table about combinations of classes, each kind of combination once.

    What all conditions leave of a virtual host's routes, up to the first that takes whatever random value there
    is, tells the kind, with what else these routes read.
    """

    def __init__(self, plan: Plan, book: Book) -> None:
        self._plan = plan
        self._book = book
        self._known: dict[Hashable, int] = {}

    def fate(self, classes: Sequence[Class]) -> int:
        """The fate of requests of these classes, one a group."""
        plan = self._plan
        host: Any = 0 if plan.hosts else None
        https = True
        fails = 0
        for group, found in zip(plan.groups, classes, strict=True):
            fails |= found.fails
            if group.host_at is not None:
                host = found.read[group.host_at]
            if group.https_at is not None:
                https = bool(found.read[group.https_at])
        among: list[int] = []
        asked = 0
        if host is not None:
            first, routes, sure = plan.hosts[host]
            left = (routes & ~fails) >> first
            while left:
                lowest = left & -left
                among.append(lowest.bit_length() - 1)
                asked |= lowest << first
                if lowest << first & sure:
                    break
                left ^= lowest
        read = [
            value
            for group, found in zip(plan.groups, classes, strict=True)
            for value, (_, routes) in zip(found.read, group.reads, strict=True)
            if routes == -1 or routes & asked
        ]
        open_ = tuple(found.open for found in classes)
        key = host, https, tuple(among), tuple(read), open_
        known = self._known.get(key)
        if known is None:
            request = request_of(text for found in classes for text in found.texts)
            known = self._known[key] = self._book.fate(plan.table.chances(request, among))
        return known

    @property
    def known(self) -> int:
        """The number of fates in the book."""
        return len(self._book.fates)

    def alone(self, request_texts: Sequence[tuple[str, str | None]]) -> int:
        """The fate of one request, asked alone."""
        return self._book.fate(self._plan.table.chances(request_of(request_texts)))


def _strides(sizes: Sequence[int]) -> list[int]:
    """What a digit counts, of digits that are below some sizes."""
    return [prod(sizes[at + 1 :]) for at in range(len(sizes))]


def _strided(digits: Sequence[NDArray[Any]], sizes: Sequence[int]) -> list[NDArray[np.int64]]:
    """Digits times what they count."""
    return [each.astype(np.int64) * stride for each, stride in zip(digits, _strides(sizes), strict=True)]


class Joint:
    """The rows of some columns, and the fate of each.

    The *key* of a row is the combination of its classes, its *index* that of its codes where there are few of
    them, else the key. ``fate_of`` is the fate of each index, -1 where it is not known yet; fates are looked up
    when a row asks for its own.
    """

    def __init__(self, part: Columns, plan: Plan, decider: Decider) -> None:
        self._decider = decider
        self._groups = classified(plan, part)
        # Without rows nothing varies, whatever categories there are.
        self._varying = [group for group in self._groups if group.codes is not None and part.size]
        #: The fates that rows came to so far.
        self.met: set[int] = set()
        self._alone: dict[tuple[int, ...], int] = {}
        keys = prod(group.size for group in self._varying)
        self._dense = keys <= DENSE
        self._overflows = keys >= 1 << 62
        self._numbers: dict[Any, int] = {}
        self._fate_of_key = np.full(keys if self._dense else 1, -1, np.int32)
        #: Of each group by code, of the first as the last to count: what it adds to the key.
        self._adds = [] if self._overflows else _strided([g.class_of for g in self._varying], self._key_sizes)
        self._key_of: NDArray[np.int64] | None = None
        self._dtype: np.dtype[Any] = np.dtype(np.int64)
        self._steps: list[tuple[NDArray[Any] | None, Any]] = []
        if self._dense:
            self._lay_out()
        self._changed()

    @property
    def _key_sizes(self) -> list[int]:
        return [group.size for group in self._varying]

    def _lay_out(self) -> None:
        """Decide what the index is made of: codes where their number allows it, for that saves a look a row."""
        by_class = [False] * len(self._varying)
        sizes = [len(group.texts) for group in self._varying]
        gains = [size / max(1, group.size) for size, group in zip(sizes, self._varying, strict=True)]
        for at in sorted(range(len(sizes)), key=lambda at: -gains[at]):
            if prod(sizes) > RAW:
                by_class[at], sizes[at] = True, self._varying[at].size
        self._dtype = np.min_scalar_type(max(0, prod(sizes) - 1))
        parts = [group.class_of if by else np.zeros(0) for group, by in zip(self._varying, by_class, strict=True)]
        self._steps = [
            (part.astype(self._dtype) if by else None, self._dtype.type(stride))
            for part, by, stride in zip(_strided(parts, sizes), by_class, _strides(sizes), strict=True)
        ]
        if all(by_class):
            return  # then the index is the key
        key_of = np.zeros(1, np.int64)
        for group, by, key_stride in zip(self._varying, by_class, _strides(self._key_sizes), strict=True):
            classes = np.arange(group.size) if by else group.class_of.astype(np.int64)
            key_of = (key_of[:, None] + classes * key_stride).reshape(-1)
        self._key_of = key_of

    def _changed(self) -> None:
        """More fates are known, or there are more keys."""
        self.fate_of = self._fate_of_key if self._key_of is None else self._fate_of_key.take(self._key_of)
        self._narrow: NDArray[np.unsignedinteger[Any]] | None = None
        self._sure: NDArray[np.unsignedinteger[Any]] | None = None
        self._sure_of = 0

    def _index(self, rows: slice | Places) -> Index | None:
        """The index of each of some rows; None where all rows have the same."""
        if not self._varying:
            return None
        if not self._dense:
            return self._sparse(rows)
        found: Any = None
        for (lookup, stride), group in zip(self._steps, self._varying, strict=True):
            assert group.codes is not None
            codes = group.codes[rows]
            if lookup is not None:
                part = lookup.take(codes, mode="clip")
            elif stride == 1:
                part = codes
            else:
                part = np.multiply(codes, stride, dtype=self._dtype)
            if found is None:
                found = part if part is not codes or len(self._varying) == 1 else part.astype(self._dtype)
            else:
                found += part
        index: Index = found
        return index

    def _sparse(self, rows: slice | Places) -> Index:
        """The same where the combinations that occur are numbered one by one."""
        codes = [group.class_of[group.codes[rows]] for group in self._varying if group.codes is not None]
        keys: list[Any]
        if self._overflows:
            unique, which = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)
            keys = list(map(tuple, unique.tolist()))
        else:
            found = np.zeros(len(codes[0]), np.int64)
            for adds, group in zip(self._adds, self._varying, strict=True):
                assert group.codes is not None
                found += adds[group.codes[rows]]
            unique, which = np.unique(found, return_inverse=True)
            keys = unique.tolist()
        numbers = np.array([self._numbers.setdefault(key, len(self._numbers)) for key in keys], np.int64)
        if len(self._numbers) > len(self._fate_of_key):
            grown = np.full(2 * len(self._numbers), -1, np.int32)
            grown[: len(self._fate_of_key)] = self._fate_of_key
            self._fate_of_key = grown
            self._changed()
        index: Index = numbers[which.reshape(-1)]
        return index

    def fates(self, rows: slice | Places) -> Fates:
        """The fate of each of some rows, in the smallest dtype that holds all fates there are."""
        index = self._index(rows)
        if index is None:
            index = np.zeros(len(range(rows.start, rows.stop)) if isinstance(rows, slice) else len(rows), np.uint8)
        found = self._narrowed().take(index, mode="clip")
        sentinel = int(np.iinfo(found.dtype).max)
        if not len(found) or found.max() < sentinel:
            return found
        unknown = np.flatnonzero(found == sentinel)
        fates = self._resolve(index[unknown], unknown + rows.start if isinstance(rows, slice) else rows[unknown])
        found = found.astype(self._narrowed().dtype)
        found[unknown] = fates
        return found

    def _narrowed(self) -> Fates:
        """``fate_of`` in the smallest dtype; its largest value stands for -1."""
        dtype = fate_dtype(self._decider.known)
        if self._narrow is None or self._narrow.dtype != dtype:
            self._narrow = self.fate_of.astype(dtype)  # where -1 becomes the largest value
        return self._narrow

    def sure_into(self, rows: slice, deal: Deal, out: NDArray[np.unsignedinteger[Any]]) -> bool:
        """Write the outcomes of some rows where chance plays no part; False where not all of them are known.

        That is for tables that are small, which is where it is faster than to look for fates first.
        """
        if not self._dense or len(self.fate_of) > RAW:
            return False
        if self._sure is None or self._sure_of != deal.known:
            known = (self.fate_of >= 0) & (self.fate_of < deal.known)
            self._sure = np.where(known, deal.sure.take(self.fate_of, mode="clip"), deal.sentinel).astype(
                deal.dtype
            )
            self._sure_of = deal.known
        if self._sure.dtype != out.dtype:
            return False
        index = self._index(rows)
        if index is None:
            out[...] = self._sure[0]
        else:
            self._sure.take(index, out=out, mode="clip")
        return not len(out) or int(out.max()) < deal.sentinel

    def _resolve(self, index: Index, rows: Places) -> NDArray[np.int64]:
        """The fate of each of some rows, whose index is given.

        ``fate_of`` then knows it, but for odd rows: each of them is looked at by its values.
        """
        keys = index.astype(np.int64) if self._key_of is None else self._key_of[index]
        number, met = numbered(keys, len(self._fate_of_key))
        examples = np.empty(met, np.int64)
        examples[number] = np.arange(len(keys))
        fates = np.array([self._fate(row) for row in rows[examples].tolist()], np.int64)
        self._fate_of_key[keys[examples]] = fates
        if (
            self._key_of is None
            and self._narrow is not None
            and self._narrow.dtype == fate_dtype(self._decider.known)
        ):
            self._narrow[keys[examples]] = fates.astype(self._narrow.dtype)  # a large table is not made anew
            self._sure = None
        else:
            self._changed()
        found: NDArray[np.int64] = fates[number]
        odd = np.flatnonzero(found < 0)
        if len(odd):
            found[odd] = self._fates_alone(rows[odd])
        self.met.update(np.unique(found).tolist())
        return found

    def _fate(self, row: int) -> int:
        """The fate of a row by its classes; -1 where one is odd."""
        classes = []
        for group in self._groups:
            number = int(group.class_of[0 if group.codes is None else group.codes[row]])
            if number == len(group.classes):
                return -1
            classes.append(group.classes[number])
        return self._decider.fate(classes)

    def _fates_alone(self, rows: Places) -> NDArray[np.int64]:
        """The fates of rows that are decided by all their values."""
        codes = [np.zeros(len(rows), np.int64) if g.codes is None else g.codes[rows] for g in self._groups]
        unique, which = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)
        fates = []
        for key in map(tuple, unique.tolist()):
            fate = self._alone.get(key)
            if fate is None:
                texts = [text for group, code in zip(self._groups, key, strict=True) for text in group.texts[code]]
                fate = self._alone[key] = self._decider.alone(texts)
            fates.append(fate)
        found: NDArray[np.int64] = np.array(fates, np.int64)[which.reshape(-1)]
        return found
