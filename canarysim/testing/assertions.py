"""Assertions that hold for every random value, and whose failures say why.

They raise AssertionError, so that pytest, unittest and notebooks know them; a name that the table does not
know is an UnknownName instead: a test that asks for something that does not exist tests nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from canarysim.answers.explain import explain
from canarysim.answers.names import bears, resolve
from canarysim.answers.preview import as_request, as_table
from canarysim.errors import InvalidValue, UnknownName
from canarysim.faces.text import percent
from canarysim.request import Request
from canarysim.table.decision import KINDS
from canarysim.testing.failure import failed
from canarysim.testing.shares import Share, add_to_one, as_share

if TYPE_CHECKING:
    from canarysim.table.decision import Decision
    from canarysim.table.route_table import RouteTable

__all__ = ["assert_routes_to", "assert_split"]

Requests = Request | str | Iterable[Request | str]
Wanted = str | Mapping[str, Any]

#: unittest cuts a traceback where a module says this.
__unittest = True


def assert_routes_to(
    table: RouteTable,
    requests: Requests,
    *,
    cluster: str | None = None,
    function: str | None = None,
    upstream: str | None = None,
    subset: Mapping[str, str] | None = None,
) -> None:
    """Asserts that each request goes, whatever its random value, to the destination described.

    ``requests`` is one or several, as Request or text. ``cluster`` may be the name of a cluster or of an
    Upstream, with or without its namespace. Raises AssertionError with an explanation of every request that
    goes elsewhere, and UnknownName for a name that is not in the table.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop, namespace: gloo-system}
    ... spec:
    ...   virtualHost:
    ...     routes:
    ...     - routeAction: {single: {upstream: {name: shop-v1}}}
    ... ''')
    >>> cs.assert_routes_to(table, ["GET /", "POST /orders"], cluster="shop-v1")
    """
    __tracebackhide__ = True
    given = {"cluster": cluster, "function": function, "upstream": upstream, "subset": subset}
    table = as_table(table)
    wanted = resolve(table, {k: v for k, v in given.items() if v is not None})
    failures = []
    asked = _requests(requests)
    for request in asked:
        shares = table.shares(request)
        if not all(bears(decision.destination, wanted) for decision, share in shares if share):
            failures.append(str(explain(table, request)))
    if failures:
        raise failed(
            f"{len(failures)} of {len(asked)} requests {'does' if len(failures) == 1 else 'do'} not always go to "
            f"{_named(wanted)}:\n\n" + "\n\n".join(failures)
        )


def assert_split(
    table: RouteTable, request: Request | str, shares: Mapping[Any, Share] | Iterable[tuple[Wanted, Share]]
) -> None:
    """Asserts the exact shares of destinations among all random values.

    ``shares`` maps destinations to shares, and is complete: what it does not name must get nothing. A
    destination is the name of a cluster or an Upstream; several labels at once, as in ``{"cluster": ...,
    "function": ..., "subset": {"version": "v2"}}``, go into (destination, share) pairs, and so does what goes to
    none, as in ``{"kind": "fault_abort"}``. A share is a Fraction, an int, text such as "1/3" or "12.5%", or a
    float, which is read as the decimal number it prints as. Raises AssertionError with the
    expected and true shares and an explanation, UnknownName for a name that is not in the table, and
    InvalidValue for shares that do not add to 1.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop, namespace: gloo-system}
    ... spec:
    ...   virtualHost:
    ...     routes:
    ...     - routeAction:
    ...         multi:
    ...           destinations:
    ...           - {weight: 1, destination: {upstream: {name: v2}}}
    ...           - {weight: 9, destination: {upstream: {name: v1}}}
    ... ''')
    >>> cs.assert_split(table, "GET /", {"v1": 0.9, "v2": 0.1})
    """
    __tracebackhide__ = True
    table, request = as_table(table), as_request(request)
    pairs = list(shares.items() if isinstance(shares, Mapping) else shares)
    expected = [(_resolved(table, wanted), as_share(share)) for wanted, share in pairs]
    add_to_one((share for _, share in expected), "the expected shares")
    outcomes = table.shares(request)
    lines = []
    wrong = False
    claimed: set[int] = set()
    for wanted, share in expected:
        mine = [i for i, (decision, _) in enumerate(outcomes) if _is(decision, wanted)]
        if claimed & set(mine):
            raise InvalidValue("overlapping_destinations", f"{_named(wanted)} overlaps another destination")
        claimed |= set(mine)
        true = sum((outcomes[i][1] for i in mine), Fraction(0))
        wrong |= true != share
        mark = "  " if true == share else "x "
        lines.append(f"{mark}{_named(wanted)}: expected {percent(share)} ({share}), is {percent(true)} ({true})")
    for i, (decision, share) in enumerate(outcomes):
        if share and i not in claimed:
            wrong = True
            lines.append(f"x {decision.outcome}: not expected, is {percent(share)} ({share})")
    if wrong:
        raise failed("the split is not the expected one:\n" + "\n".join(lines) + f"\n\n{explain(table, request)}")


def _resolved(table: RouteTable, wanted: Wanted) -> dict[str, Any]:
    """The labels of a destination, or one kind of decision."""
    if isinstance(wanted, str) or set(wanted) != {"kind"}:
        return resolve(table, wanted)
    if wanted["kind"] not in KINDS:
        raise UnknownName("kind of decision", wanted["kind"], KINDS)
    return dict(wanted)


def _is(decision: Decision, wanted: Mapping[str, Any]) -> bool:
    return decision.kind == wanted["kind"] if "kind" in wanted else bears(decision.destination, wanted)


def _requests(requests: Requests) -> list[Request]:
    several = [requests] if isinstance(requests, Request | str) else list(requests)
    if not several:
        raise InvalidValue("no_request", "no request was given, so nothing would be asserted")
    return [as_request(request) for request in several]


def _named(wanted: Mapping[str, Any]) -> str:
    return ", ".join(value if label == "cluster" else f"{label} {value}" for label, value in wanted.items())
