"""Gateways: the listeners there are, which VirtualServices each has, and what it does before routing.

Facts (source of Gloo 1.22, gateway/pkg/translator and gloo/pkg/plugins/hcm):

1. Without Gateway resources there are two: ``gateway-proxy`` on port 8080 for VirtualServices without
   ``sslConfig``, and ``gateway-proxy-ssl`` on port 8443 for those with it.
2. A gateway takes VirtualServices that are as it is, ssl or plain. Expressions on labels decide where there are
   any, else labels, both within ``virtualServiceNamespaces``; else references, whatever the namespace; else the
   namespaces alone. No namespaces, or ``*``, are all. ``virtualServiceExpressions`` without any takes every one.
3. A reference to a VirtualService that is not there is an error of the gateway, and so are two gateways of one
   proxy on one address and port, a bad expression, and a ``bindAddress`` that is no address of IP.
4. A listener is called ``listener-<address>-<port>``, its route configuration has ``-routes`` behind that. Without
   ``proxyNames`` the proxy is ``gateway-proxy``.
5. Gloo 1.22 ships Envoy 1.36, and sets ``normalize_path`` and allows websockets where Envoy's own defaults do not.
6. Gloo reads the Gateways of the namespace that it is installed in, mostly ``gloo-system``, unless its Settings
   say ``readGatewaysFromAllNamespaces``. Here all are read.
7. The matched gateways of a hybrid gateway share address and port; each is ssl if its matcher has one.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.errors import InvalidValue
from canarysim.manifests.gloo.resources import Effect
from canarysim.manifests.gloo.selectors import holds, same_labels, why_bad
from canarysim.manifests.gloo.unknowns import unknowns_of
from canarysim.table.http import HttpSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.manifests.fields import Record
    from canarysim.manifests.gloo.resources import Resource, Resources
    from canarysim.problems import Problem
    from canarysim.table.actions import Unknown

__all__ = ["Listener", "listeners"]

PROXY = "gateway-proxy"
#: Those that nearly every gateway has.
_ADDRESS = r"::|0\.0\.0\.0"


@attrs.frozen(eq=False)
class Listener:
    """What makes one route table: a gateway, or one that a hybrid gateway matches, for one proxy.

    ``name`` is what the table is called. ``http_gateway`` is None for one of the two default gateways.
    """

    name: str
    gateway: str
    proxy: str
    address: str
    port: int
    ssl: bool
    resource: Resource | None = None
    http_gateway: Record | None = None
    http: HttpSettings = attrs.field(factory=lambda: _http(None, 0))
    most_specific_header_mutations_wins: bool = False
    max_direct_response_body_size_bytes: int = 4096
    unknowns: tuple[Unknown, ...] = ()
    #: The errors of the Gateway.
    wrong: tuple[Problem, ...] = ()

    @property
    def route_configuration(self) -> str:
        """Fact 4."""
        return f"listener-{self.address}-{self.port}-routes"

    def takes(self, service: Resource) -> bool:
        """Fact 2."""
        if self.ssl is not service.is_ssl:
            return False
        gateway = self.http_gateway
        if gateway is None:
            return True
        namespaces: list[str] = gateway.get("virtualServiceNamespaces", [])
        within = not namespaces or "*" in namespaces or service.namespace in namespaces
        if "virtualServiceExpressions" in gateway:
            expressions: list[Record] = gateway["virtualServiceExpressions"].get("expressions", [])
            return within and all(why_bad(each) is not None or holds(each, service.labels) for each in expressions)
        if "virtualServiceSelector" in gateway:
            return within and same_labels(gateway["virtualServiceSelector"], service.labels)
        refs: list[Record] = gateway.get("virtualServices", [])
        if not refs:
            return within
        return any(
            (ref.get("namespace", ""), ref.get("name", "")) == (service.namespace, service.name) for ref in refs
        )


def listeners(resources: Resources) -> list[Listener]:
    """The listeners of all Gateways in the input, or the two default ones (fact 1)."""
    gateways = resources.of("Gateway")
    if not gateways:
        return [
            Listener("gateway-proxy", "gateway-proxy", PROXY, "::", 8080, False),
            Listener("gateway-proxy-ssl", "gateway-proxy-ssl", PROXY, "::", 8443, True),
        ]
    conflicts = _address_conflicts(gateways)
    found: list[Listener] = []
    for gateway in gateways:
        start = len(resources.journal)
        if gateway.namespace != "gloo-system":
            own = gateway.namespace
            text = f"Gloo reads the Gateways of its own namespace only: of {own} if it is installed there"
            hint = "put it into gloo-system, or see the Settings of Gloo"
            gateway.spec.note("other_namespace", text, None, hint)
        made = list(_listeners(gateway, resources))
        wrong = (*conflicts.get(gateway, ()), *resources.errors_since(start)[Effect.REJECTED])
        found += [attrs.evolve(listener, wrong=wrong) for listener in made]
    return [attrs.evolve(each, name=name) for each, name in zip(found, _names(found), strict=True)]


def _names(found: list[Listener]) -> Iterator[str]:
    """The gateway's name, with as much before or behind it as tells it from the others."""
    plain = Counter(each.name for each in found)
    qualified = [f"{each.resource.namespace}.{each.name}" if each.resource else each.name for each in found]
    full = Counter(qualified)
    for each, name in zip(found, qualified, strict=True):
        yield each.name if plain[each.name] == 1 else name if full[name] == 1 else f"{name} of {each.proxy}"


def _listeners(resource: Resource, resources: Resources) -> Iterator[Listener]:
    spec = resource.spec
    ssl: bool = spec.get("ssl", False)
    if "httpGateway" in spec:
        gateways: list[tuple[str, bool, Record]] = [(resource.name, ssl, spec["httpGateway"])]
    elif "hybridGateway" in spec:
        gateways = list(_matched(resource))
    elif "virtualServices" in spec:
        gateways = [(resource.name, ssl, spec)]
    else:
        if spec.lacks("tcpGateway"):
            spec.report("no_gateway_type", "the Gateway does not say what it carries", None, "add httpGateway: {}")
        return
    _check_address(spec)
    for name, is_ssl_gateway, gateway in gateways:
        _check_choice(gateway, resources)
        settings: dict[str, Any] = _settings(spec, gateway)
        for proxy in spec.get("proxyNames") or [PROXY]:
            yield Listener(
                *(name, resource.name, proxy, spec.get("bindAddress", ""), spec.get("bindPort", 0)),
                *(is_ssl_gateway, resource, gateway),
                **settings,
            )


def _matched(resource: Resource) -> Iterator[tuple[str, bool, Record]]:
    """Fact 7."""
    hybrid: Record = resource.spec["hybridGateway"]
    for _ in unknowns_of(hybrid):
        pass  # a warning says what is not read
    for number, matched in enumerate(hybrid.get("matchedGateways", ())):
        if "httpGateway" in matched:
            matcher: Record | None = matched.get("matcher")
            ssl = matcher is not None and "sslConfig" in matcher
            yield f"{resource.name} matchedGateways[{number}]", ssl, matched["httpGateway"]


def _check_address(spec: Record) -> None:
    """Fact 3, where an address is written; what is cut out of a Gateway often has none."""
    address: str = spec.get("bindAddress", "")
    if address and not re.fullmatch(_ADDRESS, address):
        from ipaddress import ip_address

        try:
            ip_address(address)
        except ValueError:
            spec.report(
                "bad_address", f"{address!r} is no address of IP", "bindAddress", "write bindAddress: '::'"
            )


def _check_choice(gateway: Record, resources: Resources) -> None:
    """Says what is wrong with how a gateway chooses its VirtualServices (fact 3)."""
    for ref in gateway.get("virtualServices", ()):
        namespace, name = ref.get("namespace", ""), ref.get("name", "")
        if resources.find("VirtualService", namespace, name) is None:
            text, hint = resources.missing("VirtualService", namespace, name)
            tell = ref.report if resources.apply else ref.warn
            tell("missing_virtual_service", f"{text}: without it Gloo rejects the Gateway", None, hint)
    expressions: Record | None = gateway.get("virtualServiceExpressions")
    for expression in () if expressions is None else expressions.get("expressions", ()):
        if (why := why_bad(expression)) is not None and not (expression.damaged or expression.misspelt):
            expression.report("bad_selector", why)


def _address_conflicts(gateways: list[Resource]) -> dict[Resource, list[Problem]]:
    """Fact 3."""
    by_address: dict[tuple[str, str, int], list[Resource]] = {}
    for gateway in gateways:
        spec = gateway.spec
        for proxy in spec.get("proxyNames") or [PROXY]:
            address = proxy, spec.get("bindAddress", ""), spec.get("bindPort", 0)
            by_address.setdefault(address, []).append(gateway)
    found: dict[Resource, list[Problem]] = {}
    for same in by_address.values():
        for gateway, other in zip(same[1:] + same[:1], same, strict=True):
            if gateway is not other:
                text = f"{other} has this address and port too ({other.spec.where('bindPort')})"
                hint = "give each gateway of a proxy a port of its own"
                problem = gateway.spec.report("duplicate_address", text, "bindPort", hint)
                found.setdefault(gateway, []).append(problem)
    return found


def _settings(spec: Record, gateway: Record) -> dict[str, Any]:
    """What a gateway says of its connection manager, by the names of Listener (fact 5)."""
    route_options: Record | None = spec.get("routeOptions")
    options: Record | None = gateway.get("options")
    manager: Record | None = None if options is None else options.get("httpConnectionManagerSettings")
    told = {} if route_options is None else route_options.values
    return {
        "http": _http(manager, spec.get("bindPort", 0)),
        "most_specific_header_mutations_wins": told.get("mostSpecificHeaderMutationsWins", False),
        "max_direct_response_body_size_bytes": told.get("maxDirectResponseBodySizeBytes", 4096),
        "unknowns": tuple(unknowns_of(gateway)),
    }


def _http(manager: Record | None, port: int) -> HttpSettings:
    if manager is None:
        return HttpSettings(normalize_path=True, upgrades=("websocket",), port=port or None)
    action: Any = manager.get("pathWithEscapedSlashesAction", "KEEP_UNCHANGED")
    try:
        return HttpSettings(
            normalize_path=manager.get("normalizePath", True),
            merge_slashes=manager.get("mergeSlashes", False),
            strip_any_host_port=manager.get("stripAnyHostPort", False),
            path_with_escaped_slashes_action=action.replace("IMPLEMENTATION_SPECIFIC_DEFAULT", "KEEP_UNCHANGED"),
            use_remote_address=manager.get("useRemoteAddress", False),
            upgrades=_upgrades(manager),
            port=port or None,
        )
    except InvalidValue as wrong:
        manager.wrong(wrong)
        return HttpSettings(normalize_path=True)


def _upgrades(manager: Record) -> tuple[str, ...]:
    """The kinds of upgrade that the connection manager allows: websockets, unless it says otherwise (fact 5)."""
    told: dict[str, bool] = {}
    for record in manager.get("upgrades", ()):
        for name in ("websocket", "connect", "connectTerminate"):
            if name not in record:
                continue
            if name == "connectTerminate":
                record.report("bad_upgrade", "connectTerminate is for routes only", name, "write connect:")
            elif name in told:
                record.report("duplicate_upgrade", f"the upgrade {name} stands twice", name, "keep one")
            told[name] = record[name].get("enabled", True)
    told.setdefault("websocket", True)
    return tuple(name for name, enabled in told.items() if enabled and name != "connectTerminate")
