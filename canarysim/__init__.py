"""Where does this request go, why, and in which proportions? Envoy-style routing, simulated offline.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop, namespace: gloo-system}
    ... spec:
    ...   virtualHost:
    ...     routes:
    ...     - matchers: [{prefix: /, headers: [{name: x-canary, value: "true"}]}]
    ...       routeAction: {single: {upstream: {name: shop-v2}}}
    ...     - routeAction: {single: {upstream: {name: shop-v1}}}
    ... ''')
    >>> table.route(cs.Request("/", headers={"x-canary": "true"})).cluster
    'shop-v2_gloo-system'

The public names are imported when they are first used: importing the package loads neither numpy nor yaml.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, whose module costs more to import than this one

__version__ = "0.1.0"

_HOMES = {
    "CanarysimError": "canarysim.errors",
    "InvalidValue": "canarysim.errors",
    "ManifestError": "canarysim.errors",
    "MissingExtra": "canarysim.errors",
    "NotExportable": "canarysim.errors",
    "RandomValueNeeded": "canarysim.errors",
    "SeveralTables": "canarysim.errors",
    "UnknownName": "canarysim.errors",
    "Problem": "canarysim.problems",
    "Severity": "canarysim.problems",
    "Where": "canarysim.problems",
    "Request": "canarysim.request",
    "Decision": "canarysim.table.decision",
    "HttpSettings": "canarysim.table.http",
    "RouteTable": "canarysim.table.route_table",
    "load": "canarysim.manifests.load",
    "load_all": "canarysim.manifests.load",
    "loads": "canarysim.manifests.load",
    "from_envoy": "canarysim.manifests.envoy.build",
    "to_envoy": "canarysim.manifests.envoy.export",
    "preview": "canarysim.answers.preview",
    "explain": "canarysim.answers.explain",
    "simulate": "canarysim.answers.simulate",
    "Split": "canarysim.engine.split",
    "Traffic": "canarysim.engine.traffic",
    "Column": "canarysim.engine.traffic",
    "read_access_log": "canarysim.engine.access_log",
    "assert_not_found": "canarysim.testing.assertions",
    "assert_redirects": "canarysim.testing.assertions",
    "assert_responds": "canarysim.testing.assertions",
    "assert_routes_to": "canarysim.testing.assertions",
    "assert_split": "canarysim.testing.assertions",
    "assert_split_observed": "canarysim.testing.observed",
}

__all__ = list(_HOMES)

if TYPE_CHECKING:
    from canarysim.answers.explain import explain as explain
    from canarysim.answers.preview import preview as preview
    from canarysim.answers.simulate import simulate as simulate
    from canarysim.engine.access_log import read_access_log as read_access_log
    from canarysim.engine.split import Split as Split
    from canarysim.engine.traffic import Column as Column
    from canarysim.engine.traffic import Traffic as Traffic
    from canarysim.errors import (
        CanarysimError as CanarysimError,
    )
    from canarysim.errors import (
        InvalidValue as InvalidValue,
    )
    from canarysim.errors import (
        ManifestError as ManifestError,
    )
    from canarysim.errors import (
        MissingExtra as MissingExtra,
    )
    from canarysim.errors import (
        NotExportable as NotExportable,
    )
    from canarysim.errors import (
        RandomValueNeeded as RandomValueNeeded,
    )
    from canarysim.errors import (
        SeveralTables as SeveralTables,
    )
    from canarysim.errors import (
        UnknownName as UnknownName,
    )
    from canarysim.manifests.envoy.build import from_envoy as from_envoy
    from canarysim.manifests.envoy.export import to_envoy as to_envoy
    from canarysim.manifests.load import load as load
    from canarysim.manifests.load import load_all as load_all
    from canarysim.manifests.load import loads as loads
    from canarysim.problems import Problem as Problem
    from canarysim.problems import Severity as Severity
    from canarysim.problems import Where as Where
    from canarysim.request import Request as Request
    from canarysim.table.decision import Decision as Decision
    from canarysim.table.http import HttpSettings as HttpSettings
    from canarysim.table.route_table import RouteTable as RouteTable
    from canarysim.testing.assertions import (
        assert_not_found as assert_not_found,
    )
    from canarysim.testing.assertions import (
        assert_redirects as assert_redirects,
    )
    from canarysim.testing.assertions import (
        assert_responds as assert_responds,
    )
    from canarysim.testing.assertions import (
        assert_routes_to as assert_routes_to,
    )
    from canarysim.testing.assertions import (
        assert_split as assert_split,
    )
    from canarysim.testing.observed import (
        assert_split_observed as assert_split_observed,
    )


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
