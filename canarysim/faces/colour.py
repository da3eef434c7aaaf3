"""Colour over the plain text of the other faces, for terminals. It says nothing that the text does not say."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["coloured"]

_BOLD, _DIM, _RED, _GREEN, _YELLOW, _CYAN = "1", "2", "31", "32", "33", "36"

#: What is coloured, by line; nothing else knows of colours.
_MARKS: Final = tuple(
    (re.compile(pattern, re.MULTILINE), colour)
    for pattern, colour in (
        (r"^(?:[\w.-]+: )?[A-Z]+ (?:/|\*|\w+://).*", _BOLD),  # the request that is answered
        (r"(?<= )=>(?= )|(?<= )#+(?=[. ])", _GREEN),  # where it goes, and bars
        (r"(?<=  )(?:matches|may match)(?=:)", _GREEN),
        (r"(?<= )(?:refused|\.\.\. .* refused)(?=:)", _DIM),
        (r"(?<= )\S+:\d+$", _DIM),  # a place at the right edge
        (r"(?<= )(?:hint|->)(?=:? )", _CYAN),
        (r"(?<=  )(?:unknown|open|note|before matching)\b|\bwarning(?=: )|(?<= )!$", _YELLOW),
        (r"\berror(?=: )|^canarysim(?=:)|^(?:FAILED|ERROR)(?=  )", _RED),
        (r"(?<=^  )(?:expected|found|unknown)(?=  )", _DIM),
        (r"(?<=^  )look at(?=  )", _CYAN),
    )
)


def coloured(text: str) -> str:
    """The text with escape sequences around what helps the eye; without them it is the text again."""
    spans: list[tuple[int, int, str]] = []
    for pattern, colour in _MARKS:
        spans += [(*match.span(), colour) for match in pattern.finditer(text) if match.group()]
    pieces, at = [], 0
    for begin, end, colour in sorted(spans):
        if begin >= at:  # of overlapping ones the first
            pieces += [text[at:begin], f"\x1b[{colour}m", text[begin:end], "\x1b[0m"]
            at = end
    return "".join([*pieces, text[at:]])
