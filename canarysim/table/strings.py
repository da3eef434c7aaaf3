"""Envoy's StringMatcher: what a text has to be.

Facts (Envoy documentation of StringMatcher; run on 1.36.4 and 1.40.0, see tests/envoy):

1. ``exact``, ``prefix``, ``suffix`` and ``contains`` compare bytes; ``ignore_case`` folds A-Z only. All but
   ``exact`` need at least one byte.
2. ``safe_regex`` must match all of the text, by RE2's rules; it cannot ignore case but by ``(?i)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import octets
from canarysim.table import regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarysim.table.behaviour import Behaviour

    #: Takes what a view shows, answers with something true or false.
    Test = Callable[[Any], object]

__all__ = ["Compiled", "StringMatcher", "check_regex", "compiled", "fold", "why_not_run"]

Kind = Literal["exact", "prefix", "suffix", "contains", "safe_regex"]
_WORDS = {
    "exact": "is",
    "prefix": "begins with",
    "suffix": "ends with",
    "contains": "contains",
    "safe_regex": "matches regex",
}


def fold(text: str) -> str:
    """A-Z in lower case, every other character of octets as it is: what Envoy calls ignoring case."""
    return text.lower() if text.isascii() else text.encode("latin-1").lower().decode("latin-1")


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


def compiled(pattern: str, envoy: Behaviour, kept: Compiled) -> regex.Regex:
    """The pattern as that Envoy reads it."""
    encoding = envoy.regex_encoding
    found = kept.get(encoding)
    if found is None:
        found = kept[encoding] = regex.compile(pattern, encoding)
    return found


def why_not_run(found: regex.Regex) -> str | None:
    """Why a regex is not simulated, or None where it is."""
    return None if found.simulated else found.why_not


@attrs.frozen
class StringMatcher:
    """What a text has to be; ``value`` is a text, or the regular expression of ``safe_regex``."""

    kind: Kind
    value: str
    ignore_case: bool = attrs.field(default=False, kw_only=True)
    _kept: Compiled = attrs.field(init=False, factory=dict, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.kind == "safe_regex":
            check_regex(self.value)
            if self.ignore_case:
                raise InvalidValue(
                    "ignore_case_of_regex",
                    "Envoy refuses ignore_case beside safe_regex",
                    hint="begin the regex with (?i)",
                )
        elif self.kind not in get_args(Kind):
            raise InvalidValue("bad_string_matcher", f"{self.kind!r} is none of {', '.join(_WORDS)}")
        elif not self.value and self.kind != "exact":
            raise InvalidValue("empty_text", f"the text of {self.kind} must not be empty")

    def test(self, envoy: Behaviour) -> Test:
        """A function of octets."""
        if self.kind == "safe_regex":
            return compiled(self.value, envoy, self._kept).fullmatch
        value = octets(self.value)
        if self.ignore_case:
            folded = fold(value)
            holds = _COMPARE[self.kind](folded)
            return lambda text: holds(fold(text))
        return _COMPARE[self.kind](value)

    def patterns(self) -> tuple[str, ...]:
        """The regular expression, if it is one."""
        return (self.value,) if self.kind == "safe_regex" else ()

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return None if self.kind != "safe_regex" else why_not_run(compiled(self.value, envoy, self._kept))

    def describe(self) -> str:
        return f"{_WORDS[self.kind]} {self.value!r}{' in any case' if self.ignore_case else ''}"

    def to_envoy(self) -> dict[str, Any]:
        if self.kind == "safe_regex":
            return {"safe_regex": {"regex": self.value}}
        return {self.kind: self.value, **({"ignore_case": True} if self.ignore_case else {})}


_COMPARE: dict[str, Callable[[str], Test]] = {
    "exact": lambda value: value.__eq__,
    "prefix": lambda value: lambda text: text.startswith(value),
    "suffix": lambda value: lambda text: text.endswith(value),
    "contains": lambda value: lambda text: value in text,
}
