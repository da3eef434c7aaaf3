"""What the values of the table share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Undetermined", "as_tuple"]


def as_tuple(items: Iterable[Any]) -> tuple[Any, ...]:
    """Lets constructors take lists where values hold tuples; a converter that type checkers understand.

    Raises TypeError for one text, which would be a list of its characters.
    """
    if isinstance(items, str):
        raise TypeError(f"a list is meant here, as in [{items!r}], not one text")
    return tuple(items)


@attrs.frozen
class Undetermined:
    """Why a request alone does not tell a value, in one sentence without a full stop."""

    reason: str
