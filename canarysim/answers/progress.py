"""A bar that shows how far a long answer has come, where tqdm is installed."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(progress: bool | None) -> Iterator[Callable[[int], object]]:
    """What shows how many requests are done. ImportError where it is asked for and tqdm is not there."""
    tqdm = None
    if progress is not False:
        try:
            tqdm = import_module("tqdm.auto").tqdm
        except ImportError:
            if progress:
                raise
    if tqdm is None:
        yield lambda _: None
        return
    with tqdm(unit=" requests", unit_scale=True, disable=None if progress is None else False) as bar:
        yield bar.update
