"""What reading or running a pattern raises."""

from __future__ import annotations

from canarysim.errors import CanarysimError

__all__ = ["NotSimulated", "Refused", "RegexError"]


class Refused(Exception):
    """The parser's own signal: a place in the text it was given, and why."""

    def __init__(self, position: int, reason: str, advice: str = "") -> None:
        super().__init__(position, reason, advice)
        self.position = position
        self.reason = reason
        self.advice = advice


class RegexError(CanarysimError, ValueError):
    """RE2 refuses this pattern, and so do Envoy and the control plane.

    ``position`` is an index into ``pattern``, ``reason`` one phrase, ``advice`` what to write instead
    (empty where there is nothing better to say). ``str()`` shows the pattern with a caret under the place.
    """

    __module__ = "canarysim.table.regex"

    def __init__(self, pattern: str, position: int, reason: str, advice: str = "") -> None:
        super().__init__(pattern, position, reason, advice)
        self.pattern = pattern
        self.position = position
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        start, end = max(0, self.position - 60), self.position + 40
        before = _printable(self.pattern[start : self.position])
        after = _printable(self.pattern[self.position : end])
        before = ("..." if start else "") + before
        after += "..." if end < len(self.pattern) else ""
        text = f"RE2 refuses this regex: {self.reason}\n  {before}{after}\n  {' ' * len(before)}^"
        return f"{text}\n{self.advice}" if self.advice else text


class NotSimulated(CanarysimError, NotImplementedError):
    """RE2 runs this pattern and canarysim does not (yet): what it matches is unknown.

    ``pattern`` is the regex, ``why`` one sentence.
    """

    __module__ = "canarysim.table.regex"

    def __init__(self, pattern: str, why: str) -> None:
        super().__init__(pattern, why)
        self.pattern = pattern
        self.why = why

    def __str__(self) -> str:
        return f"the regex {self.pattern!r} is not simulated: {self.why}"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
