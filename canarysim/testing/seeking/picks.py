"""Which requests, and which random values, a route sends to one of its destinations."""

from __future__ import annotations

from itertools import accumulate
from math import gcd
from typing import TYPE_CHECKING, Any, cast

import attrs

from canarysim.request import Request, as_name
from canarysim.table.hash_policies import ConnectionHash, CookieHash, HeaderHash, QueryParameterHash
from canarysim.table.matchers import HeaderMatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from canarysim.table.actions import RouteAction
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.chance import Chance, Residues
    from canarysim.table.strings import Test

__all__ = ["Told", "least", "names_cluster", "picks", "variations"]


@attrs.frozen
class Told:
    """What the value of a header has to tell; stands where a HeaderMatcher has a StringMatcher."""

    holds: Callable[[str], bool] = attrs.field(eq=False)
    #: Texts to try.
    proposed: tuple[str, ...]

    def test(self, envoy: Behaviour) -> Test:
        return self.holds

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return None


def names_cluster(header: str, known: frozenset[str] | None) -> HeaderMatcher:
    """That a header names a cluster, one of ``known`` where that is told: what a route by header needs."""

    def holds(text: str) -> bool:
        name = as_name(text) if text else None
        return name is not None and (known is None or name in known)

    return _asking(header, Told(holds, tuple(sorted(known or ())) or ("some-cluster",)))


def picks(action: RouteAction, number: int) -> HeaderMatcher:
    """That the number in the header by which an action picks leads to one of its destinations."""
    ends = (0, *accumulate(destination.weight for destination in action.destinations))
    begin, end, total = ends[number], ends[number + 1], action.total

    def holds(text: str) -> bool:
        return text.isascii() and text.isdigit() and len(text) < 20 and begin <= int(text) % total < end

    values = (*range(begin, min(end, begin + 12)), end - 1)
    proposed = (str(value + rounds * total) for rounds in (0, 1, 2, 9) for value in values)
    return _asking(action.header_name, Told(holds, tuple(proposed)))


def _asking(header: str, told: Told) -> HeaderMatcher:
    return HeaderMatcher(header, cast("Any", told))


def variations(request: Request, action: RouteAction, most: int) -> Iterator[Request]:
    """The request with other values for what the hash policies of an action look at."""
    for number in range(1, most + 1):
        for policy in action.hash_policies:
            source = policy.source
            if isinstance(source, HeaderHash) and source.name[:1] != ":":
                name = source.name.lower()
                rest = [pair for pair in request.headers if pair[0] != name]
                yield _changed(request, headers=[*rest, (name, f"user-{number}")])
            elif isinstance(source, CookieHash):
                headers = list(request.headers)
                at = next((at for at, (name, _) in enumerate(headers) if name == "cookie"), None)
                piece = f"{source.name}={number}"
                if at is None:
                    headers.append(("cookie", piece))
                else:
                    headers[at] = ("cookie", f"{headers[at][1]}; {piece}")
                yield _changed(request, headers=headers)
            elif isinstance(source, QueryParameterHash):
                sign = "&" if "?" in request.path else "?"
                yield _changed(request, path=f"{request.path}{sign}{source.name}={number}")
            elif isinstance(source, ConnectionHash) and source.source_ip:
                yield _changed(request, address=f"192.0.2.{number % 256}")
            elif isinstance(source, HeaderHash) and source.name == ":path":
                sign = "&" if "?" in request.path else "?"
                yield _changed(request, path=f"{request.path}{sign}n={number}")


def _changed(request: Request, **parts: Any) -> Request:
    told = {
        name: getattr(request, name)
        for name in ("path", "method", "authority", "scheme", "headers", "metadata", "certificate", "address")
    }
    told |= {"internal": request.internal, "body": request.body, **parts}
    return Request(told.pop("path"), **told)


# A member of a set of random values


def least(chance: Chance) -> int | None:
    """A random value of a set, a small one; None where it is empty. Cost: O(intervals squared)."""
    known: list[Residues] = list(chance.conditions)
    while len(known) > 2:  # of many moduli one divides another (chance.py)
        pair = next(
            ((one, of) for one in known for of in known if one is not of and of.modulus % one.modulus == 0), None
        )
        if pair is None:
            return None
        known = [one for one in known if one not in pair] + [pair[0].within(pair[1])]
    if not known:
        return 0
    if len(known) == 1:
        return known[0].intervals[0][0] if known[0].intervals else None
    first, second = known
    divisor = gcd(first.modulus, second.modulus)
    for a, end_of_a in first.intervals:
        for b, end_of_b in second.intervals:
            # Residues that agree modulo the divisor: one of the two intervals begins in the other.
            if (x := a + (b - a) % divisor) < end_of_a:
                return _together(x, first.modulus, b, second.modulus, divisor)
            if (y := b + (a - b) % divisor) < end_of_b:
                return _together(a, first.modulus, y, second.modulus, divisor)
    return None


def _together(x: int, m: int, y: int, n: int, divisor: int) -> int:
    """The least number that is x modulo m and y modulo n."""
    steps = (y - x) // divisor * pow(m // divisor, -1, n // divisor) % (n // divisor)
    return x + m * steps
