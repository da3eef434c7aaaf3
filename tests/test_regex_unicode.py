"""RE2's Unicode tables: taken anew from google-re2's answers on every code point, and compared."""

from __future__ import annotations

import re2  # type: ignore[import-untyped]

from canarysim.table.regex import _names, _unicode
from canarysim.table.regex._charsets import union
from canarysim.table.regex._classes import fold, unicode_class

from .test_regex_laws import judge

EVERY = "".join(map(chr, range(0x110000))).encode("utf-8", "surrogatepass")
_STARTS = [(0, 0, 1), (0x80, 0x80, 2), (0x80 + 2 * 0x780, 0x800, 3), (0x80 + 2 * 0x780 + 3 * 0xF800, 0x10000, 4)]


def code_point(offset: int) -> int:
    """The code point at an offset in EVERY."""
    start, first, length = next(row for row in reversed(_STARTS) if offset >= row[0])
    return first + (offset - start) // length


def found(pattern: str) -> tuple[tuple[int, int], ...]:
    """The code points that a class matches."""
    theirs: re2._Regexp | None = judge(f"(?:{pattern})+", "utf-8")
    assert theirs is not None
    ranges, place = [], 0
    while (match := theirs.search(EVERY, place)) is not None:
        start, place = match.span()
        ranges.append((code_point(start), code_point(place) - 1))
    return union(ranges)


def test_every_category_and_script_is_that_of_re2() -> None:
    for name in sorted(_names.CATEGORIES | _names.SCRIPTS):
        assert unicode_class(name, "utf-8") == found(f"\\p{{{name}}}"), name


def test_every_orbit_is_that_of_re2() -> None:
    for orbit in _unicode.orbits()[::40]:
        whole = union((code, code) for code in orbit)
        for code in orbit:
            assert found(f"(?i)\\x{{{code:x}}}") == whole == fold(((code, code),), "utf-8")


def test_what_has_no_other_case_is_in_no_orbit() -> None:
    cased = union((code, code) for orbit in _unicode.orbits() for code in orbit)
    shown = "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in cased)
    others = found(f"[^{shown}]")
    rest = "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in others)
    assert found(f"(?i)[{rest}]") == others == fold(others, "utf-8")
    assert found(f"(?i)[{shown}]") == cased == fold(cased, "utf-8")
    # one of each orbit brings the others
    firsts = [orbit[-1] for orbit in _unicode.orbits()]
    some = "".join(f"\\x{{{code:x}}}" for code in firsts)
    assert found(f"(?i)[{some}]") == cased == fold(union((code, code) for code in firsts), "utf-8")
