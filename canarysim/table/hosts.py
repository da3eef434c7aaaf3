"""Virtual hosts, and which of them a request's host belongs to.

Facts (Envoy documentation of VirtualHost.domains; run on 1.36.4 and 1.40.0, see tests/envoy):

1. Domains and hosts are compared with A-Z folded; the port of the host is part of it.
2. ``*`` alone takes any host. A domain that begins with ``*`` is a suffix rule, one that ends with ``*`` a
   prefix rule, any other is exact; a star elsewhere is an ordinary character. The star of a rule stands for
   at least one character.
3. Exact domains go first, then suffix rules, then prefix rules, longest text first within a kind, then ``*``.
   The order of the configuration plays no part.
4. A domain may stand once in a configuration, its kind and folded text taken together.
5. Once a virtual host is found no other is tried, even if none of its routes matches.
6. With ``ignore_port_in_host_matching`` the host is looked up without what follows its last colon, digits or
   not; a colon in brackets does not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar

import attrs

from canarysim.errors import InvalidValue
from canarysim.problems import Problem, Where
from canarysim.request import octets
from canarysim.table.values import as_tuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canarysim.table.actions import MirrorPolicy, Unknown
    from canarysim.table.faults import Faults
    from canarysim.table.matchers import HeaderMatcher
    from canarysim.table.mutations import Mutations
    from canarysim.table.retries import RetryPolicy
    from canarysim.table.routes import Route, RouteMatch

__all__ = ["DomainIndex", "DomainRule", "Dropped", "VirtualCluster", "VirtualHost", "fold_host", "without_port"]

Kind = Literal["exact", "suffix", "prefix", "default"]
RequireTls = Literal["", "ALL", "EXTERNAL_ONLY"]


def fold_host(host: str) -> str:
    """The form in which domains and hosts are compared (fact 1); takes octets."""
    return host.lower() if host.isascii() else host.encode("latin-1").lower().decode("latin-1")


def _require_tls(value: RequireTls | bool) -> RequireTls:
    if isinstance(value, bool):
        return "ALL" if value else ""
    if value not in ("", "ALL", "EXTERNAL_ONLY"):
        raise InvalidValue("bad_require_tls", f"require_tls is ALL or EXTERNAL_ONLY, not {value!r}")
    return value


def without_port(host: str) -> str:
    """The host up to its last colon that is in no brackets, whatever follows."""
    at = host.rfind(":")
    return host if at < 0 or host.rfind("]") > at else host[:at]


@attrs.frozen
class VirtualCluster:
    """A name under which Envoy counts requests that fulfil all of some header matchers."""

    name: str
    headers: tuple[HeaderMatcher, ...] = attrs.field(converter=as_tuple)

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise InvalidValue("no_name", "a virtual cluster needs a name")
        if not self.headers:
            raise InvalidValue("no_condition", f"the virtual cluster {self.name} must define headers")

    def to_envoy(self) -> dict[str, Any]:
        return {"name": self.name, "headers": [matcher.to_envoy() for matcher in self.headers]}


class Dropped(NamedTuple):
    """A route that the control plane left out: the conditions that it had, and the reason."""

    match: RouteMatch
    problem: Problem


@attrs.frozen
class VirtualHost:
    """A group of domains and their ordered routes.

    ``require_tls`` redirects what does not come by https: "ALL", or "EXTERNAL_ONLY" what does not come from
    inside; "" nothing. True stands for "ALL". ``mirrors`` and ``faults`` hold for routes that have none of their
    own. ``dropped`` are routes of the manifest that the control plane leaves out; they take no part in anything,
    but `explain` names them.
    """

    name: str
    domains: tuple[str, ...] = attrs.field(converter=as_tuple)
    routes: tuple[Route, ...] = attrs.field(default=(), converter=as_tuple)
    require_tls: RequireTls = attrs.field(default="", kw_only=True, converter=_require_tls)
    virtual_clusters: tuple[VirtualCluster, ...] = attrs.field(default=(), kw_only=True, converter=as_tuple)
    mutations: Mutations | None = attrs.field(default=None, kw_only=True)
    mirrors: tuple[MirrorPolicy, ...] = attrs.field(default=(), kw_only=True, converter=as_tuple)
    retries: RetryPolicy | None = attrs.field(default=None, kw_only=True)
    faults: Faults | None = attrs.field(default=None, kw_only=True)
    unknowns: tuple[Unknown, ...] = attrs.field(default=(), kw_only=True, eq=False)
    dropped: tuple[Dropped, ...] = attrs.field(default=(), kw_only=True, eq=False, converter=as_tuple)
    origin: str = attrs.field(default="", kw_only=True, eq=False)
    source: Where = attrs.field(default=Where(), kw_only=True, eq=False)

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise InvalidValue("no_name", "a virtual host needs a name")
        if not self.domains:
            raise InvalidValue("no_domain", "a virtual host needs at least one domain; '*' takes every host")
        for domain in self.domains:
            if any(character in domain for character in "\0\r\n"):
                raise InvalidValue("bad_domain", f"the domain {domain!r} has a control character")


@attrs.frozen
class DomainRule:
    """A domain as it is looked up: its kind, and its text without the star, folded."""

    domain: str
    kind: Kind
    text: str

    @classmethod
    def of(cls, domain: str) -> DomainRule:
        text = fold_host(octets(domain))
        if text == "*":
            return cls(domain, "default", "")
        if text.startswith("*"):
            return cls(domain, "suffix", text[1:])
        if text.endswith("*"):
            return cls(domain, "prefix", text[:-1])
        return cls(domain, "exact", text)


_T = TypeVar("_T")


class DomainIndex(Generic[_T]):
    """Finds what belongs to a host. Cost of a search: O(number of different lengths of wildcards)."""

    __slots__ = ("_default", "_exact", "_only_default", "_prefixes", "_suffixes")

    def __init__(self, entries: Iterable[tuple[str, _T]]) -> None:
        """``entries`` are (domain, item); raises InvalidValue with code ``duplicate_domain`` (fact 4)."""
        self._exact: dict[str, tuple[DomainRule, _T]] = {}
        self._default: tuple[DomainRule, _T] | None = None
        by_length: dict[Kind, dict[int, dict[str, tuple[DomainRule, _T]]]] = {"suffix": {}, "prefix": {}}
        for domain, item in entries:
            rule = DomainRule.of(domain)
            entry = rule, item
            if rule.kind == "default":
                known, self._default = self._default, entry
            elif rule.kind == "exact":
                known = self._exact.get(rule.text)
                self._exact[rule.text] = entry
            else:
                group = by_length[rule.kind].setdefault(len(rule.text), {})
                known = group.get(rule.text)
                group[rule.text] = entry
            if known is not None:
                raise InvalidValue(
                    "duplicate_domain",
                    f"the domain {domain!r} stands more than once",
                    domain=domain,
                    items=(known[1], item),
                )
        self._only_default = not (self._exact or by_length["suffix"] or by_length["prefix"])
        self._suffixes = sorted(by_length["suffix"].items(), reverse=True)
        self._prefixes = sorted(by_length["prefix"].items(), reverse=True)

    @property
    def only_default(self) -> tuple[DomainRule, _T] | None:
        """What ``*`` leads to where it is the only domain."""
        return self._default if self._only_default else None

    def find(self, host: str) -> tuple[DomainRule, _T] | None:
        """The rule that takes a host (octets) and what belongs to it, or None."""
        if self._only_default:
            return self._default
        host = fold_host(host)
        if (found := self._exact.get(host)) is not None:
            return found
        for length, group in self._suffixes:
            if length < len(host) and (found := group.get(host[len(host) - length :])) is not None:
                return found
        for length, group in self._prefixes:
            if length < len(host) and (found := group.get(host[:length])) is not None:
                return found
        return self._default
