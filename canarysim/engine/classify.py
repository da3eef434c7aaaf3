"""The distinct values of columns put into classes, each looked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from canarysim.engine.columns import Column, coded, combined
from canarysim.engine.paths import plain_paths
from canarysim.engine.plan import PSEUDO
from canarysim.engine.steps import smallest_unsigned
from canarysim.request import Request
from canarysim.table.http import TREATED_TARGET, Seen
from canarysim.table.needs import header_name

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray

    from canarysim.engine.columns import Codes
    from canarysim.engine.plan import Class, Group, Plan, Texts
    from canarysim.engine.rows import Columns

__all__ = ["Classified", "classified"]

PIECE = 8192
"""Paths looked at together: where one of them is unusual, so many are searched for it."""


@attrs.frozen(eq=False)
class Classified:
    """A group of columns: the code of each row (None where all rows have the same), and the class of each code.

    An odd value has the class ``len(classes)``; ``texts`` are the values by code.
    """

    codes: Codes | None
    class_of: NDArray[np.unsignedinteger[Any]]
    classes: tuple[Class, ...]
    texts: Sequence[Texts] | _Texts
    has_odd: bool

    @property
    def size(self) -> int:
        """The number of classes, odd values counted as one."""
        return len(self.classes) + self.has_odd


@attrs.frozen(eq=False)
class _Texts:
    """The values of a group of one column, each made when it is asked for."""

    name: str
    categories: Sequence[str | None]

    def __getitem__(self, code: int) -> Texts:
        return ((self.name, self.categories[code]),)

    def __len__(self) -> int:
        return len(self.categories)


def classified(plan: Plan, part: Columns) -> list[Classified]:
    """Every group of a plan, for the columns of some rows. What the table does not look at is left alone.

    Cost: each distinct value of a column is looked at once.
    """
    named = [*PSEUDO, *(header_name(name) for name in part.names[4:])]
    found = []
    for group in plan.groups:
        asked = [
            (name, coded(column)) for name, column in zip(named, part.columns, strict=True) if name in group.names
        ]
        varying = [column for _, column in asked if isinstance(column, Column)]
        texts: Sequence[Texts] | _Texts
        codes: Codes | None
        if len(asked) == len(varying) == 1:
            codes, texts = varying[0].codes, _Texts(asked[0][0], varying[0].categories)
        elif not varying:
            codes, texts = None, [tuple((name, column) for name, column in asked)]  # type: ignore[misc]
        else:
            codes, texts = _together(asked, part.size)
        found.append(_classified(plan, group, codes, texts))
    return found


def _together(asked: Sequence[tuple[str, Column | str | None]], size: int) -> tuple[Codes, list[Texts]]:
    """The combinations that occur in some columns, as one."""
    code, first = combined([column for _, column in asked], size)
    texts = [
        tuple((name, c.categories[c.codes[row]] if isinstance(c, Column) else c) for name, c in asked)
        for row in first.tolist()
    ]
    return code.astype(smallest_unsigned(max(0, len(texts) - 1))), texts


def _classified(plan: Plan, group: Group, codes: Codes | None, texts: Sequence[Texts] | _Texts) -> Classified:
    classes = _Classes()
    if ":path" in group.names and isinstance(texts, _Texts) and not plan.alone:
        found = _of_paths(plan, group, texts.categories, classes)
    else:
        found = np.fromiter(
            (_of_one(plan, group, texts[at], classes) for at in range(len(texts))), np.int64, len(texts)
        )
    has_odd = bool((found < 0).any())
    known = tuple(classes.found)
    class_of = np.where(found < 0, len(known), found).astype(smallest_unsigned(len(known)))
    return Classified(codes, class_of, known, texts, has_odd)


class _Classes:
    """Classes by what tells them apart."""

    def __init__(self) -> None:
        self.found: list[Class] = []
        self._numbers: dict[Hashable, int] = {}

    def number(self, found: Class) -> int:
        number = self._numbers.setdefault((found.fails, found.open, found.read), len(self.found))
        if number == len(self.found):
            self.found.append(found)
        return number


def _of_one(plan: Plan, group: Group, texts: Texts, classes: _Classes) -> int:
    seen = plan.see(texts)
    if plan.is_odd(group, seen, texts):
        return -1
    if ":path" not in group.names:
        return classes.number(group.classify(seen, texts))
    early = group.beginnings.fails(seen.match_path)
    return classes.number(group.classify(seen, texts, early, plan.asked(early)))


def _of_paths(plan: Plan, group: Group, paths: Sequence[str | None], classes: _Classes) -> NDArray[np.int64]:
    """The class of each path; -1 for an odd one."""
    table = plan.table
    found = np.empty(len(paths), np.int64)
    intervals = _Intervals(plan, group, classes)
    unusual = _unusual(plan)
    for start in range(0, len(paths), PIECE):
        piece: Sequence[str] = paths[start : start + PIECE]  # type: ignore[assignment]  # no path is missing
        joined = plain_paths(
            piece, slashes=table.http.merge_slashes, parameters=table.ignore_path_parameters_in_path_matching
        )
        out = found[start : start + PIECE]
        if joined:
            intervals.classes(piece, out, query="?" in joined)
            continue
        alone = np.fromiter(map(unusual, piece), np.bool_, len(piece))
        out[alone] = [
            _of_one(plan, group, ((":path", piece[at]),), classes) for at in np.flatnonzero(alone).tolist()
        ]
        kept = np.empty(len(piece) - int(alone.sum()), np.int64)
        intervals.classes([piece[at] for at in np.flatnonzero(~alone).tolist()], kept, query=True)
        out[~alone] = kept
    return found


_NEW, _EACH = -1, -2
"""An interval that no path was in yet, and one whose paths have to be looked at one by one."""

MANY_INTERVALS = 1 << 20
"""Intervals up to which there is a table of all: where some conditions ignore case there are pairs of them."""


def _unusual(plan: Plan) -> Callable[[str], bool]:
    """Whether something may be done to a target, as ``plain_paths`` asks of many."""
    slashes = plan.table.http.merge_slashes
    parameters = plan.table.ignore_path_parameters_in_path_matching

    def unusual(path: str) -> bool:
        return bool(
            path[:1] != "/"
            or TREATED_TARGET.search(path)
            or (slashes and "//" in path)
            or (parameters and ";" in path)
        )

    return unusual


class _Intervals:
    """What is known of intervals of paths: most need no look at the paths in them."""

    def __init__(self, plan: Plan, group: Group, classes: _Classes) -> None:
        self._plan = plan
        self._group = group
        self._classes = classes
        self._base = Request("/")
        #: By interval: the class of all its paths, or _NEW or _EACH.
        self._class_of = np.full(min(group.beginnings.intervals, MANY_INTERVALS), _NEW, np.int64)
        #: Of those whose paths are looked at one by one: the routes that they fail, and those that may count.
        self._more: dict[int, tuple[int, int]] = {}
        self._numbers: dict[int, int] = {}

    def classes(self, paths: Sequence[str], out: NDArray[np.int64], *, query: bool) -> None:
        """The class of each path that nothing is done to; ``query``: whether some may have one."""
        cut = [path.partition("?")[0] for path in paths] if query else paths
        at = self._located(cut)
        self._class_of.take(at, out=out, mode="clip")
        if not len(out) or out.min() >= 0:
            return
        new = np.flatnonzero(out == _NEW)
        met, first = np.unique(at[new], return_index=True)
        for interval, row in zip(met.tolist(), new[first].tolist(), strict=True):
            self._class_of[interval] = self._interval(interval, cut[row], paths[row])
        self._class_of.take(at, out=out, mode="clip")
        left = np.flatnonzero(out == _EACH)
        for interval in np.unique(at[left]).tolist():
            rows = left[at[left] == interval]
            numbers = rows.tolist()
            early, asked = self._more[interval]
            out[rows] = self._each([cut[row] for row in numbers], [paths[row] for row in numbers], early, asked)

    def _located(self, cut: Sequence[str]) -> NDArray[np.int64]:
        """The number of the interval of each path; of very many only those that are met are numbered."""
        at = self._group.beginnings.locate(cut)
        if self._group.beginnings.intervals <= MANY_INTERVALS:
            return at
        met, which = np.unique(at, return_inverse=True)
        numbers = [self._numbers.setdefault(interval, len(self._numbers)) for interval in met.tolist()]
        if len(self._numbers) > len(self._class_of):
            grown = np.full(2 * len(self._numbers), _NEW, np.int64)
            grown[: len(self._class_of)] = self._class_of
            self._class_of = grown
        found: NDArray[np.int64] = np.array(numbers, np.int64)[which.reshape(-1)]
        return found

    def _each(self, cut: Sequence[str], paths: Sequence[str], early: int, asked: int) -> list[int]:
        """The class of each path of an interval where more than its beginning counts."""
        group = self._group
        if not group.by_conditions:
            return [self._classes.number(self._one(path, early, asked)) for path in paths]
        later = group.later(asked)
        seen = [] if all(group.late[at].of_path for at in later) else [self._seen(path) for path in paths]
        verdicts = []
        for at in later:
            condition = group.late[at]
            shown = cut if condition.of_path else map(condition.get, seen)
            verdicts.append(map(condition.judge, shown))
        known: dict[tuple[bool | None, ...], int] = {}
        found = []
        for path, pattern in zip(paths, zip(*verdicts, strict=True), strict=True):
            number = known.get(pattern)
            if number is None:
                each = zip(later, pattern, strict=True)
                number = self._classes.number(group.by_verdicts(early, asked, each, ((":path", path),)))
                known[pattern] = number
            found.append(number)
        return found

    def _interval(self, interval: int, cut: str, path: str) -> int:
        """The class of all paths of an interval, by one of them; _EACH where each has to be looked at."""
        group = self._group
        early = group.beginnings.fails(cut)
        asked = self._plan.asked(early)
        if not group.needs_more(asked):
            return self._classes.number(self._one(path, early, asked))
        self._more[interval] = early, asked
        return _EACH

    def _one(self, path: str, early: int, asked: int) -> Class:
        return self._group.classify(self._seen(path), ((":path", path),), early, asked)

    def _seen(self, path: str) -> Seen:
        """A request with a path that nothing is done to, and nothing else."""
        scheme = self._plan.table.scheme
        return Seen(self._base, path, "GET", "", scheme, scheme, {}, ())
