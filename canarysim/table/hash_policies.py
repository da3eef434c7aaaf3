"""What a route makes a hash of, by which weighted clusters can be picked instead of by chance.

Facts (Envoy documentation of RouteAction.HashPolicy; run on 1.36.4 and 1.40.0 with ``use_hash_policy`` of weighted
clusters, see tests/envoy; the two do the same):

1. A hash is xxHash64 with seed 0 of the bytes of a value. Policies are asked in their order: each that has a
   hash adds it, by exclusive or, to the sum so far rotated left by one bit. Behind a ``terminal`` policy nothing
   more is asked if there is a sum by then, whoever brought it in. No hash at all leaves the choice to chance.
2. A header has a hash if it is there, an empty one too. The values of a repeated header are sorted by their
   bytes and hashed one after the other, each with the hash before it as its seed. A regex rewrite changes each
   value before that. Header names are in any case; ``host`` is ``:authority``. Headers that the route adds or
   removes come later.
3. A cookie has a hash if its value is not empty, and a query parameter if it is there. Nothing is decoded.
   Where a cookie is missing none is made up for weighted clusters, whatever its ``ttl``.
4. The source IP is hashed as text without port. Without ``source_ip`` a connection policy is as if it were not
   there, its ``terminal`` included.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import octets
from canarysim.table import regex
from canarysim.table.headers import Invented
from canarysim.table.values import Undetermined, as_tuple
from canarysim.table.xxhash import xxh64

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from canarysim.table.rewrites import RegexRewrite

__all__ = [
    "ConnectionHash",
    "CookieHash",
    "FilterStateHash",
    "HashPolicy",
    "HashSource",
    "HeaderHash",
    "QueryParameterHash",
    "hash_of",
]

_MASK = 2**64 - 1
_UNFIT = re.compile(r"[\0\r\n]")
_DURATION = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?s")


class _Envoy(Protocol):
    """An Envoy version, as far as hashes depend on it."""

    @property
    def regex_encoding(self) -> Literal["utf-8", "latin-1"]: ...


class _Hashed(Protocol):
    """A request as the router sees it (http.py), as far as hashes look at it."""

    @property
    def address(self) -> str: ...
    def values(self, name: str) -> tuple[str, ...]: ...
    @property
    def cookies(self) -> dict[str, str]: ...
    @property
    def query(self) -> dict[str, str]: ...


def _named(name: str, what: str) -> None:
    if not name:
        raise InvalidValue("empty_name", f"the name of a {what} to hash is empty")


def _without_line_ends(text: str, what: str) -> None:
    if _UNFIT.search(text):
        raise InvalidValue("bad_character", f"{what} must not hold NUL, CR or LF: {text!r}")


def _hashed(text: str, seed: int = 0) -> int:
    return xxh64(text.encode("latin-1"), seed)


@attrs.frozen
class HeaderHash:
    """The values of a header, each after ``regex_rewrite`` (fact 2)."""

    name: str
    regex_rewrite: RegexRewrite | None = None

    def __attrs_post_init__(self) -> None:
        _named(self.name, "header")
        _without_line_ends(self.name, "the name of a header")
        if self.regex_rewrite is not None:
            _without_line_ends(self.regex_rewrite.substitution, "a substitution")

    def hash(self, seen: _Hashed, envoy: _Envoy) -> int | Undetermined | None:
        name = octets(self.name).encode("latin-1").lower().decode("latin-1")
        values = seen.values(":authority" if name == "host" else name)
        if any(isinstance(value, Invented) for value in values):
            return Undetermined(f"the hash is made of the header {self.name}, whose value Envoy makes up")
        if not values:
            return None
        if self.regex_rewrite is not None:
            pattern = regex.compile(self.regex_rewrite.regex, envoy.regex_encoding)
            if why := pattern.why_not_replaced:
                return Undetermined(f"the hash is made with the regex {self.regex_rewrite.regex!r}: {why}")
            values = tuple(pattern.replace_all(value, self.regex_rewrite.substitution) for value in values)
        found = 0
        for value in sorted(values):
            found = _hashed(value, found)
        return found

    def to_envoy(self) -> dict[str, Any]:
        rewrite = {} if self.regex_rewrite is None else {"regex_rewrite": self.regex_rewrite.pair()}
        return {"header": {"header_name": self.name, **rewrite}}


def _pairs(items: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(item) for item in items)


@attrs.frozen
class CookieHash:
    """The value of a cookie (fact 3). ``ttl``, ``path`` and ``attributes`` are kept, but change nothing here."""

    name: str
    ttl: str | None = attrs.field(default=None, kw_only=True)
    path: str = attrs.field(default="", kw_only=True)
    attributes: tuple[tuple[str, str], ...] = attrs.field(default=(), kw_only=True, converter=_pairs)

    def __attrs_post_init__(self) -> None:
        _named(self.name, "cookie")
        if self.ttl is not None and not _DURATION.fullmatch(self.ttl):
            raise InvalidValue("bad_duration", f"{self.ttl!r} is no duration of 0 or more, like 1.5s")
        for name, value in self.attributes:
            _named(name, "cookie's attribute")
            _without_line_ends(name + value, "an attribute of a cookie")

    def hash(self, seen: _Hashed, envoy: _Envoy) -> int | Undetermined | None:
        value = seen.cookies.get(octets(self.name), "")
        return _hashed(value) if value else None

    def to_envoy(self) -> dict[str, Any]:
        found: dict[str, Any] = {"name": self.name, "ttl": self.ttl, "path": self.path}
        found["attributes"] = [{"name": name, "value": value} for name, value in self.attributes]
        return {"cookie": {key: value for key, value in found.items() if value}}


@attrs.frozen
class QueryParameterHash:
    """The first value of a query parameter (fact 3)."""

    name: str

    def __attrs_post_init__(self) -> None:
        _named(self.name, "query parameter")

    def hash(self, seen: _Hashed, envoy: _Envoy) -> int | Undetermined | None:
        value = seen.query.get(octets(self.name))
        return None if value is None else _hashed(value)

    def to_envoy(self) -> dict[str, Any]:
        return {"query_parameter": {"name": self.name}}


@attrs.frozen
class ConnectionHash:
    """``connection_properties``: the client's address if ``source_ip`` (fact 4)."""

    source_ip: bool

    def hash(self, seen: _Hashed, envoy: _Envoy) -> int | Undetermined | None:
        if not self.source_ip:
            return None
        if not seen.address:
            return Undetermined("the hash is made of the client's address, which is not known")
        return _hashed(seen.address)

    def to_envoy(self) -> dict[str, Any]:
        return {"connection_properties": {"source_ip": True} if self.source_ip else {}}


@attrs.frozen
class FilterStateHash:
    """An object that other filters leave under ``key``, of which a request alone tells nothing."""

    key: str

    def __attrs_post_init__(self) -> None:
        _named(self.key, "filter state object")

    def hash(self, seen: _Hashed, envoy: _Envoy) -> int | Undetermined | None:
        return Undetermined(f"the hash is made of the filter state {self.key!r}, which other filters set")

    def to_envoy(self) -> dict[str, Any]:
        return {"filter_state": {"key": self.key}}


HashSource = HeaderHash | CookieHash | QueryParameterHash | ConnectionHash | FilterStateHash


@attrs.frozen
class HashPolicy:
    """One of a route's policies: what it hashes, and whether it ends the list (fact 1)."""

    source: HashSource
    terminal: bool = attrs.field(default=False, kw_only=True)

    def to_envoy(self) -> dict[str, Any]:
        """As Envoy's RouteAction.HashPolicy."""
        return {**self.source.to_envoy(), **({"terminal": True} if self.terminal else {})}


def hash_of(policies: Iterable[HashPolicy], seen: _Hashed, envoy: _Envoy) -> int | Undetermined | None:
    """The hash of a request, from 0 to 2^64 - 1, by its route's policies (fact 1); None where no policy has one.

    ``seen`` is a Seen (http.py). Undetermined where the answer depends on more than the request, or on a
    regex that is not simulated; RegexError for a regex that RE2 does not take in the encoding of this Envoy.
    Cost: O(size of what is hashed).
    """
    found: int | None = None
    for policy in as_tuple(policies):
        new = policy.source.hash(seen, envoy)
        if isinstance(new, Undetermined):
            return new
        if new is not None:
            old = found or 0
            found = (old << 1 & _MASK | old >> 63) ^ new
        asked = policy.source != ConnectionHash(source_ip=False)
        if policy.terminal and asked and found is not None:
            break
    return found
