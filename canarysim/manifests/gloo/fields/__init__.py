"""Every field of Gloo's resources, declared once: type, older spellings, and what it does to answers.

Source: the protobuf definitions of Gloo 1.22, and those of v0.8 to v0.21 for the 2019 form. The 2019 form is
read as a syntax: it is brought into today's shape and then means what today's Gloo makes of it.

A field whose own fields are not declared is kept as it stands.
"""

from __future__ import annotations

from canarysim.manifests.gloo.fields.common import resource
from canarysim.manifests.gloo.fields.gateways import GATEWAY_SPEC
from canarysim.manifests.gloo.fields.options import ROUTE_OPTION_SPEC, VIRTUAL_HOST_OPTION_SPEC
from canarysim.manifests.gloo.fields.routes import ROUTE_TABLE_SPEC, UPSTREAM_GROUP_SPEC, VIRTUAL_SERVICE_SPEC
from canarysim.manifests.gloo.fields.upstreams import UPSTREAM_SPEC

__all__ = ["RESOURCES", "SPECS", "VIRTUAL_SERVICE_SPEC"]

#: The spec of each kind.
SPECS = {
    "VirtualService": VIRTUAL_SERVICE_SPEC,
    "RouteTable": ROUTE_TABLE_SPEC,
    "RouteOption": ROUTE_OPTION_SPEC,
    "VirtualHostOption": VIRTUAL_HOST_OPTION_SPEC,
    "UpstreamGroup": UPSTREAM_GROUP_SPEC,
    "Upstream": UPSTREAM_SPEC,
    "Gateway": GATEWAY_SPEC,
}
#: The whole document of each kind.
RESOURCES = {kind: resource(spec) for kind, spec in SPECS.items()}
