"""Where generators get their choices from: written against one small interface, they are driven by hypothesis,
which shrinks what fails, or by a ``random.Random``, which is a hundred times faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

__all__ = ["Choices", "Dice", "Drawn"]

T = TypeVar("T")


class Choices(Protocol):
    """What a generator may ask. The first item, the lowest number and False count as simplest."""

    def integer(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases."""

    def pick(self, items: Sequence[T]) -> T:
        """One item; those that stand there more than once come more often."""

    def sample(self, items: Sequence[T], most: int, percent: int = 45) -> list[T]:
        """Up to ``most`` items from different places; there is a next one in so many of a hundred cases."""

    def part(self, make: Callable[[Choices], T]) -> T:
        """What ``make`` makes of these choices, told as one thing to whoever makes it simpler."""


class Dice:
    """Choices of a ``random.Random``."""

    __slots__ = ("_below", "rng")

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._below = rng.random  # several times faster than randrange

    def integer(self, low: int, high: int) -> int:
        return self.rng.randint(low, high)

    def chance(self, percent: int) -> bool:
        return self._below() * 100 < percent

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self._below() * len(items))]

    def sample(self, items: Sequence[T], most: int, percent: int = 45) -> list[T]:
        return _sample(self, items, most, percent)

    def part(self, make: Callable[[Choices], T]) -> T:
        return make(self)


class Drawn:
    """Choices that hypothesis draws: of one strategy, of integers, so that all of them shrink to 0."""

    __slots__ = ("_below", "_part")

    def __init__(self, below: Callable[[int], int], part: Callable[[Callable[[Choices], Any]], Any]) -> None:
        """``below`` draws a number from 0 to below its argument, ``part`` what a function makes of choices."""
        self._below = below
        self._part = part

    def integer(self, low: int, high: int) -> int:
        return low + self._below(high - low + 1)

    def chance(self, percent: int) -> bool:
        return self._below(100) >= 100 - percent

    def pick(self, items: Sequence[T]) -> T:
        return items[self._below(len(items))] if len(items) > 1 else items[0]

    def sample(self, items: Sequence[T], most: int, percent: int = 45) -> list[T]:
        return _sample(self, items, most, percent)

    def part(self, make: Callable[[Choices], T]) -> T:
        made: T = self._part(make)
        return made


def _sample(choices: Choices, items: Sequence[T], most: int, percent: int) -> list[T]:
    left = list(items)
    found: list[T] = []
    # Asked before each item, and not once for all: what shrinks takes one item with its question away.
    while len(found) < most and left and choices.chance(percent):
        found.append(left.pop(choices.integer(0, len(left) - 1)))
    return found
