"""What a route asks of the path, the headers and the query of a request: conditions that are matchers.

A matcher owns all that is said of it: its view (views.py), its test, its description, its field in an Envoy
configuration. Every path through the package that needs a meaning asks here.

Facts (Envoy documentation of RouteMatch, HeaderMatcher, QueryParameterMatcher; each run on 1.36.4 and 1.40.0,
see tests/envoy):

1. A prefix is a prefix of the text of the path, not of its segments; ``path_separated_prefix`` asks for a ``/``,
   or the end, behind it. A regex must match all of the path. ``case_sensitive: false`` folds A-Z only and leaves
   regexes alone. A request without a path, as CONNECT is, satisfies ``connect_matcher`` and nothing else.
2. A header that is missing satisfies no matcher of its value, inverted or not, unless
   ``treat_missing_header_as_empty``: then it counts as one empty value, and as present. A header with an empty
   value is present.
3. The values of a repeated header are joined by a comma (1.36) or tried one by one (1.40); a header matcher
   holds if any value does, and ``invert_match`` turns that answer around.
4. ``range_match`` takes a decimal integer of 64 bits, perhaps with sign and blanks around it, from ``start`` to
   below ``end``.
5. A missing query parameter satisfies no value matcher, and ``present_match: false`` where that asks for absence.
"""

from __future__ import annotations

import re
from operator import methodcaller
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import octets
from canarysim.table.strings import Compiled, StringMatcher, check_regex, compiled, fold, why_not_run
from canarysim.table.views import HeaderView, PathView, QueryView, View

if TYPE_CHECKING:
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.http import Seen
    from canarysim.table.strings import Test

__all__ = [
    "ConnectMatcher",
    "HeaderMatcher",
    "Matcher",
    "PathExact",
    "PathMatcher",
    "PathPrefix",
    "PathRegex",
    "PathSeparatedPrefix",
    "QueryParameterMatcher",
    "Range",
]


class Matcher:
    """One condition on a request. ``view`` says what it looks at; the rest is what can be said of it."""

    __slots__ = ()

    #: Whether it asks the request; False for what only the random value or the runtime decides.
    of_request: ClassVar[bool] = True

    @property
    def view(self) -> View:
        raise NotImplementedError

    def test(self, envoy: Behaviour) -> Test:
        """A pure function of what the view shows, whose truth is the answer. Compile once, call often."""
        raise NotImplementedError

    def why_unknown(self, envoy: Behaviour) -> str | None:
        """Why the test cannot be run, or None where it can."""
        return None

    def patterns(self) -> tuple[str, ...]:
        """The regular expressions in it."""
        return ()

    def refused_by(self, envoy: Behaviour) -> str | None:
        """Why that Envoy refuses the condition, which others take; None where it takes it."""
        return None

    def holds(self, seen: Seen, envoy: Behaviour) -> bool:
        """Whether one request satisfies the condition."""
        return bool(self.test(envoy)(self.view.get(seen)))

    def describe(self) -> str:
        """The condition in words, for a reader who knows the view: ``begins with '/foo'``."""
        raise NotImplementedError

    def to_envoy(self) -> dict[str, Any]:
        """The condition as Envoy's configuration has it."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.view.name} {self.describe()}"


class PathMatcher(Matcher):
    """A condition on the path. Of all of them only ``connect_matcher`` takes a request without one."""

    __slots__ = ()

    @property
    def view(self) -> View:
        return PathView()

    def check_rewrite(self, rewrite: object) -> None:
        """Raises InvalidValue for a rewrite of the path that cannot stand beside the condition."""

    def prefix_length(self, path: str) -> int | None:
        """How much of a path that it took ``prefix_rewrite`` replaces; None where nothing is rewritten.

        ``path`` is the path as it goes on, from which no parameters were cut.
        """
        return len(path)

    def _and_case(self, field: dict[str, Any]) -> dict[str, Any]:
        return field if getattr(self, "case_sensitive", True) else {**field, "case_sensitive": False}


class _PathText(PathMatcher):
    """A condition on the path that compares it with a text."""

    __slots__ = ()
    case_sensitive: bool

    @property
    def text(self) -> str:
        """The text, as octets."""
        raise NotImplementedError

    def prefix_length(self, path: str) -> int | None:
        text = self.text
        start = path[: len(text)]
        return len(text) if start == text or (not self.case_sensitive and fold(start) == fold(text)) else None

    def _words(self, words: str, text: str) -> str:
        return f"{words} {text!r}" + ("" if self.case_sensitive else " in any case")


@attrs.frozen
class PathPrefix(_PathText):
    """``prefix``: the path begins with the text, ``/foo`` takes ``/foobar`` too."""

    prefix: str
    case_sensitive: bool = attrs.field(default=True, kw_only=True)

    @property
    def text(self) -> str:
        return octets(self.prefix)

    def test(self, envoy: Behaviour) -> Test:
        prefix = octets(self.prefix)
        if self.case_sensitive:
            return methodcaller("startswith", prefix)
        folded = fold(prefix)
        return lambda path: fold(path).startswith(folded)

    def describe(self) -> str:
        return self._words("begins with", self.prefix)

    def to_envoy(self) -> dict[str, Any]:
        return self._and_case({"prefix": self.prefix})


@attrs.frozen
class PathExact(_PathText):
    """``path``: the whole path, without its query, is the text."""

    path: str
    case_sensitive: bool = attrs.field(default=True, kw_only=True)

    @property
    def text(self) -> str:
        return octets(self.path)

    def test(self, envoy: Behaviour) -> Test:
        path = octets(self.path)
        if self.case_sensitive:
            return path.__eq__
        folded = fold(path)
        return lambda other: fold(other) == folded

    def describe(self) -> str:
        return self._words("is", self.path)

    def to_envoy(self) -> dict[str, Any]:
        return self._and_case({"path": self.path})


@attrs.frozen
class PathSeparatedPrefix(_PathText):
    """``path_separated_prefix``: the path is the text, or goes on with a slash behind it."""

    prefix: str
    case_sensitive: bool = attrs.field(default=True, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if len(octets(self.prefix)) < 2 or self.prefix.endswith("/") or set("?#") & set(self.prefix):
            raise InvalidValue(
                "bad_path_separated_prefix",
                f"path_separated_prefix {self.prefix!r} must have two characters at least, no ? or #, and no "
                "slash at its end",
            )

    @property
    def text(self) -> str:
        return octets(self.prefix)

    def test(self, envoy: Behaviour) -> Test:
        prefix = octets(self.prefix)
        if self.case_sensitive:
            begin = f"{prefix}/"
            return lambda path: path == prefix or path.startswith(begin)
        folded = fold(prefix)
        size = len(folded)
        return lambda path: fold(path[:size]) == folded and path[size : size + 1] in ("", "/")

    def describe(self) -> str:
        return self._words("is, or is below,", self.prefix)

    def to_envoy(self) -> dict[str, Any]:
        return self._and_case({"path_separated_prefix": self.prefix})


@attrs.frozen
class PathRegex(PathMatcher):
    """``safe_regex``: the whole path, without its query, matches an RE2 expression. Case is as it says itself."""

    regex: str
    case_sensitive: bool = attrs.field(default=True, kw_only=True)  # kept and without effect, as in Envoy
    _kept: Compiled = attrs.field(init=False, factory=dict, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        check_regex(self.regex)

    def test(self, envoy: Behaviour) -> Test:
        return compiled(self.regex, envoy, self._kept).fullmatch

    def patterns(self) -> tuple[str, ...]:
        return (self.regex,)

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return why_not_run(compiled(self.regex, envoy, self._kept))

    def describe(self) -> str:
        return f"matches regex {self.regex!r}"

    def to_envoy(self) -> dict[str, Any]:
        return self._and_case({"safe_regex": {"regex": self.regex}})


@attrs.frozen
class ConnectMatcher(PathMatcher):
    """``connect_matcher``: takes CONNECT requests, which have no path, and no others."""

    def test(self, envoy: Behaviour) -> Test:
        return "".__eq__

    def describe(self) -> str:
        return "is that of a CONNECT request"

    def to_envoy(self) -> dict[str, Any]:
        return {"connect_matcher": {}}


def _lower(name: str) -> str:
    return name.lower()


_INTEGER = r"[ \t\n\v\f\r]*[-+]?[0-9]+[ \t\n\v\f\r]*"


@attrs.frozen
class Range:
    """``range_match``: whole numbers from ``start`` to below ``end`` (fact 4)."""

    start: int
    end: int

    def __attrs_post_init__(self) -> None:
        if not all(-(2**63) <= edge < 2**63 for edge in (self.start, self.end)):
            raise InvalidValue("bad_range", f"a range has ends of 64 bits, not {self.start} and {self.end}")

    def test(self, envoy: Behaviour) -> Test:
        start, end = self.start, min(self.end, 2**63 - 1)
        fullmatch = re.compile(_INTEGER).fullmatch
        return lambda text: fullmatch(text) is not None and len(text) < 4000 and start <= int(text) < end

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return None

    def describe(self) -> str:
        return f"is a number from {self.start} to below {self.end}"


@attrs.frozen
class HeaderMatcher(Matcher):
    """One header: present, or missing, or with a value that ``value`` takes; perhaps inverted.

    Without ``value`` the question is whether the header is there: ``present`` or not. ``any_value`` is what the
    old field ``exact_match`` with an empty text asks for: a header with any value, inverted one without.
    """

    name: str = attrs.field(converter=_lower)
    value: StringMatcher | Range | None = None
    invert: bool = False
    present: bool = attrs.field(default=True, kw_only=True)
    missing_as_empty: bool = attrs.field(default=False, kw_only=True)
    any_value: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise InvalidValue("empty_name", "a header matcher needs the name of a header")
        if any(character in self.name for character in "\0\r\n"):
            raise InvalidValue("bad_header_name", f"the name {self.name!r} has a control character")
        if self.value is not None and (self.any_value or not self.present):
            raise InvalidValue("two_questions", "a header matcher asks for a value or for presence, not both")

    @property
    def view(self) -> HeaderView:
        return HeaderView(":authority" if self.name == "host" else self.name)

    def test(self, envoy: Behaviour) -> Test:
        invert = self.invert
        if self.value is None:
            if self.any_value and (invert or self.missing_as_empty):
                return _always if not invert else _never
            if self.missing_as_empty:
                return _never if invert is self.present else _always
            return _missing if invert is self.present else _present
        holds = self.value.test(envoy)
        if self.missing_as_empty:
            return lambda values: any(map(holds, values or ("",))) is not invert
        if invert:
            return lambda values: values is not None and not any(map(holds, values))
        return lambda values: values is not None and any(map(holds, values))

    def patterns(self) -> tuple[str, ...]:
        return self.value.patterns() if isinstance(self.value, StringMatcher) else ()

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return None if self.value is None else self.value.why_unknown(envoy)

    def describe(self) -> str:
        if self.value is None:
            there = self.present is not self.invert
            words = "is present" if there else "is missing"
            if self.any_value and self.invert:
                return "has no value at all, which no request fulfils"
        else:
            words = self.value.describe()
            if self.invert:
                words = (
                    f"not so that it {words}"
                    if self.missing_as_empty
                    else f"is present and not so that it {words}"
                )
        return f"{words} (missing counts as empty)" if self.missing_as_empty else words

    def to_envoy(self) -> dict[str, Any]:
        value: dict[str, Any]
        if isinstance(self.value, Range):
            value = {"range_match": {"start": self.value.start, "end": self.value.end}}
        elif self.value is not None:
            value = {"string_match": self.value.to_envoy()}
        else:
            value = {"exact_match": ""} if self.any_value else {"present_match": self.present}
        invert = {"invert_match": True} if self.invert else {}
        empty = {"treat_missing_header_as_empty": True} if self.missing_as_empty else {}
        return {"name": self.name, **value, **invert, **empty}


@attrs.frozen
class QueryParameterMatcher(Matcher):
    """One query parameter: present or missing (``value=None``), or with a first value that ``value`` takes."""

    name: str
    value: StringMatcher | None = None
    present: bool = attrs.field(default=True, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise InvalidValue("empty_name", "a query parameter matcher needs the name of a parameter")
        if len(octets(self.name)) > 1024:
            raise InvalidValue("name_too_long", "Envoy takes names of query parameters up to 1024 bytes")

    @property
    def view(self) -> QueryView:
        return QueryView(octets(self.name))

    def test(self, envoy: Behaviour) -> Test:
        if self.value is None:
            absent = not self.present and envoy.enable_new_query_param_present_match_behavior
            return _missing if absent else _present
        holds = self.value.test(envoy)
        return lambda value: value is not None and holds(value)

    def patterns(self) -> tuple[str, ...]:
        return self.value.patterns() if isinstance(self.value, StringMatcher) else ()

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return None if self.value is None else self.value.why_unknown(envoy)

    def describe(self) -> str:
        if self.value is None:
            return "is present" if self.present else "is missing"
        return self.value.describe()

    def to_envoy(self) -> dict[str, Any]:
        value = {"present_match": self.present} if self.value is None else {"string_match": self.value.to_envoy()}
        return {"name": self.name, **value}


def _present(value: object) -> bool:
    return value is not None


def _missing(value: object) -> bool:
    return value is None


def _always(_: object) -> bool:
    return True


def _never(_: object) -> bool:
    return False
