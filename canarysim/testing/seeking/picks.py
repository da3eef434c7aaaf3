"""Which requests, and which random values, a route sends to one of its destinations."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from math import gcd
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.request import Request, as_name
from canarysim.table.hash_policies import ConnectionHash, CookieHash, HeaderHash, QueryParameterHash
from canarysim.table.matchers import Matcher
from canarysim.table.views import HeaderView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.table.actions import RouteAction
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.chance import Chance, Residues
    from canarysim.table.strings import Test

__all__ = ["NamesCluster", "Picks", "least", "variations"]


@attrs.frozen
class NamesCluster(Matcher):
    """That a header names a cluster, one of ``known`` where that is told: what a route by header needs."""

    header: str
    known: frozenset[str] | None = None

    @property
    def view(self) -> HeaderView:
        return HeaderView(":authority" if self.header.lower() == "host" else self.header.lower())

    def test(self, envoy: Behaviour) -> Test:
        def holds(values: tuple[str, ...] | None) -> bool:
            name = as_name(values[0]) if values and values[0] else None
            return name is not None and (self.known is None or name in self.known)

        return holds

    @property
    def proposed(self) -> tuple[str, ...]:
        """Values to try."""
        return ("some-cluster",) if self.known is None else tuple(sorted(self.known)) or ("some-cluster",)

    def describe(self) -> str:
        return "names a cluster"


@attrs.frozen
class Picks(Matcher):
    """That the number in the header that an action picks by leads to one of its destinations."""

    action: RouteAction
    number: int

    @property
    def view(self) -> HeaderView:
        return HeaderView(self.action.header_name.lower())

    def _interval(self) -> tuple[int, int]:
        ends = (0, *accumulate(destination.weight for destination in self.action.destinations))
        return ends[self.number], ends[self.number + 1]

    def test(self, envoy: Behaviour) -> Test:
        begin, end = self._interval()
        total = self.action.total

        def holds(values: tuple[str, ...] | None) -> bool:
            text = values[0].strip() if values and len(values) == 1 else ""
            return text.isascii() and text.isdigit() and len(text) < 20 and begin <= int(text) % total < end

        return holds

    @property
    def proposed(self) -> tuple[str, ...]:
        """Values to try: in the interval, and one and two rounds further on."""
        begin, end = self._interval()
        total = self.action.total
        values = (begin, end - 1, *range(begin, min(end, begin + 12)))
        return tuple(str(value + rounds * total) for rounds in (0, 1, 2, 9) for value in values)

    def describe(self) -> str:
        return f"picks destination {self.number}"


def picked(action: RouteAction, value: int) -> int:
    """The number of the destination that a value picks."""
    ends = list(accumulate(destination.weight for destination in action.destinations))
    return bisect_right(ends, value % action.total)


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
