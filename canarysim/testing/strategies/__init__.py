"""Strategies for hypothesis: route tables, requests aimed at a table, and random values at the edges of a choice.

They need hypothesis: ``pip install 'canarysim[hypothesis]'``. A property test of one's own routes::

    import canarysim as cs
    from canarysim.testing.strategies import requests_for
    from hypothesis import given

    TABLE = cs.load("virtualservice.yaml")


    @given(requests_for(TABLE))
    def test_no_request_of_mine_reaches_the_old_cluster(request):
        for decision, share in TABLE.shares(request):
            assert share == 0 or decision.cluster != "shop-old_gloo-system"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarysim.errors import InvalidValue, MissingExtra
from canarysim.table.behaviour import ENVOY_VERSIONS
from canarysim.testing.strategies.aims import edges_of, make_request, make_value
from canarysim.testing.strategies.choices import Dice, Drawn
from canarysim.testing.strategies.tables import make_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from hypothesis.strategies import DrawFn, SearchStrategy

    from canarysim.engine.split import Split
    from canarysim.request import Request
    from canarysim.table.actions import RouteAction
    from canarysim.table.route_table import RouteTable
    from canarysim.testing.strategies.aims import Edges
    from canarysim.testing.strategies.choices import Choices

__all__ = ["random_values", "requests_for", "route_tables"]


def route_tables(
    *, envoy: str | None = None, gloo: bool = False, hosts: int = 3, routes: int = 6
) -> SearchStrategy[RouteTable]:
    """Route tables that an Envoy of that version, or of either, accepts: for tests of what reads tables.

    They use all that a table can say; with ``gloo`` only what Gloo makes of VirtualServices. They have one to
    ``hosts`` virtual hosts of up to ``routes`` routes each, whose ``index`` counts within the host. Their texts
    are few and alike, so that one request meets the conditions of several routes. What fails shrinks to small
    tables. Raises InvalidValue, and MissingExtra without hypothesis. Cost: up to about ten milliseconds a table.

    An Envoy that is to decide as a table does has the clusters that the table names but ``gone``; trusts the
    address 10.0.0.1 where a table tells requests from inside apart; and listens on port 80.

    >>> import canarysim as cs
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=10, database=None)
    ... @given(route_tables(envoy="1.36"))
    ... def test_tables_have_an_export(table):
    ...     assert cs.to_envoy(table)["virtual_hosts"]
    >>> test_tables_have_an_export()
    """
    if envoy is not None and envoy not in ENVOY_VERSIONS:
        raise InvalidValue("unknown_envoy", f"envoy={envoy!r}: known are {' and '.join(ENVOY_VERSIONS)}")
    if hosts < 1 or routes < 0:
        raise InvalidValue("bad_size", f"a table has 1 host and 0 routes at least, not {hosts} and {routes}")
    return _strategy(
        "route_tables", lambda choices: make_table(choices, envoy=envoy, gloo=gloo, hosts=hosts, routes=routes)
    )


def requests_for(table: RouteTable) -> SearchStrategy[Request]:
    """Requests aimed at the routes of a table: about half satisfy one, the others narrowly miss it.

    A request is made for one of the domains and all conditions of a route, as far as something can satisfy them,
    though an earlier route may take it. Then mostly one thing of it is changed a little: the end of the path, the
    case of a value, a header doubled or gone, a port behind the host, an encoded character. About one in seven is
    sought (canarysim.testing.witness): past the earlier routes, or refused by one condition of its route alone. So
    what that search finds comes with a known probability: the witness of one of R routes of one of H hosts with
    0.067/(H R) a request or more, the near miss of one of C conditions of that route with 0.082/(H R C) or more.

    All of them can be sent by HTTP/1. Only where routes ask for it has a request metadata, a client certificate
    (on a listener for TLS) or comes from inside. Raises MissingExtra without hypothesis. Cost of a request:
    O(conditions of a route), and the first time that one is sought some milliseconds.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop}
    ... spec:
    ...   virtualHost:
    ...     routes:
    ...     - matchers: [{prefix: /orders, headers: [{name: x-canary, value: 'true'}]}]
    ...       routeAction: {single: {upstream: {name: v2}}}
    ...     - routeAction: {single: {upstream: {name: v1}}}
    ... ''')
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=50, database=None)
    ... @given(requests_for(table))
    ... def test_only_canary_requests_reach_v2(request):
    ...     if table.route(request).cluster == "v2_default":
    ...         assert ("x-canary", "true") in [(name, value.strip()) for name, value in request.headers]
    >>> test_only_canary_requests_reach_v2()
    """
    return _strategy("requests_for", lambda choices: make_request(choices, table))


def random_values(what: Split | RouteAction | RouteTable) -> SearchStrategy[int]:
    """Random values of 64 bits, most of them at an edge: where a Split, an action or a table decides differently.

    That is begin, end - 1 and end of every interval of the weights, and of every fraction of a table, with any
    number of rounds of the total added, the ends of 64 bits, and anything. Raises MissingExtra without
    hypothesis.

    >>> import canarysim as cs
    >>> from hypothesis import given, settings
    >>> split = cs.Split({"v2": 10, "v1": 90})
    >>> @settings(max_examples=50, database=None)
    ... @given(random_values(split))
    ... def test_the_canary_has_the_first_tenth(value):
    ...     assert (split.pick(value) == 0) == (value % 100 < 10)
    >>> test_the_canary_has_the_first_tenth()
    """
    edges = edges_of(what)
    return _strategy("random_values", lambda choices: make_value(choices, edges))


def _strategy(name: str, make: Callable[[Choices], Any]) -> SearchStrategy[Any]:
    try:
        from hypothesis import strategies as st
    except ImportError as error:
        raise MissingExtra("hypothesis", "hypothesis") from error
    from functools import cache

    below = cache(lambda count: st.integers(0, count - 1))

    @st.composite
    def part(draw: DrawFn, make: Callable[[Choices], Any]) -> Any:
        return make(Drawn(lambda count: draw(below(count)), lambda inner: draw(part(inner))))

    def drawn(draw: DrawFn) -> Any:
        return draw(part(make))

    drawn.__name__ = drawn.__qualname__ = name
    return st.composite(drawn)()


# The same driven by a random.Random: for many decisions, where nothing has to shrink.


def _random_table(rng: Random, *, envoy: str | None = None, gloo: bool = False) -> RouteTable:
    return make_table(Dice(rng), envoy=envoy, gloo=gloo)


def _random_request(rng: Random, table: RouteTable) -> Request:
    return make_request(Dice(rng), table)


def _random_value(rng: Random, what: Split | RouteAction | RouteTable | Edges) -> int:
    return make_value(Dice(rng), what if isinstance(what, tuple) else edges_of(what))
