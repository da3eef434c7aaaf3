"""From the classes of columns to the fate of each row: one table over all classes, filled as rows ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canarysim.engine.classify import classified
from canarysim.engine.plan import request_of
from canarysim.engine.steps import smallest_unsigned

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from canarysim.engine.book import Book
    from canarysim.engine.columns import Columns
    from canarysim.engine.deal import Deal
    from canarysim.engine.plan import Class, Plan

    Index = NDArray[np.integer[Any]]

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


class Joint:
    """The rows of some columns: an index for each, and the fate of each index, -1 where it is not known yet."""

    def __init__(self, part: Columns, plan: Plan, decider: Decider) -> None:
        self._decider = decider
        self._groups = classified(plan, part)
        self._varying = [group for group in self._groups if group.codes is not None]
        self._alone: dict[tuple[int, ...], int] = {}
        self._by_class: dict[tuple[int, ...], int] = {}
        self._sure = np.empty(0, np.uint8)
        self._sure_of = (0, True)
        self._narrow: NDArray[np.unsignedinteger[Any]] | None = None
        #: The fates that rows came to so far.
        self.met: set[int] = set()
        sizes = [len(group.texts) for group in self._varying]
        raw = 1
        for size in sizes:
            raw *= size
        self._raw = raw <= RAW
        if not self._raw:
            sizes = [group.size for group in self._varying]
        self._sizes = sizes
        total = 1
        for size in sizes:
            total *= size
        self._dense = total <= DENSE
        self._numbers: dict[int, int] = {}
        self.size = total if self._dense else 0
        self._index_dtype: Any = np.uint16 if total <= 1 << 16 else np.uint32 if total <= 1 << 32 else np.int64
        self._overflows = total >= 1 << 62
        self._lookups = [] if self._raw else self._strided()
        #: The fate of each index.
        self.fate_of = np.full(max(1, self.size), -1, np.int32)

    def _strided(self) -> list[NDArray[Any]]:
        """The class of each code, times what it counts in the index."""
        found = []
        stride = 1
        for group, size in zip(reversed(self._varying), reversed(self._sizes), strict=True):
            found.append(
                group.class_of.astype(self._index_dtype) * self._index_dtype(stride if not self._overflows else 0)
            )
            stride *= size
        return found[::-1]

    def index(self, rows: slice | NDArray[np.integer[Any]]) -> Index | None:
        """The index of each of some rows, below ``size``; None where all rows have index 0."""
        found: Any = None
        if not self._varying:
            return None
        if not self._dense:
            return self._sparse(rows)
        for at, group in enumerate(self._varying):
            assert group.codes is not None
            codes = group.codes[rows]
            if self._raw:
                if found is None:
                    found = codes
                    if len(self._varying) > 1:
                        found = found.astype(self._index_dtype)
                else:
                    found *= self._index_dtype(self._sizes[at])
                    found += codes
            else:
                part = self._lookups[at].take(codes, mode="clip")
                if found is None:
                    found = part
                else:
                    found += part
        index: Index = found
        return index

    def _sparse(self, rows: slice | NDArray[np.integer[Any]]) -> Index:
        """The same where the combinations that occur are numbered one by one."""
        found: Any = 0
        if self._overflows:
            columns = np.stack([g.class_of[g.codes[rows]] for g in self._varying if g.codes is not None], axis=1)
            unique, which = np.unique(columns, axis=0, return_inverse=True)
            keys: list[Any] = list(map(tuple, unique.tolist()))
        else:
            for lookup, group in zip(self._lookups, self._varying, strict=True):
                assert group.codes is not None
                found = found + lookup[group.codes[rows]]
            unique, which = np.unique(found, return_inverse=True)
            keys = unique.tolist()
        numbers = np.array([self._numbers.setdefault(key, len(self._numbers)) for key in keys], np.int64)
        self.size = len(self._numbers)
        if self.size > len(self.fate_of):
            grown = np.full(2 * self.size, -1, np.int32)
            grown[: len(self.fate_of)] = self.fate_of
            self.fate_of = grown
        result: Index = numbers[which.reshape(-1)]
        return result

    def resolve(self, index: Index | None, rows: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """The fate of each of some rows, whose index is given; ``fate_of`` then knows it, but for odd ones.

        Those of odd rows stay unknown there: each of them is looked at by its values.
        """
        if index is None:
            index = np.zeros(len(rows), np.int64)
        met, which = np.unique(index, return_inverse=True)
        which = which.reshape(-1)
        examples = np.empty(len(met), np.int64)
        examples[which] = rows
        fates = self._fates_by_class(examples)
        self.fate_of[met] = fates
        self._narrow = None
        found = fates[which]
        odd = np.flatnonzero(found < 0)
        if len(odd):
            found[odd] = self._fates_alone(rows[odd])
        self.met.update(np.unique(found).tolist())
        return found

    def _fates_by_class(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """The fates of rows by their classes; -1 where one is odd."""
        numbers = [
            group.class_of[np.zeros(len(rows), np.int64) if group.codes is None else group.codes[rows]]
            for group in self._groups
        ]
        unique, which = np.unique(np.stack(numbers, axis=1).astype(np.int64), axis=0, return_inverse=True)
        fates = np.empty(len(unique), np.int64)
        for at, key in enumerate(map(tuple, unique.tolist())):
            fate = self._by_class.get(key)
            if fate is None:
                odd = any(number == len(group.classes) for number, group in zip(key, self._groups, strict=True))
                classes = [] if odd else [g.classes[number] for number, g in zip(key, self._groups, strict=True)]
                fate = self._by_class[key] = -1 if odd else self._decider.fate(classes)
            fates[at] = fate
        found: NDArray[np.int64] = fates[which.reshape(-1)]
        return found

    def fates(self, rows: slice | NDArray[np.integer[Any]]) -> NDArray[np.unsignedinteger[Any]]:
        """The fate of each of some rows, in the smallest dtype."""
        index = self.index(rows)
        if index is None:
            size = len(range(rows.start, rows.stop)) if isinstance(rows, slice) else len(rows)
            if self.fate_of[0] < 0 and size:
                at = np.array([rows.start]) if isinstance(rows, slice) else rows[:1]
                return np.full(size, self.resolve(None, at)[0]).astype(self.narrow.dtype)
            return np.full(size, self.narrow[0])
        found = self.narrow.take(index, mode="clip")
        sentinel = int(np.iinfo(found.dtype).max)
        if not len(found) or found.max() < sentinel:
            return found
        unknown = np.flatnonzero(found == sentinel)
        fates = self.resolve(index[unknown], unknown + rows.start if isinstance(rows, slice) else rows[unknown])
        found = found.astype(self.narrow.dtype)
        found[unknown] = fates
        return found

    def sure_into(self, rows: slice, deal: Deal, out: NDArray[np.unsignedinteger[Any]]) -> bool:
        """Write the outcomes of some rows where chance plays no part; False where not all of them are known."""
        index = self.index(rows)
        known = deal.known, self._narrow is None
        if self._sure_of != known or self._narrow is None:
            narrow = self.narrow
            fits = narrow < deal.known
            self._sure = np.where(fits, deal.sure.take(narrow, mode="clip"), deal.sentinel).astype(deal.dtype)
            self._sure_of = deal.known, False
        if self._sure.dtype != out.dtype:
            return False
        if index is None:
            out[...] = self._sure[0]
        else:
            self._sure.take(index, out=out, mode="clip")
        return not len(out) or int(out.max()) < deal.sentinel

    @property
    def narrow(self) -> NDArray[np.unsignedinteger[Any]]:
        """``fate_of`` in the smallest dtype that holds all fates there are; its largest value stands for -1."""
        dtype = fate_dtype(self._decider.known)
        if self._narrow is None or self._narrow.dtype != dtype:
            self._narrow = self.fate_of.astype(dtype)  # -1 becomes the largest value
        return self._narrow

    def _fates_alone(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
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
