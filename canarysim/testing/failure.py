"""AssertionErrors whose tracebacks end at the caller's line, whatever shows them.

Facts:

1. pytest leaves out the frames of functions with a local ``__tracebackhide__``, unittest those of modules with a
   global ``__unittest``.
2. IPython leaves out what pytest does, but never the last frame, which is the one that raises. It asks an error
   for ``_render_traceback_`` before it renders one itself (IPython.core.interactiveshell, showtraceback).
"""

from __future__ import annotations

import traceback
from functools import partial
from types import TracebackType
from typing import Any

__all__ = ["failure"]


def failure(text: str) -> AssertionError:
    """An AssertionError to raise where ``__tracebackhide__`` and ``__unittest`` are set."""
    error: Any = AssertionError(text)
    error._render_traceback_ = partial(_rendered, error)
    return error  # type: ignore[no-any-return]


def _rendered(error: AssertionError) -> list[str]:
    """The lines that IPython shows, without the hidden frames (fact 2)."""
    from IPython import get_ipython

    frames = []
    step = error.__traceback__
    while step is not None:
        if not step.tb_frame.f_locals.get("__tracebackhide__"):
            frames.append(step)
        step = step.tb_next
    kept: TracebackType | None = None
    for step in reversed(frames):
        kept = TracebackType(kept, step.tb_frame, step.tb_lasti, step.tb_lineno)
    shell = get_ipython()
    if shell is None:
        return traceback.format_exception(type(error), error, kept)
    return list(shell.InteractiveTB.structured_traceback(type(error), error, kept))
