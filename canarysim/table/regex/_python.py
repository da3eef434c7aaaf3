r"""Running a pattern on Python's ``re``: a pattern of our own, written from the tree,
never from the user's text.

Facts
1. Octets that are not valid UTF-8 for Python are, for RE2 in UTF-8: the bytes of a surrogate (ED A0-BF
   80-BF), a character like others; OVERLONG (_syntax.py); or matched by nothing. Python's decoder, told
   "surrogateescape", makes of each such byte 80-FF one character U+DC80-U+DCFF, and puts none into valid
   text.
2. ``\B`` of Python before 3.14 does not hold in an empty text, RE2's does: hence ``(?!\b)``. ``\b`` is
   asked with re.ASCII: in RE2 only ASCII letters, digits and _ are word characters.
3. ``(?m)`` has the same ``^`` and ``$`` in both; ``$`` alone is ``\Z`` of Python.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from canarysim.table.regex._charsets import complement, holds, union
from canarysim.table.regex._pins import Held, Pinned
from canarysim.table.regex._safety import Unsafe, readings
from canarysim.table.regex._shape import plain, without_edges
from canarysim.table.regex._syntax import (
    OVERLONG,
    Alternate,
    AnyByte,
    Assertion,
    CharClass,
    Concat,
    Empty,
    Group,
    Node,
    Opaque,
    Repeat,
    top_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.table.regex._dfa import InUtf8, Matcher
    from canarysim.table.regex._safety import Reading
    from canarysim.table.regex._syntax import Encoding

__all__ = ["Program", "emit", "prepare"]

_ASSERTIONS = {
    "begin_text": r"\A",
    "end_text": r"\Z",
    "begin_line": "(?m:^)",
    "end_line": "(?m:$)",
    "word_boundary": r"\b",
    "no_word_boundary": r"(?!\b)",
}


def prepare(tree: Node, encoding: Encoding) -> Program | Matcher | InUtf8 | str:
    """What runs a pattern, or one sentence on why nothing does."""
    if not any(map(_is_byte, _parts(tree))):
        try:
            return Program(readings(without_edges(plain(tree))), encoding)
        except (Unsafe, RecursionError):  # for options that share beginnings within options that do, and so on
            pass
    from canarysim.table.regex._dfa import prepare as prepare_matcher

    return prepare_matcher(tree, encoding)


def _is_byte(node: Node) -> bool:
    r"""Whether only bytes will do: ``\C`` takes a part of a character apart from the rest of it."""
    return isinstance(node, (AnyByte, Opaque))


def _parts(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Concat):
        for part in node.parts:
            yield from _parts(part)
    elif isinstance(node, Alternate):
        for option in node.options:
            yield from _parts(option)
    elif isinstance(node, (Repeat, Group)):
        yield from _parts(node.body)


class Program:
    """Python patterns, each with its direction, one of which must match."""

    __slots__ = ("encoding", "readings", "tests")

    def __init__(self, parts: list[Reading], encoding: Encoding) -> None:
        self.readings = parts
        self.encoding = encoding
        self.tests = self._compile(None)

    def _compile(self, stand_in: str | None) -> list[tuple[re.Pattern[str], bool]]:
        return [
            (re.compile(emit(one.node, stand_in, self.encoding), re.ASCII), one.backwards) for one in self.readings
        ]

    def fullmatch(self, text: str) -> bool:
        tests = self.tests
        if self.encoding == "utf-8" and not text.isascii():
            octets = text.encode("latin-1")
            try:
                text = octets.decode()
            except UnicodeDecodeError:
                decoded = _lenient(octets)
                if decoded is None:
                    return False
                text, stand_in = decoded
                tests = self._compile(stand_in)
        for test, backwards in tests:  # noqa: SIM110 (any() would double the time of an ordinary question)
            if test.fullmatch(text[::-1] if backwards else text) is not None:
                return True
        return False


@lru_cache(maxsize=1)
def _invalid() -> re.Pattern[str]:
    """What fact 1 leaves in a decoded text: a surrogate, an overlong or too large form, a lost byte."""
    tail = "[\udc80-\udcbf]"
    surrogate = f"\udced([\udca0-\udcbf])({tail})"
    overlong = f"(\udce0[\udc80-\udc9f]{tail}|\udcf0[\udc80-\udc8f]{tail}{{2}}|\udcf4[\udc90-\udcbf]{tail}{{2}})"
    return re.compile(f"{surrogate}|{overlong}|([\udc80-\udcff])")


def _lenient(octets: bytes) -> tuple[str, str] | None:
    """Octets as RE2 reads them, and the character that stands in for OVERLONG; None where a byte is lost."""
    text = octets.decode(errors="surrogateescape")
    used = set(text)
    stand_in = next(chr(code) for code in range(0x10FFFF, 0x7F, -1) if chr(code) not in used)
    read: list[str] = []
    place = 0
    for match in _invalid().finditer(text):
        if match[4]:
            return None
        code = ord(stand_in)
        if match[1]:
            code = 0xD000 | (ord(match[1]) & 0x3F) << 6 | (ord(match[2]) & 0x3F)
        read += (text[place : match.start()], chr(code))
        place = match.end()
    return "".join((*read, text[place:])), stand_in


def emit(node: Node, stand_in: str | None = None, encoding: Encoding = "utf-8") -> str:
    """The node as a pattern for ``re`` (with re.ASCII). ``stand_in`` is the character that means OVERLONG."""
    if isinstance(node, CharClass):
        return _emit_class(node, stand_in, encoding)
    if isinstance(node, Concat):
        return "".join(emit(part, stand_in, encoding) for part in node.parts)
    if isinstance(node, Alternate):
        return f"(?:{'|'.join(emit(option, stand_in, encoding) for option in node.options)})"
    if isinstance(node, Repeat):
        body = emit(node.body, stand_in, encoding)
        if isinstance(node.body, CharClass):
            return body + _quantifier(node)
        return f"(?:{body}|)" if (node.min, node.max) == (0, 1) else f"(?:{body}){_quantifier(node)}"
    if isinstance(node, Pinned):
        loop, middle = emit(node.loop, stand_in, encoding), emit(node.middle, stand_in, encoding)
        return f"(?>{loop}?{middle})"
    if isinstance(node, Held):
        return f"(?>{emit(node.loop, stand_in, encoding)})"
    if isinstance(node, Assertion):
        return _ASSERTIONS[node.place]
    if isinstance(node, Empty):
        return ""
    raise TypeError(f"{type(node).__name__} is not run on re")


def _quantifier(node: Repeat) -> str:
    if node.max is None:
        return {0: "*", 1: "+"}.get(node.min, f"{{{node.min},}}")
    if node.min == node.max:
        return f"{{{node.min}}}"
    return "?" if (node.min, node.max) == (0, 1) else f"{{{node.min},{node.max}}}"


def _emit_class(node: CharClass, stand_in: str | None, encoding: Encoding) -> str:
    top = top_of(encoding)
    ranges = node.ranges
    if stand_in is not None:
        code = ord(stand_in)
        others = complement(ranges, top)
        ranges = complement(others if holds(ranges, OVERLONG) else union(others, ((code, code),)), top)
        if holds(node.ranges, OVERLONG):
            ranges = union(ranges, ((code, code),))
    if not ranges:
        return r"[^\x00-\U0010ffff]"
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return re.escape(chr(ranges[0][0]))
    negated = ranges[-1][1] >= top
    if negated:
        ranges = complement(ranges, top)
        if not ranges:
            return r"[\x00-\U0010ffff]"
    shown = "".join(_code(low) if low == high else f"{_code(low)}-{_code(high)}" for low, high in ranges)
    return f"[{'^' if negated else ''}{shown}]"


def _code(code: int) -> str:
    if code < 0x80 and chr(code).isalnum():
        return chr(code)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
