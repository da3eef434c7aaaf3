"""Upstreams: their kind, functions and subsets; how they are reached moves no decision."""

from __future__ import annotations

from canarysim.manifests.fields import ANY, BOOL, STRING, Effect, Field, ListOf, Message
from canarysim.manifests.gloo.fields.common import COSMETIC, TRANSPORT, inert
from canarysim.manifests.gloo.fields.functions import REST_SERVICE_SPEC

__all__ = ["UPSTREAM_SPEC", "UPSTREAM_TYPES"]

_TRANSCODED = "changes what the upstream is sent, not where to"
SERVICE_SPEC = Message(
    "ServiceSpec",
    (
        Field("rest", REST_SERVICE_SPEC, oneof="plugin_type"),
        Field("grpc", ANY, Effect.INERT, _TRANSCODED, oneof="plugin_type"),
        Field("grpcJsonTranscoder", ANY, Effect.INERT, _TRANSCODED, oneof="plugin_type"),
    ),
)
SUBSET_SPEC = Message(
    "SubsetSpec",
    (
        Field(
            "selectors",
            ListOf(Message("Selector", (Field("keys", ListOf(STRING)), *inert(TRANSPORT, "singleHostPerSubset")))),
        ),
        *inert(TRANSPORT, "fallbackPolicy", "defaultSubset"),
    ),
)
_FUNCTION = ListOf(Message("FunctionSpec", (Field("functionName", STRING), *inert(TRANSPORT, "authLevel"))))
_LAMBDA = ListOf(
    Message(
        "LambdaFunctionSpec", (Field("logicalName", STRING), *inert(TRANSPORT, "lambdaFunctionName", "qualifier"))
    )
)

_SERVICE = Field("serviceSpec", SERVICE_SPEC)
_TYPES = {
    "kube": (
        _SERVICE,
        Field("subsetSpec", SUBSET_SPEC),
        *inert(TRANSPORT, "serviceName", "serviceNamespace", "servicePort", "selector"),
    ),
    "static": (
        _SERVICE,
        Field("autoHostRewrite", BOOL, Effect.INERT, "of 2019; an option of routes today"),
        *inert(TRANSPORT, "hosts", "useTls", "autoSniRewrite"),
    ),
    "pipe": (_SERVICE, *inert(TRANSPORT, "path")),
    "aws": (
        Field("lambdaFunctions", _LAMBDA),
        *inert(
            TRANSPORT,
            *("region", "secretRef", "roleArn", "awsAccountId", "disableRoleChaining", "destinationOverrides"),
        ),
    ),
    "azure": (Field("functions", _FUNCTION), *inert(TRANSPORT, "functionAppName", "secretRef")),
    "consul": (
        _SERVICE,
        Field("serviceTags", ListOf(STRING)),
        Field("subsetTags", ListOf(STRING)),
        Field("dataCenters", ListOf(STRING)),
        *inert(
            TRANSPORT,
            *("serviceName", "instanceTags", "instanceBlacklistTags", "consistencyMode", "queryOptions"),
            "connectEnabled",
        ),
    ),
    "awsEc2": inert(TRANSPORT, "region", "secretRef", "roleArn", "filters", "publicIp", "port"),
}
#: The kinds of Upstream.
UPSTREAM_TYPES = (*_TYPES, "gcp", "ai")
_TYPE_FIELDS = (
    *(
        Field(name, Message(f"{name}.UpstreamSpec", fields), oneof="upstreamType")
        for name, fields in _TYPES.items()
    ),
    Field("gcp", ANY, oneof="upstreamType"),
    Field("ai", ANY, oneof="upstreamType"),
)

UPSTREAM_SPEC = Message(
    "Upstream",
    (
        *_TYPE_FIELDS,
        #: Of 2019: a message around the type, and around some of how it is reached.
        Field(
            "upstreamSpec",
            Message(
                "UpstreamSpec",
                (
                    *_TYPE_FIELDS,
                    *inert(
                        TRANSPORT,
                        *("sslConfig", "circuitBreakers", "loadBalancerConfig", "connectionConfig"),
                        *("healthChecks", "outlierDetection", "useHttp2"),
                    ),
                ),
            ),
            oneof="upstreamType",
        ),
        *inert(
            TRANSPORT,
            *("sslConfig", "circuitBreakers", "loadBalancerConfig", "healthChecks", "outlierDetection"),
            *("failover", "connectionConfig", "protocolSelection", "useHttp2", "initialStreamWindowSize"),
            *("initialConnectionWindowSize", "maxConcurrentStreams", "overrideStreamErrorOnInvalidHttpMessage"),
            *("httpProxyHostname", "httpConnectSslConfig", "httpConnectHeaders", "ignoreHealthOnHostRemoval"),
            *("respectDnsTtl", "dnsRefreshRate", "proxyProtocolVersion", "preconnectPolicy"),
            "disableIstioAutoMtls",
        ),
        *inert(COSMETIC, "discoveryMetadata", "status", "namespacedStatuses"),
    ),
)
