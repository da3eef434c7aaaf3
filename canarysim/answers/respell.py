"""Texts near a text: respelled, decoded, a part of it, or one that a regular expression takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from canarysim.table import regex
from canarysim.table.regex._syntax import Assertion, Concat, Literal
from canarysim.table.regex.samples import as_text, regex_samples

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canarysim.table.regex._syntax import Encoding
    from canarysim.table.strings import Test

__all__ = ["alike", "differs_in_case", "example", "literal_start", "part", "recased", "unquoted"]

#: Up to here every part of a text is held against a regex; of longer ones only their starts and ends.
_SHORT = 64
_LONG = 1000


def differs_in_case(left: str, right: str) -> bool:
    """Whether two texts (octets) are not equal, but are without regard to the case of A-Z."""
    return left != right and len(left) == len(right) and recased(left)[0] == recased(right)[0]


def recased(text: str) -> tuple[str, str, str]:
    """Octets in lower case, in upper case and with each word begun in upper case; A-Z only."""
    raw = text.encode("latin-1")
    return raw.lower().decode("latin-1"), raw.upper().decode("latin-1"), raw.title().decode("latin-1")


def unquoted(text: str) -> str:
    """Octets with each %XX decoded."""
    return re.sub("%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), text)


def alike(left: str, right: str, *, same: bool = False) -> bool:
    """Whether one text may be a slip for the other. Other numbers are no slips; equality is if ``same``."""
    if left == right:
        return same
    if abs(len(left) - len(right)) > 3 or len(left) > 200 or min(len(left), len(right)) < 4:
        return False
    if re.sub(r"\d+", "0", left) == re.sub(r"\d+", "0", right):
        return False
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, left, right, autojunk=False)
    return matcher.real_quick_ratio() >= 0.8 and matcher.quick_ratio() >= 0.8 and matcher.ratio() >= 0.8


def part(holds: Test, text: str, starts: Iterable[int]) -> str | None:
    """The longest proper part that a test takes and that is a fair share of the text; None without one."""
    if len(text) > _LONG:
        return None
    size = len(text)
    if size <= _SHORT:
        spans = [(start, end) for start in starts for end in range(start + 1, size + 1)]
    else:
        spans = [(0, end) for end in range(1, size)] + [(start, size) for start in starts if start]
    # A letter of a word says nothing; half of it, or four letters, do.
    spans = [(a, b) for a, b in spans if b - a < size and (b - a >= 4 or 2 * (b - a) >= size)]
    for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if holds(text[start:end]):
            return text[start:end]
    return None


def literal_start(pattern: str, encoding: Encoding) -> str:
    """The text with which everything begins that a pattern matches; as much of it as the pattern spells out."""
    found = []
    node = regex.compile(pattern, encoding).tree
    for piece in node.parts if isinstance(node, Concat) else (node,):
        if isinstance(piece, Literal):
            found.append(piece.text)
        elif not (isinstance(piece, Assertion) and piece.place == "begin_text"):
            break
    return as_text("".join(found), encoding)


def example(pattern: str, encoding: Encoding) -> str | None:
    """A text that a pattern matches, short and of plain characters where it can be; None where none is found."""
    if not regex.compile(pattern, encoding).simulated:
        return None
    return next(iter(regex_samples(pattern, encoding)), None)
