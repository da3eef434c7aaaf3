"""What a route changes in the path and the host of a request before it goes on.

Facts (Envoy documentation of RouteAction; run on 1.36.4 and 1.40.0, see tests/envoy):

1. Rewrites see the path as it was matched, that is normalized. The query stays. ``x-envoy-original-path`` gets
   the path as it was matched.
2. A prefix rewrite replaces the matched text of a prefix or an exact path, and the whole path of a regex. An
   empty one is no rewrite. No slash is added or taken away. Where parameters were cut for matching, the path
   itself must begin with the text; else it stays, and no header tells of a rewrite.
3. A regex rewrite replaces every match in the path without its query, by RE2's rules. Where nothing matches,
   the path stays and ``x-envoy-original-path`` is there all the same. An empty result is sent by 1.36; with
   1.40 the path stays and the header is missing.
4. The host becomes a text, the first value of a header (where it is there and not empty), or what a regex
   makes of the path without query; where that regex does not match, the whole path becomes the host. An empty
   result leaves the host.
   ``x-envoy-original-host`` gets the host before. ``append_x_forwarded_host`` appends that one to
   ``x-forwarded-host``, with a comma.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import octets
from canarysim.table import regex
from canarysim.table.headers import Invented
from canarysim.table.strings import check_regex
from canarysim.table.values import Undetermined

if TYPE_CHECKING:
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.formats import FormatString
    from canarysim.table.http import Seen
    from canarysim.table.matchers import PathMatcher
    from canarysim.table.templates import FormatRewrite, TemplateRewrite

__all__ = ["HostRewrite", "PathRewrite", "PrefixRewrite", "RegexRewrite"]


@attrs.frozen
class PrefixRewrite:
    """``prefix_rewrite`` (fact 2)."""

    text: str

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return None

    def apply(self, path: str, match: PathMatcher, envoy: Behaviour, seen: Seen) -> str | None:
        """The new path of a path without query; None where it is not rewritten."""
        length = match.prefix_length(path)
        return None if length is None or not self.text else octets(self.text) + path[length:]

    def to_envoy(self) -> dict[str, Any]:
        return {"prefix_rewrite": self.text}

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class RegexRewrite:
    r"""``regex_rewrite`` (fact 3); ``substitution`` has ``\0`` to ``\9`` for what the groups matched."""

    regex: str
    substitution: str = ""

    def __attrs_post_init__(self) -> None:
        check_regex(self.regex)

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return regex.compile(self.regex, envoy.regex_encoding).why_not_replaced

    def replaced(self, path: str, envoy: Behaviour) -> str:
        """A path without query with every match replaced."""
        return regex.compile(self.regex, envoy.regex_encoding).replace_all(path, self.substitution)

    def apply(self, path: str, match: PathMatcher, envoy: Behaviour, seen: Seen) -> str | None:
        """The new path of a path without query; None where it is not rewritten."""
        new = self.replaced(path, envoy)
        return new if new or envoy.version == "1.36" else None

    def to_envoy(self) -> dict[str, Any]:
        return {"regex_rewrite": self.pair()}

    def pair(self) -> dict[str, Any]:
        """As Envoy's RegexMatchAndSubstitute."""
        return {"pattern": {"regex": self.regex}, "substitution": self.substitution}

    def __str__(self) -> str:
        return f"{self.regex} -> {self.substitution}"


PathRewrite: TypeAlias = "PrefixRewrite | RegexRewrite | TemplateRewrite | FormatRewrite"


@attrs.frozen
class HostRewrite:
    """How the host is replaced (fact 4): by a ``literal``, a ``header``, a ``path_regex`` or a ``format``."""

    literal: str | None = attrs.field(default=None, kw_only=True)
    header: str | None = attrs.field(default=None, kw_only=True)
    path_regex: RegexRewrite | None = attrs.field(default=None, kw_only=True)
    format: FormatString | None = attrs.field(default=None, kw_only=True)  # one with in_header=False
    append_x_forwarded_host: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        told = (self.literal, self.header, self.path_regex, self.format)
        if sum(each is not None for each in told) != 1:
            raise InvalidValue(
                "bad_host_rewrite", "a host is rewritten by a literal, a header, a path regex or a format"
            )

    def why_unknown(self, envoy: Behaviour) -> str | None:
        if self.format is not None:
            return self.format.why_unknown
        return None if self.path_regex is None else self.path_regex.why_unknown(envoy)

    def apply(self, seen: Seen, envoy: Behaviour) -> str | Undetermined | None:
        """The new host, or None where it stays."""
        if self.literal is not None:
            return octets(self.literal) or None
        if self.header is not None:
            value = seen.first_value(self.header)
            return (
                Undetermined(f"Envoy makes up the value of {self.header}")
                if isinstance(value, Invented)
                else value
            )
        if self.format is not None:
            return self.format.render(seen, seen.fields, missing="-") or None
        assert self.path_regex is not None
        return self.path_regex.replaced(seen.route_path, envoy) or None

    def to_envoy(self) -> dict[str, Any]:
        append = {"append_x_forwarded_host": True} if self.append_x_forwarded_host else {}
        if self.literal is not None:
            return {"host_rewrite_literal": self.literal, **append}
        if self.header is not None:
            return {"host_rewrite_header": self.header, **append}
        if self.format is not None:
            return {"host_rewrite": self.format.text, **append}
        assert self.path_regex is not None
        return {"host_rewrite_path_regex": self.path_regex.pair(), **append}

    def __str__(self) -> str:
        if self.literal is not None:
            return repr(self.literal)
        if self.header is not None:
            return f"the value of {self.header}"
        if self.format is not None:
            return self.format.text
        return str(self.path_regex)
