"""Random route tables that a real Envoy accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from canarysim.table.actions import RouteAction
from canarysim.table.behaviour import ENVOY_VERSIONS
from canarysim.table.hosts import DomainRule, VirtualCluster, VirtualHost
from canarysim.table.http import HttpSettings
from canarysim.table.route_table import RouteTable
from canarysim.table.routes import Route
from canarysim.table.runtime import DENOMINATORS, Runtime
from canarysim.testing.strategies.actions import WEIGHTS_PREFIX, action, mirrors
from canarysim.testing.strategies.conditions import FRACTION_KEYS, Dialect, header, route_match
from canarysim.testing.strategies.mutations import mutations
from canarysim.testing.strategies.pools import CLUSTERS, DOMAINS, MISSING_CLUSTER

if TYPE_CHECKING:
    from canarysim.table.http import EscapedSlashes
    from canarysim.testing.strategies.choices import Choices

__all__ = ["make_table"]

_FIELDS = (
    *("http", "http", "http", "runtime", "runtime", "ignore_port_in_host_matching"),
    *("ignore_path_parameters_in_path_matching", "vhost_header", "internal_only_headers", "mirrors"),
    *("mutations", "mutations", "most_specific_header_mutations_wins"),
)
_ESCAPED: tuple[EscapedSlashes, ...] = (
    "KEEP_UNCHANGED",
    "UNESCAPE_AND_FORWARD",
    "UNESCAPE_AND_REDIRECT",
    "REJECT_REQUEST",
)
#: The guards that tell 1.40 from what it did before.
_GUARDS = (
    "match_headers_individually",
    "re2_use_latin1_mode",
    "strip_path_parameters_per_segment",
    "enable_new_query_param_present_match_behavior",
    "http_reject_path_with_fragment",
)


def make_table(
    choices: Choices, *, envoy: str | None = None, gloo: bool = False, hosts: int = 3, routes: int = 6
) -> RouteTable:
    """A table of up to so many virtual hosts, each of up to so many routes."""
    version = envoy or choices.pick(ENVOY_VERSIONS[::-1])
    tls = choices.chance(10)
    dialect = Dialect(version, gloo, tls)
    missing = not gloo and choices.chance(20)
    names = (*CLUSTERS, MISSING_CLUSTER) if missing else CLUSTERS
    used: set[tuple[str, str]] = set()
    virtual_hosts: list[VirtualHost] = []
    for number in range(choices.pick((1, 1, 1, *range(1, hosts + 1)))):
        domains = _domains(choices, used, gloo=gloo)
        if domains:
            virtual_hosts.append(_virtual_host(choices, dialect, f"h{number}", domains, routes, missing=missing))
    scheme: Literal["http", "https"] = "https" if tls else "http"
    if gloo:
        if tls:
            virtual_hosts = [attrs.evolve(host, require_tls="ALL") for host in virtual_hosts]
        http = HttpSettings(normalize_path=True, upgrades=("websocket",))
        return RouteTable(virtual_hosts, name="gateway-proxy", envoy=version, http=http, scheme=scheme)
    more: dict[str, Any] = {}
    for field in choices.sample(_FIELDS, 4, 55):
        if field == "vhost_header":
            more[field] = choices.pick(("x-host", "x-a", ":authority")) if version != "1.36" else ""
        elif field == "http":
            more[field] = choices.part(lambda choices: _http(choices, tls=tls))
        elif field == "runtime":
            more[field] = choices.part(lambda choices: _runtime(choices, virtual_hosts))
        elif field == "internal_only_headers":
            more[field] = [choices.pick(("x-a", "x-user", "X-Canary"))]
        elif field == "mirrors":
            more[field] = choices.part(lambda choices: mirrors(choices, names))
        elif field == "mutations":
            more[field] = choices.part(mutations)
        else:
            more[field] = True
    if version != "1.36" and choices.chance(4):
        guard = f"envoy.reloadable_features.{choices.pick(_GUARDS)}"
        more["runtime"] = Runtime.of(dict(more["runtime"].items) if "runtime" in more else {}, {guard: False})
    return RouteTable(
        virtual_hosts, name="table", envoy=version, scheme=scheme, clusters=CLUSTERS if missing else None, **more
    )


def _domains(choices: Choices, used: set[tuple[str, str]], *, gloo: bool) -> list[str]:
    """Domains that no host of the table has so far."""
    wanted = ["*"] if not used or choices.chance(40) else []
    more = choices.sample(DOMAINS, 4, 50)
    if more and choices.chance(35):
        wanted = []
    wanted = [*wanted, *more] or [choices.pick(DOMAINS)]
    found = []
    for domain in wanted:
        rule = DomainRule.of(domain)
        if (rule.kind, rule.text) not in used and (domain or not gloo):
            used.add((rule.kind, rule.text))
            found.append(domain)
    return found


def _virtual_host(
    choices: Choices, dialect: Dialect, name: str, domains: list[str], most: int, *, missing: bool
) -> VirtualHost:
    # How many is asked first, for that is how hypothesis takes away one of several.
    count = choices.integer(1, most) if most and not choices.chance(3) else 0
    routes = [
        choices.part(lambda choices, index=number: _route(choices, dialect, name, index, count, missing=missing))  # type: ignore[misc]
        for number in range(count)
    ]
    if dialect.gloo:
        return VirtualHost(name, domains, routes)
    names = (*CLUSTERS, MISSING_CLUSTER) if missing else CLUSTERS
    more = choices.sample(("mutations", "require_tls", "virtual_clusters", "mirrors"), 4, 30)
    return VirtualHost(
        name,
        domains,
        routes,
        require_tls=choices.pick(("ALL", "EXTERNAL_ONLY")) if "require_tls" in more else "",
        mutations=choices.part(mutations) if "mutations" in more else None,
        virtual_clusters=_virtual_clusters(choices, dialect) if "virtual_clusters" in more else (),
        mirrors=mirrors(choices, names) if "mirrors" in more else (),
    )


def _route(choices: Choices, dialect: Dialect, host: str, index: int, count: int, *, missing: bool) -> Route:
    match = route_match(choices, dialect, last=index == count - 1)
    done = action(choices, dialect, match.path, missing=missing)
    changes = choices.part(mutations) if not dialect.gloo and choices.chance(15) else None
    return Route(match, done, mutations=changes, name=f"{host}-route-{index}", index=index)


def _virtual_clusters(choices: Choices, dialect: Dialect) -> list[VirtualCluster]:
    return [
        VirtualCluster(f"vc{number}", [header(choices, dialect) for _ in range(choices.pick((1, 1, 2)))])
        for number in range(choices.pick((1, 2)))
    ]


def _http(choices: Choices, *, tls: bool) -> HttpSettings:
    # Envoy refuses two ways to strip a port at once. With use_remote_address the scheme is that of the
    # connection, so that only a real one for TLS tells of https.
    offered = ["normalize_path", "merge_slashes", "slashes", "strip_any_host_port", "strip_matching_host_port"]
    offered += ["strip_trailing_host_dot", "upgrades", *([] if tls else ["use_remote_address"])]
    told: dict[str, Any] = {}
    for field in choices.sample(offered, 5, 75):
        if field == "slashes":
            told["path_with_escaped_slashes_action"] = choices.pick(_ESCAPED)
        elif field == "upgrades":
            told[field] = choices.sample(("websocket", "connect", "x"), 3, 65)
        else:
            told[field] = True
    if told.get("strip_any_host_port"):
        told.pop("strip_matching_host_port", None)
    return HttpSettings(**told, port=80 if "strip_matching_host_port" in told else None)


def _runtime(choices: Choices, hosts: list[VirtualHost]) -> Runtime:
    """Values for the keys that tables use; Envoy refuses weights that sum to 0 under it."""
    keys = (*FRACTION_KEYS, *FRACTION_KEYS, *(f"{WEIGHTS_PREFIX}.{name}" for name in CLUSTERS))
    fractions: dict[str, Any] = {}
    weights: dict[str, int] = {}
    for key in choices.sample(keys, 6, 85):
        if key not in FRACTION_KEYS:
            weights[key] = choices.pick((1, 0, 3, 100, 10**6))
        elif choices.chance(20):
            denominator = choices.pick(tuple(DENOMINATORS))
            numerator = choices.integer(0, DENOMINATORS[denominator])
            fractions[key] = {"numerator": numerator, "denominator": denominator}
        else:
            fractions[key] = choices.pick((50, 0, 100, 250, 1, "7", "nonsense"))
    runtime = Runtime.of(fractions, weights)
    actions = [route.action for host in hosts for route in host.routes]
    picks = all(one.under(runtime) is not None for one in actions if isinstance(one, RouteAction))
    return runtime if picks else Runtime.of(fractions)
