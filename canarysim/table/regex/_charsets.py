"""Sets of characters: sorted, disjoint, non-touching ranges of numbers, both ends included."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Ranges", "char", "complement", "covers", "disjoint", "holds", "union"]

Ranges = tuple[tuple[int, int], ...]


def char(code: int) -> Ranges:
    return ((code, code),)


def union(*sets: Iterable[tuple[int, int]]) -> Ranges:
    """All that is in one of the sets, which need be neither sorted nor disjoint."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for one in sets for pair in one):
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Ranges, top: int) -> Ranges:
    """The numbers of 0..top that are not in the set."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in ranges:
        if low > top:
            break
        if start < low:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= top:
        gaps.append((start, top))
    return tuple(gaps)


def disjoint(left: Ranges, right: Ranges) -> bool:
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i][1] < right[j][0]:
            i += 1
        elif right[j][1] < left[i][0]:
            j += 1
        else:
            return False
    return True


def covers(large: Ranges, small: Ranges) -> bool:
    """Whether all of ``small`` is in ``large``."""
    i = 0
    for low, high in small:
        while i < len(large) and large[i][1] < low:
            i += 1
        if i == len(large) or not (large[i][0] <= low and high <= large[i][1]):
            return False
    return True


def holds(ranges: Ranges, code: int) -> bool:
    return any(low <= code <= high for low, high in ranges)
