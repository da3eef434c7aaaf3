r"""Which characters the named classes hold, and what ``(?i)`` adds to a set.

Facts
1. ``\d \s \w`` and the POSIX classes are ASCII in both encodings; ``\s`` lacks \x0b and ``[[:space:]]`` has
   it (re2/perl_groups.cc; google-re2).
2. In Latin-1 ``\p`` classes are taken by code point, below U+0100 (``\p{Greek}`` compiles and matches
   nothing), and ``(?i)`` folds A-Z and a-z only (seen on Envoy 1.40.0; google-re2 over all 256 bytes).
3. In UTF-8 ``(?i)`` closes a set under Unicode's simple case folding. Of the orbits that touch ASCII two go
   beyond it: k K U+212A, and s S U+017F (re2/unicode_casefold.cc; google-re2).
4. A named class that is negated under ``(?i)`` is folded first and negated then; an ordinary class in
   brackets is folded as it is collected, and the brackets' ``^`` negates the result (re2/parse.cc
   AddUGroup, ParseCharClass).

What needs more of Unicode's tables loads them (_unicode.py). Below U+0100 the categories have not changed since
Unicode 6.1, so that Python's are good enough there.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from canarysim.table.regex._charsets import complement, covers, union
from canarysim.table.regex._syntax import top_of

if TYPE_CHECKING:
    from canarysim.table.regex._charsets import Ranges
    from canarysim.table.regex._syntax import Encoding

__all__ = ["PERL", "POSIX", "fold", "named", "unicode_class"]

_DIGIT = ((0x30, 0x39),)
_UPPER = ((0x41, 0x5A),)
_LOWER = ((0x61, 0x7A),)
_WORD = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))

PERL: dict[str, Ranges] = {"d": _DIGIT, "s": ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20)), "w": _WORD}

POSIX: dict[str, Ranges] = {
    "alnum": (*_DIGIT, *_UPPER, *_LOWER),
    "alpha": (*_UPPER, *_LOWER),
    "ascii": ((0x00, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0x00, 0x1F), (0x7F, 0x7F)),
    "digit": _DIGIT,
    "graph": ((0x21, 0x7E),),
    "lower": _LOWER,
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((0x09, 0x0D), (0x20, 0x20)),
    "upper": _UPPER,
    "word": _WORD,
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}


def fold(ranges: Ranges, encoding: Encoding) -> Ranges:
    """The set and all that equals one of it but for case."""
    added: list[tuple[int, int]] = []
    for letters, shift in ((_UPPER, 0x20), (_LOWER, -0x20)):
        ((first, last),) = letters
        for low, high in ranges:
            if low <= last and high >= first:
                added.append((max(low, first) + shift, min(high, last) + shift))
    folded = union(ranges, added)
    if encoding == "latin-1" or not folded:
        return folded
    if folded[-1][1] <= 0x7F:
        extra = [
            (code, code) for letter, code in ((0x73, 0x17F), (0x6B, 0x212A)) if covers(folded, ((letter, letter),))
        ]
        return union(folded, extra)
    if covers(folded, ((0x80, 0x10FFFF),)):
        # Nothing beyond ASCII is missing, and U+017F and U+212A bring s and k.
        return union(folded, ((0x4B, 0x4B), (0x53, 0x53), (0x6B, 0x6B), (0x73, 0x73)))
    from canarysim.table.regex._unicode import orbits

    lows = [low for low, _ in folded]
    for orbit in orbits():
        for code in orbit:
            at = bisect_right(lows, code)
            if at and code <= folded[at - 1][1]:
                added += [(one, one) for one in orbit]
                break
    return union(folded, added)


def named(ranges: Ranges, negated: bool, folding: bool, encoding: Encoding) -> Ranges:
    """A named class (fact 4)."""
    held = fold(ranges, encoding) if folding else ranges
    return complement(held, 0x10FFFF) if negated else held


def unicode_class(name: str, encoding: Encoding) -> Ranges:
    r"""What ``\p{name}`` holds, in Latin-1 below U+0100 only. Raises KeyError where RE2 has no such name."""
    from canarysim.table.regex._names import CATEGORIES, SCRIPTS

    if name == "Any":
        return ((0, 0x10FFFF),)
    if name not in CATEGORIES and name not in SCRIPTS:
        raise KeyError(name)
    if encoding == "utf-8":
        from canarysim.table.regex import _unicode

        return _unicode.category(name) if name in CATEGORIES else _unicode.script(name)
    if name not in CATEGORIES:
        latin = (
            (0x41, 0x5A),
            (0x61, 0x7A),
            (0xAA, 0xAA),
            (0xBA, 0xBA),
            (0xC0, 0xD6),
            (0xD8, 0xF6),
            (0xF8, 0xFF),
        )
        return {"Latin": latin, "Common": complement(latin, top_of(encoding))}.get(name, ())
    from unicodedata import category

    return union((code, code) for code in range(0x100) if category(chr(code)).startswith(name))
