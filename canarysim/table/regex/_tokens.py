r"""The small grammars inside a pattern: escapes, bracket classes, repeat counts, group heads.

Each function takes the text and the index where its construct begins, and gives what it read and the index
after it, or raises Refused. Source of every rule: re2/parse.cc of 2024-05 to 2026-01 (no change of meaning
between), and google-re2 in tests/test_regex_laws.py.

Facts
1. ``\`` and an ASCII character that is neither letter nor digit is that character; ``\a \f \n \r \t \v``
   are controls; ``\0`` and up to two octal digits, ``\1``-``\7`` and one or two more, are octal; a single
   ``\1``-``\7`` would be a backreference and is refused, as are ``\8 \9``, ``\Z``, ``\u0041``, ``\b`` in
   brackets and all other letters. ``\x41`` takes two hex digits, ``\x{41}`` any number. Above the largest
   character: refused.
2. In brackets ``]`` is literal in the first place and ``-`` anywhere; ``[\w-a]`` is word, ``-``, ``a``.
   ``[:name:]`` is a POSIX class only if a ``:]`` follows somewhere, and then must be known.
3. A count has no leading zero and does not exceed 1,000,000,000 or so: else, as with ``{,3}``, the ``{`` is
   text.
4. Flags are i, m, s, U, and one ``-`` that must be followed by one. ``(?<name>`` equals ``(?P<name>``. A
   name is letters, marks, digits, connectors of any script, and may repeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.table.regex._charsets import Ranges, complement, union
from canarysim.table.regex._classes import PERL, POSIX, fold, named, unicode_class
from canarysim.table.regex._errors import Refused
from canarysim.table.regex._syntax import top_of

if TYPE_CHECKING:
    from canarysim.table.regex._syntax import Encoding

__all__ = ["Flags", "bracket", "class_escape", "count", "escape", "flags", "group_name"]

_CONTROLS = {"a": 0x07, "f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09, "v": 0x0B}
_HEX = frozenset("0123456789abcdefABCDEF")
_OCTAL = frozenset("01234567")
_DIGITS = frozenset("0123456789")

_INSTEAD = {
    "Z": r"RE2 has no \Z: write \z for the end of the text.",
    "u": r"RE2 has no \u: write \x{41} for a code point.",
    "U": r"RE2 has no \U: write \x{41} for a code point.",
    "b": r"In brackets \b is no backspace in RE2: write \x08.",
    "k": "RE2 has no backreferences: it could not keep its promise of linear time.",
    "G": r"RE2 has no \G.",
    "K": r"RE2 has no \K.",
    "R": r"RE2 has no \R: write (?:\r\n|[\n-\r]).",
    "h": r"RE2 has no \h: write [ \t].",
    "H": r"RE2 has no \H: write [^ \t].",
    "N": r"RE2 has no \N: write [^\n].",
    "E": r"There is no \Q before this \E.",
}


def escape(text: str, start: int, top: int) -> tuple[int, int]:
    r"""A ``\`` escape that stands for one character (fact 1)."""
    if start + 1 == len(text):
        raise Refused(
            start, r"trailing \ ", "A backslash at the end escapes nothing: write two for a literal one."
        )
    char, place = text[start + 1], start + 2
    code = ord(char)
    if char in _OCTAL:
        value = code - 0x30
        if char != "0" and (place == len(text) or text[place] not in _OCTAL):
            raise Refused(
                start,
                f"invalid escape \\{char}",
                "RE2 has no backreferences. (An octal escape needs two digits.)",
            )
        end = place
        while end < len(text) and end < place + 2 and text[end] in _OCTAL:
            value = value * 8 + ord(text[end]) - 0x30
            end += 1
        if value > top:
            raise Refused(start, f"invalid escape {text[start:end]}", _too_large(top))
        return value, end
    if char == "x":
        return _hexadecimal(text, start, top)
    if char in _CONTROLS:
        return _CONTROLS[char], place
    if code < 0x80 and not char.isalnum():
        return code, place
    advice = _INSTEAD.get(char, "")
    if code >= 0x80:
        advice = "Only ASCII is escaped in RE2: leave the backslash out."
    raise Refused(start, f"invalid escape \\{char}", advice)


def _hexadecimal(text: str, start: int, top: int) -> tuple[int, int]:
    place = start + 2
    if text[place : place + 1] != "{":
        digits = text[place : place + 2]
        if len(digits) < 2 or not _HEX.issuperset(digits):
            raise Refused(start, r"invalid escape \x", r"Write two hexadecimal digits, \x2f, or braces, \x{2f}.")
        return int(digits, 16), place + 2
    place += 1
    end, value = place, 0
    while end < len(text) and text[end] in _HEX:
        value = value * 16 + int(text[end], 16)
        if value > top:
            raise Refused(start, f"invalid escape {text[start : end + 1]}", _too_large(top))
        end += 1
    if end == place or text[end : end + 1] != "}":
        raise Refused(start, r"invalid escape \x{", r"Write hexadecimal digits and a closing brace, \x{2f}.")
    return value, end + 1


def _too_large(top: int) -> str:
    if top == 0xFF:
        return r"This Envoy reads regexes as bytes (Latin-1): there is nothing above \xff."
    return r"There is no code point above \x{10ffff}."


def class_escape(text: str, start: int, folding: bool, encoding: Encoding) -> tuple[Ranges, int] | None:
    r"""``\d``, ``\pN``, ``\P{Greek}`` and the like; None where no such class begins here."""
    kind = text[start + 1 : start + 2]
    if kind and kind in "dswDSW":
        return named(PERL[kind.lower()], kind.isupper(), folding, encoding), start + 2
    if kind not in ("p", "P"):
        return None
    negated = kind == "P"
    end = start + 3
    name = text[start + 2 : end]
    if name == "{":
        close = text.find("}", end)
        if close < 0:
            raise Refused(start, "a Unicode class without its closing brace", r"Write \p{Greek} or \pL.")
        name, end = text[end:close], close + 1
    if name.startswith("^"):
        name, negated = name[1:], not negated
    try:
        ranges = unicode_class(name, encoding)
    except KeyError:
        advice = r"RE2 knows categories (\pL, \p{Lu}), scripts (\p{Greek}) and \p{Any}, in exactly this spelling."
        raise Refused(start, f"unknown Unicode class {text[start:end]}", advice) from None
    return named(ranges, negated, folding, encoding), end


def bracket(text: str, start: int, folding: bool, encoding: Encoding) -> tuple[Ranges, int]:
    """The class in brackets that begins at ``start`` (fact 2)."""
    top = top_of(encoding)
    place = start + 1
    negated = text.startswith("^", place)
    if negated:
        place += 1
    first = place
    collected: list[Ranges] = []
    while place < len(text) and (text[place] != "]" or place == first):
        special = _posix(text, place, folding, encoding) if text[place] == "[" else None
        # A class at the very end of the pattern is not looked for: `[\p` is a bad escape, and never closed.
        if text[place] == "\\" and place + 2 < len(text):
            special = class_escape(text, place, folding, encoding)
        if special is not None:
            ranges, place = special
        else:
            begin = place
            low, place = _member(text, begin, start, top)
            high = low
            if text.startswith("-", place) and place + 1 < len(text) and text[place + 1] != "]":
                high, place = _member(text, place + 1, start, top)
                if high < low:
                    raise Refused(begin, "a range whose end is before its start", "Exchange the ends.")
            ranges = fold(((low, high),), encoding) if folding else ((low, high),)
        collected.append(ranges)
    if place == len(text):
        advice = "Close the class with ], or write \\[ for the character."
        if text.startswith("]", first):
            advice = "A ] in the first place is a character of the class: close it with another."
        raise Refused(start, "a [ without its ]", advice)
    held = union(*collected)
    return complement(held, 0x10FFFF) if negated else held, place + 1


def _member(text: str, start: int, opened: int, top: int) -> tuple[int, int]:
    if start == len(text):
        raise Refused(opened, "a [ without its ]", "Close the class with ], or write \\[ for the character.")
    if text[start] == "\\":
        return escape(text, start, top)
    return ord(text[start]), start + 1


def _posix(text: str, start: int, folding: bool, encoding: Encoding) -> tuple[Ranges, int] | None:
    if not text.startswith("[:", start):
        return None
    close = text.find(":]", start + 2)
    if close < 0:
        return None
    name = text[start + 2 : close]
    negated = name.startswith("^")
    known = POSIX.get(name[1:] if negated else name)
    if known is None:
        raise Refused(start, f"unknown POSIX class [:{name}:]", f"Known are {', '.join(sorted(POSIX))}.")
    return named(known, negated, folding, encoding), close + 2


def count(text: str, start: int) -> tuple[int, int | None, int] | None:
    """``{2}``, ``{2,}``, ``{2,5}``: least, most or None, and the index after; None where ``{`` is text."""
    least = _integer(text, start + 1)
    if least is None:
        return None
    low, place = least
    high: int | None = low
    if text.startswith(",", place):
        place += 1
        if text.startswith("}", place):
            high = None
        else:
            most = _integer(text, place)
            if most is None:
                return None
            high, place = most
    return (low, high, place + 1) if text.startswith("}", place) else None


def _integer(text: str, start: int) -> tuple[int, int] | None:
    end = start
    value = 0
    while end < len(text) and text[end] in _DIGITS:
        if value >= 100_000_000:
            return None
        value = value * 10 + ord(text[end]) - 0x30
        end += 1
    if end == start or (text[start] == "0" and end > start + 1):
        return None
    return value, end


class Flags:
    """The flags in force: ``i`` folds case, ``m`` knows lines, ``s``: the dot takes all, ``U`` is lazy."""

    __slots__ = ("i", "m", "s", "U")  # noqa: RUF023 (the order of the manual)

    def __init__(self, i: bool = False, m: bool = False, s: bool = False, U: bool = False) -> None:  # noqa: N803
        self.i, self.m, self.s, self.U = i, m, s, U


def flags(text: str, start: int, now: Flags) -> tuple[Flags, bool, int]:
    """``(?i)`` or ``(?i-s:`` at ``start``: the new flags, whether a group opens, the index after (fact 4)."""
    result = Flags(now.i, now.m, now.s, now.U)
    place, value, seen = start + 2, True, True
    while True:
        char = text[place : place + 1]
        place += 1
        if char and char in "imsU":
            setattr(result, char, value)
            seen = True
        elif char == "-" and value:
            value = seen = False
        elif char and char in ":)" and seen:
            return result, char == ":", place
        else:
            raise Refused(start, f"unknown group {text[start:place]}", _advice_on_group(text, start))


def _advice_on_group(text: str, start: int) -> str:
    head = text[start + 2 : start + 4]
    linear = "RE2 has none: it could not keep its promise of linear time."
    if head[:1] in ("=", "!") or head in ("<=", "<!"):
        return f"This is a look-around assertion. {linear} Use two routes, or two matchers (one inverted)."
    if head[:1] == ">":
        return "This is an atomic group. RE2 needs none, for it never backtracks: write (?:...)."
    if head[:1] == "#":
        return "This is a comment. RE2 has none."
    if head == "P=" or head[:1] in ("(", "R", "&") or head == "P>":
        return f"This is a backreference, a condition or a recursion. {linear}"
    if head[:1] in ("x", "a", "L", "u", "n", "J"):
        return "RE2 knows the flags i, m, s and U."
    if head[:1] == "'":
        return "Write (?P<name>...)."
    return r"RE2 knows (?:...), (?P<name>...), (?<name>...) and the flags i, m, s and U. For the character: \(."


def group_name(text: str, start: int) -> tuple[str, int] | None:
    """The name of ``(?P<name>`` or ``(?<name>`` at ``start`` and the index after; None for another group."""
    if text.startswith("(?P<", start):
        begin = start + 4
    elif text.startswith("(?<", start) and text[start + 3 : start + 4] not in ("=", "!"):
        begin = start + 3
    else:
        return None
    if begin == len(text):
        return None
    end = text.find(">", begin)
    if end < 0:
        raise Refused(start, "a group name without its >")
    name = text[begin:end]
    if not name or not all(_names(char) for char in name):
        raise Refused(begin, f"invalid group name {name!r}", "A name is made of letters, digits and _.")
    return name, end + 1


def _names(char: str) -> bool:
    if char.isascii():
        return char.isalnum() or char == "_"
    from unicodedata import category

    return category(char) in {"Lu", "Ll", "Lt", "Lm", "Lo", "Nl", "Mn", "Mc", "Nd", "Pc"}
