"""What one block of a log holds: coded columns of the rows that can be read, and the rows that cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canarysim.engine.log_source import BadRow

__all__ = ["Coded", "Codes", "Rows", "coded"]


@attrs.frozen(eq=False)
class Coded:
    """Texts by code, as in a Column but unchecked. A text may stand twice."""

    codes: NDArray[Any]
    texts: Sequence[str | None]


@attrs.frozen(eq=False)
class Rows:
    """The rows of a block: ``lines`` are the numbers of theirs, ``columns`` have a code for each."""

    lines: Sequence[int]
    columns: dict[str, Coded]
    bad: list[BadRow]


class Codes(dict[Any, int]):
    """Numbers its keys as they are asked for."""

    def __missing__(self, key: Any) -> int:
        code = self[key] = len(self)
        return code

    def of(self, values: Sequence[Any]) -> NDArray[np.int32]:
        """The numbers of some keys. Cost: a look-up each."""
        return np.fromiter(map(self.__getitem__, values), np.int32, len(values))


def coded(values: Sequence[Any]) -> tuple[NDArray[np.int32], list[Any]]:
    """The code of each value, and the distinct values in order of appearance."""
    known = Codes()
    return known.of(values), list(known)
