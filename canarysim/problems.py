"""A finding about the input, and the place it is about."""

from __future__ import annotations

from enum import StrEnum

import attrs

__all__ = ["Problem", "Severity", "Where"]


class Severity(StrEnum):
    """How much a finding matters.

    ``error``: the input cannot be used. ``warning``: some answers are unknown or surprising. ``info``: no answer
    changes.

    >>> Severity("error") is Severity.ERROR
    True
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@attrs.frozen
class Where:
    """A place in the input: file, line and column (both from 1), path in the document, and the resource.

    ``path`` is written as in ``spec.virtualHost.routes[1].routeAction``; ``resource`` as in
    ``VirtualService gloo-system/coalmine``. ``file`` is ``<text>`` for text that came from no file.

    >>> print(Where("shop.yaml", 12, 5))
    shop.yaml:12:5
    """

    file: str = "<text>"
    line: int | None = None
    column: int | None = None
    path: str = ""
    resource: str = ""

    def __str__(self) -> str:
        if self.line is None:
            return self.file
        return f"{self.file}:{self.line}" if self.column is None else f"{self.file}:{self.line}:{self.column}"


@attrs.frozen
class Problem:
    """One finding. ``code`` is stable; ``message`` says what is wrong and ``hint`` what to write instead.

    >>> print(Problem("unknown_field", "error", "unknown field 'weigth'", Where("a.yaml", 3, 1), "weight?"))
    a.yaml:3:1: error: unknown field 'weigth' [unknown_field]
        -> weight?
    """

    code: str
    severity: Severity = attrs.field(converter=Severity)
    message: str
    where: Where = Where()
    hint: str = ""

    def __str__(self) -> str:
        from canarysim.faces.text import problem_text

        return problem_text(self)
