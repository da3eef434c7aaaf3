"""Assertions that hold for every random value, and whose failures say why.

They raise AssertionError, so that pytest, unittest and notebooks know them; a name that the table does not
know is an UnknownName instead: a test that asks for something that does not exist tests nothing. Tracebacks end
at the line that asserts, in all three.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from canarysim.answers.preview import as_request, as_table
from canarysim.errors import InvalidValue
from canarysim.faces.verdicts import verdict_text
from canarysim.request import Request
from canarysim.testing.contents import Answers, Sent
from canarysim.testing.diagnosis import diagnose
from canarysim.testing.expectations import Destined, Expectation, OfHost, OfKind, OfRoute
from canarysim.testing.failure import assertion, failure
from canarysim.testing.judge import judge
from canarysim.testing.recording import tell
from canarysim.testing.splits import check_apart, split_expectations, unexpected_lines

if TYPE_CHECKING:
    from canarysim.table.route_table import RouteTable
    from canarysim.testing.expectations import Check
    from canarysim.testing.shares import Share

__all__ = ["assert_not_found", "assert_redirects", "assert_responds", "assert_routes_to", "assert_split"]

__unittest = True  # what unittest leaves out of tracebacks; pytest and IPython ask __tracebackhide__

Requests = Request | str | Iterable[Request | str]
Wanted = str | Mapping[str, Any]

#: Of requests that fail, so many are explained.
_EXPLAINED = 5


@assertion
def assert_routes_to(
    table: RouteTable,
    requests: Requests,
    *,
    cluster: str | None = None,
    function: str | None = None,
    upstream: str | None = None,
    subset: Mapping[str, str] | None = None,
    route: str | None = None,
    virtual_host: str | None = None,
    path_rewrite: str | None = None,
    host_rewrite: str | None = None,
) -> None:
    """Asserts that each request goes, whatever its random value, to the destination described.

    ``requests`` is one or several, as Request or text. ``cluster`` may be the name of a cluster or of an
    Upstream, with or without its namespace; ``route`` the name of a route in Envoy or in the manifest.
    ``path_rewrite`` and ``host_rewrite`` are the path with query and the host as they go upstream. Raises
    AssertionError that says of every request that goes elsewhere where it goes and why, UnknownName for a name
    that is not in the table, and InvalidValue where nothing is asserted.

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
    labels = {k: v for k, v in given.items() if v is not None}
    checks: list[Check] = []
    if labels:
        checks.append(Destined(labels))
    if route is not None:
        checks.append(OfRoute(route))
    if virtual_host is not None:
        checks.append(OfHost(virtual_host))
    checks += [
        Sent(name, value)
        for name, value in (("path_rewrite", path_rewrite), ("host_rewrite", host_rewrite))
        if value is not None
    ]
    if not checks:
        raise InvalidValue("nothing_expected", "an assertion about nothing: give cluster=, function=, route=, ...")
    if not labels:
        checks.append(OfKind(["forward"]))
    _always(table, requests, checks, "go to")


@assertion
def assert_redirects(
    table: RouteTable, requests: Requests, to: str | None = None, *, status: int | None = None
) -> None:
    """Asserts that each request is answered with a redirect, by its route or for want of TLS.

    ``to`` is the whole URL of the location, ``status`` the code of the answer. Raises as assert_routes_to.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop, namespace: gloo-system}
    ... spec:
    ...   virtualHost:
    ...     routes:
    ...     - redirectAction: {hostRedirect: new.example, responseCode: FOUND}
    ... ''')
    >>> cs.assert_redirects(table, "GET http://shop.example/a?b", "http://new.example/a?b", status=302)
    """
    __tracebackhide__ = True
    checks: list[Check] = [OfKind(["redirect", "tls_redirect"])]
    if to is not None:
        checks.append(Answers("redirect", to))
    if status is not None:
        checks.append(Answers("status", status))
    _always(table, requests, checks, "get")


@assertion
def assert_responds(table: RouteTable, requests: Requests, status: int, *, body: str | None = None) -> None:
    """Asserts that a route answers each request itself, by a direct response of that status and body.

    A 404 for want of a route is no such answer: assert_not_found asks for that. Raises as assert_routes_to.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop, namespace: gloo-system}
    ... spec:
    ...   virtualHost:
    ...     routes:
    ...     - directResponseAction: {status: 503, body: come back later}
    ... ''')
    >>> cs.assert_responds(table, "GET /", 503, body="come back later")
    """
    __tracebackhide__ = True
    checks: list[Check] = [OfKind(["direct_response"]), Answers("status", status)]
    if body is not None:
        checks.append(Answers("body", body))
    _always(table, requests, checks, "get")


@assertion
def assert_not_found(table: RouteTable, requests: Requests) -> None:
    """Asserts that no virtual host, or no route of its, takes each request: Envoy answers 404.

    A direct response of 404 is another thing: assert_responds asks for that. Raises as assert_routes_to.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop, namespace: gloo-system}
    ... spec:
    ...   virtualHost:
    ...     routes:
    ...     - matchers: [{prefix: /shop}]
    ...       routeAction: {single: {upstream: {name: shop-v1}}}
    ... ''')
    >>> cs.assert_not_found(table, ["GET /admin", "GET /"])
    """
    __tracebackhide__ = True
    _always(table, requests, [OfKind(["not_found"])], "get")


@assertion
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
    expectations = [each.resolved(table) for each in split_expectations(pairs)]
    verdict = judge(table, request, expectations)
    check_apart(verdict, expectations)
    tell(verdict)
    if not verdict.holds:
        lines = ["the split is not the expected one:", *unexpected_lines(verdict, expectations)]
        raise failure("\n".join([*lines, verdict_text(verdict, diagnose(verdict))]))


def _always(table: RouteTable, requests: Requests, checks: list[Check], verb: str) -> None:
    """Holds one expectation against several requests, for every random value."""
    __tracebackhide__ = True
    table, asked = as_table(table), _requests(requests)
    expectation = Expectation(tuple(checks)).resolved(table)
    verdicts = [judge(table, request, [expectation]) for request in asked]
    for verdict in verdicts:
        tell(verdict)
    failed = [verdict for verdict in verdicts if not verdict.holds]
    if failed:
        who = f"{len(failed)} of {len(asked)} requests" if len(asked) > 1 else str(asked[0])
        does = "does" if len(failed) == 1 else "do"
        head = f"{who} {does} not always {verb} {expectation}:"
        texts = [verdict_text(verdict, diagnose(verdict)) for verdict in failed[:_EXPLAINED]]
        texts += [f"and {verdict.request}" for verdict in failed[_EXPLAINED:]]
        raise failure("\n\n".join([head, *texts]))


def _requests(requests: Requests) -> list[Request]:
    several = [requests] if isinstance(requests, Request | str) else list(requests)
    if not several:
        raise InvalidValue("no_request", "no request was given, so nothing would be asserted")
    return [as_request(request) for request in several]
