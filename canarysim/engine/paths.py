r"""Conditions on the text of a path, for very many paths at once.

Facts.
1. A prefix and an exact path hold on an interval of the order of strings: ``/foo`` as a prefix from ``/foo`` to
   below ``/fop``, as an exact path from itself to below ``/foo\0``. All ends together cut the order into
   intervals within which none of these conditions changes. So a path needs one binary search, whatever the number
   of routes.
2. The same holds of conditions that ignore case, in the order of the folded paths.
3. What holds in an interval is found with any path in it, by its own beginnings: a look into a dict for each
   length that a prefix has.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from canarysim.table.matchers import PathExact, PathPrefix, PathSeparatedPrefix
from canarysim.table.strings import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canarysim.table.matchers import Matcher

__all__ = ["Beginnings", "plain_paths"]


class Beginnings:
    """The conditions on texts of paths. A set of routes is an int, a bit for each."""

    __slots__ = ("_all", "_exact", "_folded", "_lengths", "_prefix", "bounds", "folded_bounds")

    def __init__(self) -> None:
        #: By whether case is ignored.
        self._exact: tuple[dict[str, int], dict[str, int]] = {}, {}
        self._prefix: tuple[dict[str, int], dict[str, int]] = {}, {}
        self._all = 0
        self._lengths: tuple[list[int], list[int]] = [], []
        self.bounds: list[str] = []
        self.folded_bounds: list[str] = []

    @staticmethod
    def takes(matcher: Matcher) -> bool:
        """Whether it is such a condition."""
        return isinstance(matcher, PathPrefix | PathExact | PathSeparatedPrefix)

    def add(self, matcher: PathPrefix | PathExact | PathSeparatedPrefix, route: int) -> None:
        """The condition of one route, a set of one."""
        ignores = not matcher.case_sensitive
        text = fold(matcher.text) if ignores else matcher.text
        self._all |= route
        if not isinstance(matcher, PathPrefix):
            exact = self._exact[ignores]
            exact[text] = exact.get(text, 0) | route
        if not isinstance(matcher, PathExact):
            prefix = self._prefix[ignores]
            begin = f"{text}/" if isinstance(matcher, PathSeparatedPrefix) else text
            prefix[begin] = prefix.get(begin, 0) | route

    def finish(self) -> None:
        """Once all are there: the ends of intervals."""
        for ignores in (False, True):
            self._lengths[ignores].extend(sorted(set(map(len, self._prefix[ignores]))))
        self.bounds, self.folded_bounds = (
            sorted(
                {
                    end
                    for ends in (map(_exact_ends, exact), map(_prefix_ends, prefix))
                    for pair in ends
                    for end in pair
                }
            )
            for exact, prefix in zip(self._exact, self._prefix, strict=True)
        )

    @property
    def intervals(self) -> int:
        """The number of pairs of intervals, one of paths and one of folded paths."""
        return (len(self.bounds) + 1) * (len(self.folded_bounds) + 1)

    def fails(self, path: str) -> int:
        """The routes whose condition a path does not fulfil."""
        holds = 0
        for ignores in (False, True):
            if ignores and not (self._exact[True] or self._prefix[True]):
                break
            text = fold(path) if ignores else path
            holds |= self._exact[ignores].get(text, 0)
            prefix = self._prefix[ignores]
            for length in self._lengths[ignores]:
                if length > len(text):
                    break
                holds |= prefix.get(text[:length], 0)
        return self._all & ~holds

    def locate(self, paths: Sequence[str]) -> NDArray[np.int64]:
        """The number of the interval of each path, below ``intervals``. Cost: a binary search a path."""
        count = len(paths)
        if not self.bounds:
            at = np.zeros(count, np.int64)
        else:
            at = np.fromiter(map(bisect_right, repeat(self.bounds), paths), np.int64, count)
        if self.folded_bounds:
            folded = map(fold, paths)
            at *= len(self.folded_bounds) + 1
            at += np.fromiter(map(bisect_right, repeat(self.folded_bounds), folded), np.int64, count)
        return at


def _exact_ends(text: str) -> tuple[str, ...]:
    return text, text + "\0"


def _prefix_ends(text: str) -> tuple[str, ...]:
    # Octets end at 255, so that the character behind the last one is always there. An empty prefix takes all.
    return (text, text[:-1] + chr(ord(text[-1]) + 1)) if text else ()


_KEPT = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_~!$&'()*+,;=:@.?-"


def plain_paths(paths: Sequence[str], *, slashes: bool, parameters: bool) -> str:
    """Some targets joined, if no connection manager would change, cut or refuse any; else nothing.

    They begin with a slash and have everyday characters; ``slashes``: none has two slashes in a row,
    ``parameters``: none a semicolon. Nothing is said of a query. Cost: some ns a target.
    """
    joined = "\n".join(paths)
    if not (joined.isascii() and joined[:1] == "/" and joined.count("\n/") == len(paths) - 1):
        return ""
    if "/." in joined or (slashes and "//" in joined) or (parameters and ";" in joined):
        return ""
    # As many line ends are left as stand between paths: so there is none in a path, nor anything else unusual.
    return joined if len(joined.encode("ascii").translate(None, _KEPT)) == len(paths) - 1 else ""
