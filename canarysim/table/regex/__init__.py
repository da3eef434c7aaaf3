r"""RE2's dialect of regular expressions, as Envoy matches paths, header values and query values with it.

>>> from canarysim.table import regex
>>> route = regex.compile("/api/v[0-9]+/.*")
>>> route.fullmatch("/api/v2/pets"), route.fullmatch("/api/v/pets")
(True, False)
>>> regex.compile("/api/(?!v1)")
Traceback (most recent call last):
...
canarysim.table.regex.RegexError: RE2 refuses this regex: unknown group (?!
  /api/(?!v1)
       ^
This is a look-around assertion. RE2 has none: it could not keep its promise of linear time. Use two routes,
or two matchers (one inverted).

Facts
1. Envoy asks ``RE2::FullMatch``: all of the subject, with RE2's default options but the encoding. That is
   UTF-8 in 1.36, and Latin-1 in 1.40: each byte of pattern and subject is a character (seen on both).
2. In UTF-8 a byte that is part of no character is matched by nothing but ``\C`` (google-re2), so that a
   subject with such a byte matches no pattern without one. Overlong forms are another matter: _syntax.py.
3. Captures, and so greedy or lazy, do not change whether the whole subject matches.
4. One fault of the RE2 in Envoy 1.36.4, mended since, is not simulated: there ``[a-c]|(?i:a)`` does not match
   "A", for the class before it has "a" (seen on both).

RE2 answers every pattern in linear time, Python's ``re`` does not. A pattern runs on ``re`` where _safety.py can
show that it needs linear time for it too, else as an automaton over bytes (_dfa.py). What RE2 has no memory for,
and what is nested more than 100 deep, is not *simulated*: ``fullmatch`` raises NotSimulated.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn, cast

from canarysim.table.regex._errors import NotSimulated, Refused, RegexError
from canarysim.table.regex._syntax import Literal

if TYPE_CHECKING:
    from canarysim.table.regex._dfa import InUtf8, Matcher
    from canarysim.table.regex._python import Program
    from canarysim.table.regex._replace import Replacer
    from canarysim.table.regex._syntax import Encoding, Node

__all__ = ["NotSimulated", "Regex", "RegexError", "compile", "literal"]

_set = object.__setattr__

#: Patterns that stand for themselves, and need no parser to be loaded.
_PLAIN = re.compile("[A-Za-z0-9/_-]+")


class Same:
    """How a pattern of plain ASCII runs: as an equality."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def fullmatch(self, text: str) -> bool:
        return text == self.text


class Regex:
    """A pattern that RE2 accepts, in one encoding; equal, hashed and pickled as these two, and immutable.

    Made by ``compile``. ``tree`` is its syntax tree (_syntax.py), ``groups`` the number of its captures.
    """

    __slots__ = ("_program", "_replacer", "encoding", "groups", "pattern", "tree")
    pattern: str
    encoding: Encoding
    tree: Node
    groups: int
    _program: Program | Matcher | InUtf8 | Same | str | None
    _replacer: Replacer | str | None

    def __init__(self, pattern: str, encoding: Encoding = "utf-8") -> None:
        tree, groups = _read(pattern, encoding)
        _set(self, "pattern", pattern)
        _set(self, "encoding", encoding)
        _set(self, "tree", tree)
        _set(self, "groups", groups)
        _set(self, "_program", None)
        _set(self, "_replacer", None)

    def _prepared(self) -> Program | Matcher | InUtf8 | Same | str:
        """How to run it, or why it is not run; found out on the first question."""
        if self._program is None:
            if isinstance(self.tree, Literal) and self.tree.text.isascii():
                _set(self, "_program", Same(self.tree.text))
            else:
                from canarysim.table.regex._python import prepare

                _set(self, "_program", prepare(self.tree, self.encoding))
        return cast("Program | Matcher | InUtf8 | Same | str", self._program)

    @property
    def simulated(self) -> bool:
        """Whether ``fullmatch`` answers. It depends on the pattern and the encoding alone."""
        return not isinstance(self._prepared(), str)

    @property
    def why_not(self) -> str | None:
        """One sentence on why it is not simulated; None where it is."""
        prepared = self._prepared()
        return prepared if isinstance(prepared, str) else None

    def fullmatch(self, text: str) -> bool:
        """Whether all of the text matches.

        ``text`` is octet text: each of its characters, U+0000 to U+00FF, is one byte of the subject;
        with others the answer means nothing (or UnicodeEncodeError). Raises NotSimulated, for all or none.
        Time grows linearly with the text: 10,000 characters take some 10 ms at most, and the first texts of a
        hostile pattern some times as much.
        """
        prepared = self._prepared()
        if isinstance(prepared, str):
            raise NotSimulated(self.pattern, prepared)
        return prepared.fullmatch(text)

    @property
    def program_size(self) -> int:
        """How many instructions RE2's program of it has, as ``RE2::ProgramSize()`` counts.

        Exact as far as is known: the same as google-re2's for every pattern that was tried.
        Envoy refuses a pattern of more than 100 unless told otherwise (``re2.max_program_size.error_level``).
        Where RE2 gives up for lack of memory, whatever Envoy is told, the number at which it does. Found out
        each time, which takes some microseconds an instruction.

        >>> compile("a{96}", "latin-1").program_size, compile("/.{30}").program_size
        (100, 245)
        """
        from canarysim.table.regex._size import program_size

        pattern = self.pattern
        return program_size(
            pattern if self.encoding == "utf-8" else pattern.encode().decode("latin-1"), self.encoding
        )

    def _replacing(self) -> Replacer | str:
        """What replaces its matches, or why nothing does; found out on the first question."""
        if self._replacer is None:
            from canarysim.table.regex._replace import prepare

            _set(self, "_replacer", prepare(self.tree, self.groups, self.encoding))
        return cast("Replacer | str", self._replacer)

    @property
    def replaces(self) -> bool:
        """Whether ``replace_all`` answers. It depends on the pattern and the encoding alone."""
        return not isinstance(self._replacing(), str)

    @property
    def why_not_replaced(self) -> str | None:
        """One sentence on why its matches are not replaced; None where they are."""
        replacing = self._replacing()
        return replacing if isinstance(replacing, str) else None

    def replace_all(self, text: str, substitution: str) -> str:
        r"""The text with every match replaced, as Envoy's regex_rewrite does it (_replace.py has the rules).

        ``text`` and the result are octet text, as in ``fullmatch``; ``substitution`` is ordinary text, taken as
        UTF-8, where ``\0`` is the match, ``\1`` to ``\9`` are groups and ``\\`` a backslash. Raises
        NotSimulated, for all texts or none, and UnicodeEncodeError for what is no such text. Time grows linearly
        with text and result; a text of 10,000 characters takes some 20 ms at most.

        >>> compile("^/api/v1/(.*)$").replace_all("/api/v1/pets/7", r"/\1?v=1")
        '/pets/7?v=1'
        >>> compile("x*").replace_all("/axb", "-")
        '-/-a-b-'
        """
        replacing = self._replacing()
        if isinstance(replacing, str):
            raise NotSimulated(self.pattern, replacing)
        return replacing(text, substitution)

    def extract(self, text: str, group: int = 0) -> str | None:
        r"""What a group takes of a text that matches as a whole, 0 for all of it; None where it does not match.

        ``text`` and the result are octet text, as in ``fullmatch``. A group that took no part has the empty
        text. Raises NotSimulated, for all texts or none. Time grows linearly with the text.

        >>> compile(r"/pets/([\w]+)/(\d+)").extract("/pets/dogs/7", 2)
        '7'
        """
        if not 0 <= group <= self.groups:
            raise ValueError(f"group {group} of a pattern with {self.groups}")
        extractor = _extractor(self, group)
        if isinstance(extractor, str):
            raise NotSimulated(self.pattern, extractor)
        if not self.fullmatch(text):
            return None
        return extractor(text, r"\1") if group else text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Regex):
            return NotImplemented
        return self.pattern == other.pattern and self.encoding == other.encoding

    def __hash__(self) -> int:
        return hash((self.pattern, self.encoding))

    def __repr__(self) -> str:
        return f"regex.compile({self.pattern!r}, {self.encoding!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return compile, (self.pattern, self.encoding)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Regex is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Regex is immutable")


def compile(pattern: str, encoding: Encoding = "utf-8") -> Regex:  # noqa: A001 (its name in re and re2)
    """Reads a pattern, ordinary text as in the manifest. Raises RegexError where RE2 refuses it.

    Time grows linearly with the pattern. The last 4096 patterns are kept. Limits that RE2 and Envoy put on
    the size of the compiled program are not applied here (``Regex.program_size`` tells it).
    """
    return _compiled(pattern, encoding)


# Apart, for lru_cache hides the types of the arguments.
@lru_cache(maxsize=4096)
def _compiled(pattern: str, encoding: Encoding) -> Regex:
    return Regex(pattern, encoding)


@lru_cache(maxsize=1024)
def _extractor(pattern: Regex, group: int) -> Replacer | str:
    from canarysim.table.regex._extract import prepare_extraction

    return prepare_extraction(pattern.tree, group, pattern.encoding)


def literal(text: str) -> str:
    r"""A pattern that matches exactly this text, as ``RE2::QuoteMeta`` writes it.

    >>> print(literal("/pets (v1.0)"))
    \/pets\ \(v1\.0\)
    """
    return "".join(
        char if not char.isascii() or char.isalnum() or char == "_" else "\\x00" if char == "\0" else "\\" + char
        for char in text
    )


def _read(pattern: str, encoding: Encoding) -> tuple[Node, int]:
    if encoding not in ("utf-8", "latin-1"):
        raise ValueError(f'encoding is "utf-8" or "latin-1", not {encoding!r}')
    if _PLAIN.fullmatch(pattern):
        return Literal(pattern), 0
    from canarysim.table.regex._parse import parse

    try:
        octets = pattern.encode()
    except UnicodeEncodeError as error:
        raise RegexError(pattern, error.start, "a lone surrogate, which is not UTF-8") from None
    try:
        return parse(pattern if encoding == "utf-8" else octets.decode("latin-1"), encoding)
    except Refused as refused:
        place = refused.position
        if encoding == "latin-1":
            place = len(octets[:place].decode("utf-8", "ignore"))
        raise RegexError(pattern, place, refused.reason, refused.advice) from None
