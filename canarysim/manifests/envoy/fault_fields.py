"""Every field of the fault filter's settings, declared once; see fields.py.

Where a message has no ``abort``, no other field of it moves a decision.
"""

from __future__ import annotations

from canarysim.manifests.envoy.match_fields import FRACTIONAL_PERCENT, HEADER_MATCHER
from canarysim.manifests.envoy.types import DURATION, Proto, Wrapped, inert
from canarysim.manifests.fields import ANY, BOOL, STRING, UINT32, Effect, Field, ListOf, Whole

__all__ = ["FILTER_CONFIG", "HTTP_FAULT"]

_OPEN = Effect.UNSIMULATED
_DELAYS = "delays, and moves no decision"

_FAULT_DELAY = Proto(
    "FaultDelay",
    (
        Field("fixed_delay", DURATION, oneof="fault_delay_secifier"),
        Field("header_delay", ANY, Effect.INERT, _DELAYS, oneof="fault_delay_secifier"),
        Field("percentage", FRACTIONAL_PERCENT),
    ),
    choices=("fault_delay_secifier",),
)
_FAULT_ABORT = Proto(
    "FaultAbort",
    (
        Field("http_status", Whole(200, 599), oneof="error_type"),
        Field("grpc_status", UINT32, _OPEN, "it aborts with a status of gRPC", oneof="error_type"),
        Field("header_abort", ANY, _OPEN, "a header of the request says whether to abort", oneof="error_type"),
        Field("percentage", FRACTIONAL_PERCENT),
        *inert("changes the response only", "response_body", since="1.40"),
    ),
    choices=("error_type",),
)
HTTP_FAULT = Proto(
    "HTTPFault",
    (
        Field("delay", _FAULT_DELAY),
        Field("abort", _FAULT_ABORT),
        Field("upstream_cluster", STRING, _OPEN, "only requests for one cluster are aborted"),
        Field("headers", ListOf(HEADER_MATCHER), _OPEN, "only requests with some headers are aborted"),
        Field("downstream_nodes", ListOf(STRING), _OPEN, "only requests of some clients are aborted"),
        Field("max_active_faults", Wrapped(UINT32), _OPEN, "faults under way keep others from being made"),
        Field("abort_percent_runtime", STRING),
        Field("abort_http_status_runtime", STRING),
        *inert(_DELAYS, "delay_percent_runtime", "delay_duration_runtime"),
        *inert("slows the response", "response_rate_limit", "response_rate_limit_percent_runtime"),
        *inert("acts together with a field that is not simulated", "max_active_faults_runtime"),
        *inert("acts together with a field that is not simulated", "abort_grpc_status_runtime"),
        Field("disable_downstream_cluster_stats", BOOL, Effect.INERT, "counts only"),
        *inert("is noted for other filters", "filter_metadata"),
    ),
)
FILTER_CONFIG = Proto(
    "FilterConfig",
    (Field("config", ANY), Field("is_optional", BOOL), Field("disabled", BOOL)),
)
