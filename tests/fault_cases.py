"""Faults: a route configuration, the filters and the runtime it runs with, a request, and what becomes of it.

The shares were written by hand from Envoy's documentation; tests/envoy/test_faults.py asks Envoy the same.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import attrs

import canarysim as cs

from .envoy.configuration import bootstrap, clusters_named, type_url

FAULT_TYPE = type_url("filters.http.fault.v3.HTTPFault")
FILTER_CONFIG = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
NAME = "envoy.filters.http.fault"
ROUTER = {"name": "router", "typed_config": {"@type": type_url("filters.http.router.v3.Router")}}
EMPTY = {"@type": FAULT_TYPE}
OFF = {"@type": FILTER_CONFIG, "disabled": True}

Outcome = tuple[str, int | None, str | None, tuple[str, ...]]
"""Kind, status of Envoy's own, cluster, clusters with copies."""


def sent(cluster: str, *mirrors: str) -> Outcome:
    return "forward", None, cluster, mirrors


def aborted(status: int = 503) -> Outcome:
    return "fault_abort", status, None, ()


def answered(kind: str, status: int) -> Outcome:
    return kind, status, None, ()


def percentage(numerator: int, denominator: str = "HUNDRED") -> dict[str, Any]:
    return {"percentage": {"numerator": numerator, "denominator": denominator}}


def abort(numerator: int, status: int = 503, denominator: str = "HUNDRED", **more: Any) -> dict[str, Any]:
    return {"@type": FAULT_TYPE, "abort": {"http_status": status, **percentage(numerator, denominator)}, **more}


def delay(numerator: int, seconds: str = "0.001s", **more: Any) -> dict[str, Any]:
    return {"@type": FAULT_TYPE, "delay": {"fixed_delay": seconds, **percentage(numerator)}, **more}


def setting(config: dict[str, Any], name: str = NAME) -> dict[str, Any]:
    return {"typed_per_filter_config": {name: config}}


def fault_filter(name: str = NAME, **fields: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": EMPTY, **fields}


def table(*routes: dict[str, Any], host: Any = None, **fields: Any) -> dict[str, Any]:
    rows = [{"name": f"r{i}", "match": {"prefix": "/"}, **route} for i, route in enumerate(routes)]
    return {
        "name": "t",
        **fields,
        "virtual_hosts": [{"name": "h", "domains": ["*"], "routes": rows, **(host or {})}],
    }


def single(config: dict[str, Any] | None = None, **action: Any) -> dict[str, Any]:
    return {"route": {"cluster": "a", **action}, **({} if config is None else setting(config))}


def weighted(*entries: tuple[str, int, dict[str, Any] | None], **fields: Any) -> dict[str, Any]:
    clusters = [
        {"name": name, "weight": weight, **({} if config is None else setting(config))}
        for name, weight, config in entries
    ]
    return {"route": {"weighted_clusters": {"clusters": clusters}}, **fields}


REQUEST = cs.Request("/", authority="h")


@attrs.frozen
class FaultCase:
    configuration: dict[str, Any]
    shares: dict[Outcome, Fraction | int]
    filters: tuple[dict[str, Any], ...] = (fault_filter(),)
    request: cs.Request = REQUEST
    runtime: dict[str, Any] = attrs.field(factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        return {"http_filters": [*self.filters, ROUTER]}

    def table(self, envoy: str) -> cs.RouteTable:
        """Read from all that Envoy is given."""
        named = sorted(clusters_named(self.configuration)[0] - set(self.missing))
        everything = bootstrap(
            "/f", [(self.configuration, self.settings)], dict.fromkeys(named, "/up"), self.runtime
        )
        return cs.from_envoy(everything, envoy=envoy)


def half(of: int = 2) -> Fraction:
    return Fraction(1, of)


HALF = {"default_value": {"numerator": 50}}
TENTH = Fraction(1, 10)
KEYED: dict[str, Any] = {"abort_percent_runtime": "k.p", "abort_http_status_runtime": "k.s"}
FROM_C = cs.Request("/", authority="h", headers={"x-envoy-downstream-service-cluster": "c"})
FROM_NOBODY = cs.Request("/", authority="h", headers={"x-envoy-downstream-service-cluster": ""})
FROM_TWO = cs.Request(
    "/",
    authority="h",
    headers=[("x-envoy-downstream-service-cluster", "c"), ("x-envoy-downstream-service-cluster", "d")],
)
WEBSOCKET = cs.Request("/", authority="h", headers={"connection": "upgrade", "upgrade": "websocket"})

CASES: dict[str, FaultCase] = {
    "a tenth": FaultCase(table(single(abort(10))), {sent("a"): 1 - TENTH, aborted(): TENTH}),
    "0 %": FaultCase(table(single(abort(0))), {sent("a"): 1}),
    "no percentage": FaultCase(table(single({**EMPTY, "abort": {"http_status": 503}})), {sent("a"): 1}),
    "100 %": FaultCase(table(single(abort(100, 418))), {aborted(418): 1}),
    "150 %": FaultCase(table(single(abort(150))), {aborted(): 1}),
    "100 % of weights": FaultCase(
        table(weighted(("a", 1, None), ("b", 1, None), **setting(abort(100)))), {aborted(): 1}
    ),
    "of 10^4": FaultCase(
        table(single(abort(2500, 503, "TEN_THOUSAND"))), {sent("a"): Fraction(3, 4), aborted(): half(4)}
    ),
    "of 10^6": FaultCase(
        table(single(abort(250_000, 503, "MILLION"))), {sent("a"): Fraction(3, 4), aborted(): half(4)}
    ),
    # The value of a fault is its own: behind half of the requests, half of them; by the value of the request it
    # would be all or none.
    "half of a half": FaultCase(
        table(
            {"match": {"prefix": "/", "runtime_fraction": HALF}, **single(abort(50))},
            {"route": {"cluster": "b"}},
        ),
        {sent("a"): half(4), aborted(): half(4), sent("b"): half()},
    ),
    "half of weights": FaultCase(
        table(weighted(("a", 50, None), ("b", 50, None), **setting(abort(50)))),
        {sent("a"): half(4), sent("b"): half(4), aborted(): half()},
    ),
    "half of each cluster": FaultCase(
        table(weighted(("a", 50, abort(50, 411)), ("b", 50, abort(50, 412)))),
        {sent("a"): half(4), sent("b"): half(4), aborted(411): half(4), aborted(412): half(4)},
    ),
    "of one cluster": FaultCase(
        table(weighted(("a", 1, abort(40)), ("b", 3, None))),
        {sent("a"): Fraction(3, 20), sent("b"): Fraction(3, 4), aborted(): TENTH},
    ),
    "delayed and aborted": FaultCase(
        table(single(abort(50, delay=delay(50)["delay"]))), {sent("a"): half(), aborted(): half()}
    ),
    # Who is asked.
    "the most specific": FaultCase(
        table(
            weighted(("a", 1, abort(100, 413)), ("b", 1, None), **setting(abort(100, 412))),
            host=setting(abort(100, 411)),
            **setting(abort(100, 410)),
        ),
        {aborted(413): half(), aborted(412): half()},
    ),
    "of the virtual host": FaultCase(
        table(single(), host=setting(abort(100, 411)), **setting(abort(100, 410))), {aborted(411): 1}
    ),
    "of the table": FaultCase(table(single(), **setting(abort(100, 410))), {aborted(410): 1}),
    "nothing is merged": FaultCase(table(single(delay(100)), host=setting(abort(100))), {sent("a"): 1}),
    "empty settings": FaultCase(table(single(EMPTY), host=setting(abort(100))), {sent("a"): 1}),
    "switched off": FaultCase(table(single(OFF), host=setting(abort(100))), {sent("a"): 1}),
    "switched off for a cluster": FaultCase(
        table(weighted(("a", 1, OFF), ("b", 1, None), **setting(abort(100)))),
        {sent("a"): half(), aborted(): half()},
    ),
    "on again": FaultCase(table(single(abort(100)), host=setting(OFF)), {aborted(): 1}),
    "on again for a cluster": FaultCase(
        table(weighted(("a", 1, abort(100)), ("b", 1, None), **setting(OFF))),
        {aborted(): half(), sent("b"): half()},
    ),
    "wrapped": FaultCase(table(single({"@type": FILTER_CONFIG, "config": abort(100, 414)})), {aborted(414): 1}),
    # What is aborted.
    "a redirect": FaultCase(
        table({"redirect": {"path_redirect": "/x"}, **setting(abort(50))}),
        {answered("redirect", 301): half(), aborted(): half()},
    ),
    "a direct response": FaultCase(
        table({"direct_response": {"status": 204}, **setting(abort(50))}),
        {answered("direct_response", 204): half(), aborted(): half()},
    ),
    "a route without a cluster": FaultCase(
        table({"non_forwarding_action": {}, **setting(abort(50, 418))}),
        {answered("cluster_not_found", 503): half(), aborted(418): half()},
    ),
    "a cluster that is not there": FaultCase(
        table(single(abort(50, 418), cluster="gone"), validate_clusters=False),
        {answered("cluster_not_found", 503): half(), aborted(418): half()},
        missing=("gone",),
    ),
    "no route": FaultCase(
        table({"match": {"prefix": "/x"}, **single()}, host=setting(abort(100))), {answered("not_found", 404): 1}
    ),
    "https only": FaultCase(
        table(single(), host={"require_tls": "ALL", **setting(abort(100))}), {answered("tls_redirect", 301): 1}
    ),
    "an upgrade": FaultCase(
        table(single(abort(100), upgrade_configs=[{"upgrade_type": "websocket"}])),
        {aborted(): 1},
        request=WEBSOCKET,
    ),
    "a refused upgrade": FaultCase(table(single(abort(100))), {answered("rejected", 403): 1}, request=WEBSOCKET),
    "copies": FaultCase(
        table(single(abort(50), request_mirror_policies=[{"cluster": "m"}])),
        {sent("a", "m"): half(), aborted(): half()},
    ),
    # Filters.
    "no filter": FaultCase(table(single(abort(100))), {sent("a"): 1}, ()),
    "a filter of another name": FaultCase(table(single(abort(100))), {sent("a"): 1}, (fault_filter("f"),)),
    "a filter and settings of another name": FaultCase(
        table({**single(), **setting(abort(100), "f")}), {aborted(): 1}, (fault_filter("f"),)
    ),
    "a filter off unless asked for": FaultCase(
        table(single(abort(100))), {aborted(): 1}, (fault_filter(disabled=True),)
    ),
    # The runtime.
    "keys that are not there": FaultCase(
        table(single(abort(50, **KEYED))), {sent("a"): half(), aborted(): half()}
    ),
    "keys": FaultCase(
        table(single(abort(50, **KEYED))),
        {sent("a"): Fraction(4, 5), aborted(419): Fraction(1, 5)},
        runtime={"k": {"p": 20, "s": 419}},
    ),
    "Envoy's own keys": FaultCase(
        table(single(abort(0))),
        {sent("a"): Fraction(4, 5), aborted(418): Fraction(1, 5)},
        runtime={"fault.http.abort.abort_percent": 20, "fault.http.abort.http_status": 418},
    ),
    "a header in place of Envoy's own keys": FaultCase(
        table(single(abort(50))),
        {sent("a"): half(), aborted(): half()},
        request=FROM_C,
        runtime={"fault.http.abort.abort_percent": 20, "fault.http.abort.http_status": 418},
    ),
    "an empty header": FaultCase(
        table(single(abort(50))),
        {sent("a"): half(), aborted(): half()},
        request=FROM_NOBODY,
        runtime={"fault.http.abort.abort_percent": 20, "fault.http.abort.http_status": 418},
    ),
    "two headers in the keys": FaultCase(
        table(single(abort(50))),
        {aborted(): 1},
        request=FROM_TWO,
        runtime={"fault.http.c,d.abort.abort_percent": 100, "fault.http.c.abort.abort_percent": 0},
    ),
    "a header in the keys": FaultCase(
        table(single(abort(50))),
        {aborted(420): 1},
        request=FROM_C,
        runtime={"fault.http.c.abort.abort_percent": 100, "fault.http.c.abort.http_status": 420},
    ),
    "a status that no answer has": FaultCase(
        table(single(abort(100))), {aborted(99): 1}, runtime={"fault.http.abort.http_status": 99}
    ),
}
