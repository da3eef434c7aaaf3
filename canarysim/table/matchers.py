"""What a route asks of a request: views, which say what text is looked at, and matchers, which judge it.

A matcher owns all that is said of it: its view, its test, its description, its field in an Envoy
configuration. Every path through the package that needs a meaning asks here.

Facts (Envoy documentation of RouteMatch, HeaderMatcher, QueryParameterMatcher; each run on 1.36.4 and 1.40.0,
see tests/envoy):

1. Path matchers see the path up to the first ``?`` or ``#``. A prefix is a prefix of the text, not of
   segments; a regex must match all of it. ``case_sensitive: false`` folds A-Z only and leaves regexes alone.
2. A header that is missing satisfies no matcher, inverted or not, except one that asks for presence.
   A header with an empty value is present.
3. The values of a repeated header are joined by a comma (1.36) or tried one by one (1.40); a header matcher
   holds if any value does, and ``invert_match`` turns that answer around.
4. The query is what follows the first ``?``; it is split at ``&``, each piece at its first ``=``, nothing is
   decoded; the first piece with the name counts, empty pieces do not. A missing parameter satisfies no value
   matcher.
"""

from __future__ import annotations

from operator import methodcaller
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import octets, readable
from canarysim.table import regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarysim.table.http import Seen

    #: Takes what a view shows, answers with something true or false.
    Test = Callable[[Any], object]

__all__ = [
    "ConnectMatcher",
    "HeaderMatcher",
    "HeaderView",
    "Matcher",
    "PathExact",
    "PathPrefix",
    "PathRegex",
    "PathView",
    "QueryParameterMatcher",
    "QueryView",
    "StringMatcher",
    "check_regex",
    "encoding_of",
]


def encoding_of(envoy: str) -> Literal["utf-8", "latin-1"]:
    """How an Envoy version reads regular expressions and what they are matched against."""
    return "utf-8" if envoy == "1.36" else "latin-1"


def _fold(text: str) -> str:
    """A-Z in lower case, every other character as it is: what Envoy calls ignoring case."""
    return text.lower() if text.isascii() else text.encode("latin-1").lower().decode("latin-1")


# Views: one text of the request each. ``get`` is the function that the scalar path calls for every route.


@attrs.frozen
class PathView:
    """The path without query, after what the connection manager did to it: a str."""

    name: ClassVar[str] = "path"

    def get(self, seen: Seen) -> str:
        return seen.route_path

    def show(self, value: Any) -> str:
        return repr(readable(value))


@attrs.frozen
class HeaderView:
    """The values of one header, as a tuple of str, or None where it is missing."""

    header: str

    @property
    def name(self) -> str:
        return "method" if self.header == ":method" else f"header {readable(self.header)}"

    def get(self, seen: Seen) -> tuple[str, ...] | None:
        return seen.header(self.header)

    def show(self, value: Any) -> str:
        return "missing" if value is None else ", ".join(repr(readable(text)) for text in value)


@attrs.frozen
class QueryView:
    """The first value of one query parameter, or None where it is missing."""

    key: str

    @property
    def name(self) -> str:
        return f"query parameter {readable(self.key)}"

    def get(self, seen: Seen) -> str | None:
        return seen.query.get(self.key)

    def show(self, value: Any) -> str:
        return "missing" if value is None else repr(readable(value))


View = PathView | HeaderView | QueryView


@attrs.frozen
class StringMatcher:
    """Envoy's StringMatcher, as far as it is read so far: one text, or one regular expression for all of it."""

    kind: Literal["exact", "safe_regex"]
    value: str
    _kept: Compiled = attrs.field(init=False, factory=dict, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.kind == "safe_regex":
            check_regex(self.value)

    def test(self, envoy: str) -> Test:
        if self.kind == "exact":
            return octets(self.value).__eq__
        return _compiled(self.value, envoy, self._kept).fullmatch

    def why_unknown(self, envoy: str) -> str | None:
        return None if self.kind == "exact" else _why_unknown(_compiled(self.value, envoy, self._kept))

    def describe(self) -> str:
        return f"is {self.value!r}" if self.kind == "exact" else f"matches regex {self.value!r}"

    def to_envoy(self) -> dict[str, Any]:
        return {self.kind: self.value if self.kind == "exact" else {"regex": self.value}}


def _lower(name: str) -> str:
    return name.lower()


def check_regex(pattern: str) -> None:
    """Refuses what RE2 refuses; an empty regex is refused by Envoy itself."""
    if not pattern:
        raise InvalidValue("empty_regex", "a regex must not be empty")
    try:
        regex.compile(pattern)
    except regex.RegexError as error:
        raise InvalidValue(
            "bad_regex",
            f"RE2 refuses the regex {pattern!r}, at character {error.position + 1}: {error.reason}",
            pattern=pattern,
            hint=error.advice,
        ) from error


#: The compiled forms of a regex by encoding, kept with the matcher that has it.
Compiled = dict[str, regex.Regex]


def _compiled(pattern: str, envoy: str, kept: Compiled) -> regex.Regex:
    encoding = encoding_of(envoy)
    found = kept.get(encoding)
    if found is None:
        found = kept[encoding] = regex.compile(pattern, encoding)
    return found


def _why_unknown(compiled: regex.Regex) -> str | None:
    return None if compiled.simulated else compiled.why_not


class Matcher:
    """One condition on a request. ``view`` says what it looks at; the rest is what can be said of it."""

    __slots__ = ()

    @property
    def view(self) -> View:
        raise NotImplementedError

    def test(self, envoy: str) -> Test:
        """A pure function of what the view shows, whose truth is the answer. Compile once, call often."""
        raise NotImplementedError

    def why_unknown(self, envoy: str) -> str | None:
        """Why the test cannot be run, or None where it can."""
        return None

    def holds(self, seen: Seen, envoy: str) -> bool:
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


class _PathMatcher(Matcher):
    __slots__ = ()

    @property
    def view(self) -> PathView:
        return PathView()


@attrs.frozen
class PathPrefix(_PathMatcher):
    """``prefix``: the path begins with the text, ``/foo`` takes ``/foobar`` too."""

    prefix: str
    case_sensitive: bool = attrs.field(default=True, kw_only=True)

    def test(self, envoy: str) -> Test:
        prefix = octets(self.prefix)
        if self.case_sensitive:
            return methodcaller("startswith", prefix)
        folded = _fold(prefix)
        return lambda path: _fold(path).startswith(folded)

    def describe(self) -> str:
        return f"begins with {self.prefix!r}" + ("" if self.case_sensitive else " in any case")

    def to_envoy(self) -> dict[str, Any]:
        return {"prefix": self.prefix, **({} if self.case_sensitive else {"case_sensitive": False})}


@attrs.frozen
class PathExact(_PathMatcher):
    """``path``: the whole path, without its query, is the text."""

    path: str
    case_sensitive: bool = attrs.field(default=True, kw_only=True)

    def test(self, envoy: str) -> Test:
        path = octets(self.path)
        if self.case_sensitive:
            return path.__eq__
        folded = _fold(path)
        return lambda other: _fold(other) == folded

    def describe(self) -> str:
        return f"is {self.path!r}" + ("" if self.case_sensitive else " in any case")

    def to_envoy(self) -> dict[str, Any]:
        return {"path": self.path, **({} if self.case_sensitive else {"case_sensitive": False})}


@attrs.frozen
class PathRegex(_PathMatcher):
    """``safe_regex``: the whole path, without its query, matches an RE2 expression. Case is as it says itself."""

    regex: str
    case_sensitive: bool = attrs.field(default=True, kw_only=True)  # kept and without effect, as in Envoy
    _kept: Compiled = attrs.field(init=False, factory=dict, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        check_regex(self.regex)

    def test(self, envoy: str) -> Test:
        return _compiled(self.regex, envoy, self._kept).fullmatch

    def why_unknown(self, envoy: str) -> str | None:
        return _why_unknown(_compiled(self.regex, envoy, self._kept))

    def describe(self) -> str:
        return f"matches regex {self.regex!r}"

    def to_envoy(self) -> dict[str, Any]:
        return {
            "safe_regex": {"regex": self.regex},
            **({} if self.case_sensitive else {"case_sensitive": False}),
        }


@attrs.frozen
class ConnectMatcher(_PathMatcher):
    """``connect_matcher``: takes CONNECT requests, which have no path, and no others."""

    def test(self, envoy: str) -> Test:
        return "".__eq__

    def describe(self) -> str:
        return "is that of a CONNECT request"

    def to_envoy(self) -> dict[str, Any]:
        return {"connect_matcher": {}}


@attrs.frozen
class HeaderMatcher(Matcher):
    """One header: present (``value=None``), or with a value that the StringMatcher takes; perhaps inverted."""

    name: str = attrs.field(converter=_lower)
    value: StringMatcher | None = None
    invert: bool = False

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise InvalidValue("empty_name", "a header matcher needs the name of a header")

    @property
    def view(self) -> HeaderView:
        return HeaderView(":authority" if self.name == "host" else self.name)

    def test(self, envoy: str) -> Test:
        if self.value is None:
            return _missing if self.invert else _present
        holds = self.value.test(envoy)
        if self.invert:
            return lambda values: values is not None and not any(map(holds, values))
        return lambda values: values is not None and any(map(holds, values))

    def why_unknown(self, envoy: str) -> str | None:
        return None if self.value is None else self.value.why_unknown(envoy)

    def describe(self) -> str:
        if self.value is None:
            return "is missing" if self.invert else "is present"
        return f"is present and not so that it {self.value.describe()}" if self.invert else self.value.describe()

    def to_envoy(self) -> dict[str, Any]:
        value = {"present_match": True} if self.value is None else {"string_match": self.value.to_envoy()}
        return {"name": self.name, **value, **({"invert_match": True} if self.invert else {})}


@attrs.frozen
class QueryParameterMatcher(Matcher):
    """One query parameter: present (``value=None``), or with a first value that the StringMatcher takes."""

    name: str
    value: StringMatcher | None = None

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise InvalidValue("empty_name", "a query parameter matcher needs the name of a parameter")
        if len(octets(self.name)) > 1024:
            raise InvalidValue("name_too_long", "Envoy takes names of query parameters up to 1024 bytes")

    @property
    def view(self) -> QueryView:
        return QueryView(octets(self.name))

    def test(self, envoy: str) -> Test:
        if self.value is None:
            return _present
        holds = self.value.test(envoy)
        return lambda value: value is not None and holds(value)

    def why_unknown(self, envoy: str) -> str | None:
        return None if self.value is None else self.value.why_unknown(envoy)

    def describe(self) -> str:
        return "is present" if self.value is None else self.value.describe()

    def to_envoy(self) -> dict[str, Any]:
        value = {"present_match": True} if self.value is None else {"string_match": self.value.to_envoy()}
        return {"name": self.name, **value}


PathMatcher = PathPrefix | PathExact | PathRegex | ConnectMatcher


def _present(value: object) -> bool:
    return value is not None


def _missing(value: object) -> bool:
    return value is None
