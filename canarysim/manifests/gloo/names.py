"""The names Gloo gives to what it generates, so that access logs and statistics can be joined with answers.

Facts (source of Gloo 1.22, packages gateway/pkg/translator and gloo/pkg/translator):

1. A virtual host is called ``<namespace>_<name>`` after its VirtualService, dots in it turned into ``_``.
2. A route is called ``<virtual host>-route-<i>-matcher-<j>``: i counts the routes of the virtual host, j the
   matchers of the route. A route that the user named has its long name in the middle.
3. The long name is ``vs:<gateway>_<proxy>_<namespace>_<VirtualService>_route:<name of the route>``, and then for
   each RouteTable on the way ``_rt:<namespace>_<RouteTable>_route:<name of the route>``. A route without a name is
   called ``<unnamed-i>`` after its place in its own resource. There is no long name where no route on the way has
   a name.
4. The cluster of an Upstream is ``<name>_<namespace>``.
5. A Kubernetes service as destination stands for an Upstream ``kube-svc:<namespace>-<service>-<port>`` in the
   namespace of the service; what follows the colon is cleaned of characters that names must not have, and
   shortened with an MD5 sum beyond 63 characters. A Consul service stands for ``consul-svc:<service>`` in
   ``gloo-system``.
"""

from __future__ import annotations

import re

__all__ = [
    "cluster_of_upstream",
    "consul_upstream",
    "kube_upstream",
    "long_route_name",
    "route_name",
    "virtual_host_name",
]


def virtual_host_name(namespace: str, name: str) -> str:
    """Fact 1."""
    return f"{namespace}.{name}".replace(".", "_")


def long_route_name(holder: str, route: str, number: int) -> str:
    """Fact 3; ``holder`` is the name so far and the part for the resource around the route."""
    return f"{holder}_route:{route or f'<unnamed-{number}>'}"


def route_name(virtual_host: str, route: int, matcher: int, long_name: str = "") -> str:
    """Fact 2; ``long_name`` is empty where the user gave the route no name."""
    middle = f"{route}-{long_name}" if long_name else str(route)
    return f"{virtual_host}-route-{middle}-matcher-{matcher}"


def cluster_of_upstream(namespace: str, name: str) -> str:
    """Fact 4."""
    return f"{name}_{namespace}" if namespace else name


def kube_upstream(namespace: str, service: str, port: int) -> tuple[str, str]:
    """Fact 5: namespace and name of the Upstream."""
    return namespace, f"kube-svc:{_clean(f'{namespace}-{service}-{port}')}"


def consul_upstream(service: str) -> tuple[str, str]:
    """Fact 5: namespace and name of the Upstream."""
    return "gloo-system", f"consul-svc:{service}"


def _clean(name: str) -> str:
    name = re.sub("[\\[\\]\n\"']", "", re.sub("[*/.:_ ]", "-", name))
    if len(name) > 63:
        from hashlib import md5

        digest = md5(name.encode(), usedforsecurity=False).hexdigest()
        name = f"{name[:31]}-{digest[:31]}"
    return name.lower()
