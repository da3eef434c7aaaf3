"""Few intervals: comparing each value with every begin finds its index faster than a table does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Steps", "smallest_unsigned"]


def smallest_unsigned(largest: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The narrowest unsigned dtype that holds ``largest``."""
    return np.dtype(np.min_scalar_type(largest))


class Steps:
    """A rising step function of unsigned values, with results in uint8.

    ``begins`` and ``indexes`` (both rising, indexes below 256) say where each step starts and its result;
    the first step also takes everything below its begin. ``dtype`` is the one dtype of the values.
    """

    __slots__ = ("_first", "_rises", "dtype")

    def __init__(
        self, begins: Sequence[int], indexes: Sequence[int], dtype: np.dtype[np.unsignedinteger[Any]]
    ) -> None:
        self.dtype = dtype
        # Typed scalars: a Python int would do as well under NEP 50, and would widen the loop before it.
        self._first = np.uint8(indexes[0])
        self._rises = [
            (dtype.type(begin), np.uint8(index - before))
            for begin, before, index in zip(begins[1:], indexes, indexes[1:], strict=False)
        ]

    def into(self, out: NDArray[np.uint8], values: NDArray[np.unsignedinteger[Any]]) -> None:
        """Write each value's index to ``out``. Cost: two cheap passes a step."""
        if not self._rises:
            out.fill(self._first)
            return
        begin, rise = self._rises[0]
        np.greater_equal(values, begin, out=out.view(np.bool_))
        if rise != 1:
            np.multiply(out, rise, out=out)
        if len(self._rises) > 1:
            reached = np.empty(len(out), np.bool_)
            added = reached.view(np.uint8)
            for begin, rise in self._rises[1:]:
                np.greater_equal(values, begin, out=reached)
                if rise != 1:
                    np.multiply(added, rise, out=added)
                np.add(out, added, out=out)
        if self._first:
            np.add(out, self._first, out=out)
