"""Random hash policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.table.hash_policies import ConnectionHash, CookieHash, HashPolicy, HeaderHash, QueryParameterHash
from canarysim.table.rewrites import RegexRewrite
from canarysim.testing.strategies.pools import REPLACEMENTS

if TYPE_CHECKING:
    from canarysim.table.hash_policies import HashSource
    from canarysim.testing.strategies.choices import Choices

__all__ = ["hash_policies"]

_HEADERS = ("x-user", "x-a", "X-B", ":path", "host", ":method", "user-agent", "cookie", "accept")
_KINDS = (*("header", "header", "cookie", "query") * 4, "no address", "address")


def hash_policies(choices: Choices) -> tuple[HashPolicy, ...]:
    """One to three policies; seldom one on the client's address, of which a request may not tell."""
    return tuple(
        HashPolicy(choices.part(_source), terminal=choices.chance(30))
        for _ in range(choices.pick((1, 1, 2, 2, 3)))
    )


def _source(choices: Choices) -> HashSource:
    kind = choices.pick(_KINDS)
    if kind == "header":
        rewrite = RegexRewrite(*choices.pick(REPLACEMENTS)) if choices.chance(15) else None
        return HeaderHash(choices.pick(_HEADERS), rewrite)
    if kind == "cookie":
        name = choices.pick(("c", "session", "c"))
        return CookieHash(name, ttl="0s", path="/x") if choices.chance(25) else CookieHash(name)
    if kind == "query":
        return QueryParameterHash(choices.pick(("q", "v", "Q", "a%62")))
    return ConnectionHash(source_ip=kind == "address")
