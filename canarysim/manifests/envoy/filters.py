"""What HTTP filters do to answers, for they are not simulated.

Facts (documentation of Envoy 1.40's filters):

1. Filters run after the route was chosen. Some answer in its place, some change the request, and some of these
   have the route chosen anew.
2. A filter's settings on a route stand under the filter's name; their type is one of the filter's, or
   FilterConfig, which may also switch the filter off.
3. The fault filter answers in place of the upstream only where it has ``abort``. Its settings on a route are
   simulated (faults.py); its own, which hold where no route has any, are not.
"""

from __future__ import annotations

import attrs

from canarysim.manifests.document import Mapping, Scalar
from canarysim.manifests.envoy.types import Any, camel_case
from canarysim.manifests.fields import Effect
from canarysim.table.faults import FAULT_TYPE

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as MappingOf

    from canarysim.manifests.document import Node

__all__ = ["FilterUse", "filter_use", "override_uses"]


@attrs.frozen
class FilterUse:
    """A filter, or its settings on a route: the filter's name, the type of its settings, and what that does.

    ``parts`` are those of a decision that it leaves open where it is ``UNSIMULATED``; none mean all.
    """

    name: str
    type: str
    effect: Effect
    note: str
    parts: tuple[str, ...]
    node: Node
    path: str


_REFUSES = "may refuse a request, never sends it elsewhere"
_RESPONSE = "changes the response, or how the request is carried"
_HEADERS = "changes the headers that the upstream is sent"
_ANYTHING = "may answer, change the request, and have it routed again"

#: By the name of the filter in the package of its settings (envoy.extensions.filters.http.<name>.v3).
_EFFECTS: dict[str, tuple[Effect, str, tuple[str, ...]]] = {
    **dict.fromkeys(
        """
        rbac ext_authz jwt_authn ratelimit local_ratelimit rate_limit_quota csrf cors basic_auth api_key_auth
        oauth2 admission_control adaptive_concurrency buffer bandwidth_limit cdn_loop health_check
        """.split(),
        (Effect.INERT, _REFUSES, ()),
    ),
    **dict.fromkeys(
        """
        router upstream_codec compressor decompressor custom_response cache cache_v2 stateful_session tap
        grpc_web grpc_stats grpc_http1_bridge connect_grpc_bridge alternate_protocols_cache on_demand
        file_system_buffer dynamic_forward_proxy original_src kill_request set_filter_state set_metadata
        json_to_metadata proto_message_extraction
        """.split(),
        (Effect.INERT, _RESPONSE, ()),
    ),
    **dict.fromkeys(
        "header_mutation header_to_metadata credential_injector aws_request_signing gcp_authn ip_tagging".split(),
        (Effect.UNSIMULATED, _HEADERS, ("request_headers",)),
    ),
    "fault": (Effect.UNSIMULATED, "may answer in place of the upstream", ()),
}
#: Filters of others by the type of their settings, known to leave routing as it is.
_HARMLESS = frozenset(
    """
    stats.PluginConfig io.istio.http.peer_metadata.Config istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig
    """.split()
)
#: Messages that hold the settings of a filter, whose type they name.
_WRAPPERS = frozenset(["udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct"])
_FILTER_CONFIG = "envoy.config.route.v3.FilterConfig"
_PACKAGE = "envoy.extensions.filters.http."


def filter_use(name: str, packed: Any) -> FilterUse:
    """What a filter, or its settings on a route, does."""
    kind, node = packed.type, packed.node
    if kind == _FILTER_CONFIG:
        inner = _get(node, "config")
        named = _get(inner, "@type")
        if _is_true(_get(node, "disabled")):
            return FilterUse(name, kind, Effect.INERT, "the filter is switched off", (), node, packed.path)
        if isinstance(named, Scalar) and inner is not None:
            kind, node = named.text.rpartition("/")[2], inner
    if kind in _WRAPPERS and isinstance(inner_type := _get(node, "type_url"), Scalar):
        kind = inner_type.text.rpartition("/")[2]
    if kind in _HARMLESS:
        return FilterUse(name, kind, Effect.INERT, _RESPONSE, (), packed.node, packed.path)
    filter_name = kind.removeprefix(_PACKAGE).partition(".")[0] if kind.startswith(_PACKAGE) else ""
    effect, note, parts = _EFFECTS.get(filter_name, (Effect.UNSIMULATED, _ANYTHING, ()))
    if kind == FAULT_TYPE and packed.record is not None:
        effect, note = Effect.SIMULATED, "aborts and delays requests"
    elif packed.type == FAULT_TYPE and _get(node, "abort") is None:
        effect, note = Effect.INERT, "a fault without abort moves no decision"
    return FilterUse(name, kind, effect, note, parts, packed.node, packed.path)


def override_uses(overrides: MappingOf[str, Any]) -> Iterable[FilterUse]:
    """What the settings in a ``typed_per_filter_config`` do, by the record's value of that field."""
    return [filter_use(name, packed) for name, packed in overrides.items()]


def _get(node: Node | None, name: str) -> Node | None:
    if not isinstance(node, Mapping):
        return None
    found = node.get(name)
    return node.get(camel_case(name)) if found is None else found


def _is_true(node: Node | None) -> bool:
    return isinstance(node, Scalar) and node.text.lower() in ("true", "yes", "y", "on", "t", "1")
