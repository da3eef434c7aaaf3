"""The smallest table and request on which an Envoy and canarysim still differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

import canarysim as cs
from canarysim.table.actions import Destination, RouteAction
from canarysim.table.redirects import DirectResponseAction
from canarysim.table.routes import RouteMatch

from .judge import EnvoyRefused, Version
from .parity import Question, askable, disagreements

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How many simpler pairs are tried; each starts an Envoy, which takes a quarter of a second.
TRIES = 200


def shrunk(version: Version, table: cs.RouteTable, question: Question) -> tuple[cs.RouteTable, Question, str]:
    """A pair on which they differ, no simpler pair of which was found to; and what the difference is."""
    said = _differs(version, table, question) or "they agree when asked alone"
    left = TRIES
    simpler = True
    while simpler and left:
        simpler = False
        for smaller, asked in _simpler(table, question):
            left -= 1
            if found := _differs(version, smaller, asked):
                table, question, said, simpler = smaller, asked, found, True
                break
            if not left:
                break
    return table, question, said


def _differs(version: Version, table: cs.RouteTable, question: Question) -> str:
    if not askable(table, question[0]):
        return ""
    try:
        return "\n".join(disagreements(version, [table], [[question]]))
    except (EnvoyRefused, cs.InvalidValue):
        return ""


def _simpler(table: cs.RouteTable, question: Question) -> Iterator[tuple[cs.RouteTable, Question]]:
    """Pairs that are a step simpler, the largest steps first."""
    request, value = question
    found = table.find(request)
    if found.host is not None and len(table.virtual_hosts) > 1:
        yield attrs.evolve(table, virtual_hosts=[found.host]), question
    for place, host in enumerate(table.virtual_hosts):
        for smaller in _smaller_hosts(host):
            hosts = [*table.virtual_hosts[:place], smaller, *table.virtual_hosts[place + 1 :]]
            yield attrs.evolve(table, virtual_hosts=hosts), question
    for name in ("mirrors", "mutations", "internal_only_headers", "runtime", "clusters", "vhost_header", "http"):
        plain: Any = cs.HttpSettings() if name == "http" else attrs.fields_dict(cs.RouteTable)[name].default
        if getattr(table, name) != plain:
            plainer: Any = {name: plain}
            yield attrs.evolve(table, **plainer), question
    for changed in _smaller_requests(request):
        yield table, (changed, value)
    if value:
        yield table, (request, 0)


def _smaller_hosts(host: Any) -> Iterator[Any]:
    for place in reversed(range(len(host.routes))):
        yield attrs.evolve(host, routes=[*host.routes[:place], *host.routes[place + 1 :]])
    for name in ("mirrors", "virtual_clusters", "mutations", "require_tls"):
        plain = attrs.fields_dict(type(host))[name].default
        if getattr(host, name) != plain:
            yield attrs.evolve(host, **{name: plain})
    for place, route in enumerate(host.routes):
        for smaller in _smaller_routes(route):
            yield attrs.evolve(host, routes=[*host.routes[:place], smaller, *host.routes[place + 1 :]])


def _smaller_routes(route: Any) -> Iterator[Any]:
    if not isinstance(route.action, DirectResponseAction):
        yield attrs.evolve(route, action=DirectResponseAction(status=200))
    if isinstance(route.action, RouteAction):
        yield attrs.evolve(route, action=RouteAction([Destination("c")]))
    if route.mutations is not None:
        yield attrs.evolve(route, mutations=None)
    for field in attrs.fields(RouteMatch):
        value = getattr(route.match, field.name)
        if field.name != "path" and value:
            if isinstance(value, tuple) and len(value) > 1:
                for place in range(len(value)):
                    rest = (*value[:place], *value[place + 1 :])
                    yield attrs.evolve(route, match=attrs.evolve(route.match, **{field.name: rest}))
            else:
                yield attrs.evolve(route, match=attrs.evolve(route.match, **{field.name: field.default}))


def _smaller_requests(request: cs.Request) -> Iterator[cs.Request]:
    def changed(**parts: Any) -> cs.Request:
        named = {
            "method": request.method,
            "authority": request.authority,
            "scheme": request.scheme,
            "headers": request.headers,
            "address": request.address,
            "internal": request.internal,
        }
        path = parts.pop("path", request.path)
        return cs.Request(path, **{**named, **parts})

    for place in range(len(request.headers)):
        yield changed(headers=[*request.headers[:place], *request.headers[place + 1 :]])
    if request.scheme is not None:
        yield changed(scheme=None)
    if request.method != "GET":
        yield changed(method="GET")
    if request.authority not in ("", "h") and request.method != "CONNECT":
        yield changed(authority="h")
    path, mark, query = request.path.partition("?")
    if mark:
        yield changed(path=path)
        pieces = query.split("&")
        for place in range(len(pieces)):
            yield changed(path=f"{path}?{'&'.join([*pieces[:place], *pieces[place + 1 :]])}")
    if path.rpartition("/")[0]:
        yield changed(path=path.rpartition("/")[0] + mark + query)
