"""Who wants to know which verdicts were given, such as a measurement of coverage that runs meanwhile."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from canarysim.testing.judge import Verdict

__all__ = ["listening", "tell"]

_listeners: list[Callable[[Verdict], None]] = []


def tell(verdict: Verdict) -> None:
    """Hands a verdict to all who listen."""
    for listener in _listeners:
        listener(verdict)


@contextmanager
def listening(listener: Callable[[Verdict], None]) -> Iterator[None]:
    """Lets a listener hear every verdict that the assertions and test files give meanwhile."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
