"""VirtualServices, RouteTables and UpstreamGroups: domains, matchers, actions and destinations."""

from __future__ import annotations

from typing import Any

from canarysim.manifests.fields import (
    ANY,
    BOOL,
    INT32,
    STRING,
    UINT32,
    EnumOf,
    Field,
    Legacy,
    ListOf,
    MapOf,
    Message,
)
from canarysim.manifests.gloo.fields.common import COSMETIC, EXPRESSIONS, OPEN, REF, REFUSES, RESPONSE, inert
from canarysim.manifests.gloo.fields.functions import PARAMETERS
from canarysim.manifests.gloo.fields.options import (
    REGEX_REWRITE,
    ROUTE_OPTIONS,
    ROUTE_PLUGINS,
    VIRTUAL_HOST_OPTIONS,
    WEIGHTED_DESTINATION_OPTIONS,
    unwrapped,
)
from canarysim.table.redirects import REDIRECT_CODES

__all__ = ["ROUTE_TABLE_SPEC", "UPSTREAM_GROUP_SPEC", "VIRTUAL_SERVICE_SPEC"]


def _same(value: Any) -> Any:
    return value


def _one(value: Any) -> list[Any]:
    return [value]


HEADER_MATCHER = Message(
    "HeaderMatcher",
    (Field("name", STRING), Field("value", STRING), Field("regex", BOOL), Field("invertMatch", BOOL)),
)
QUERY_PARAMETER_MATCHER = Message(
    "QueryParameterMatcher", (Field("name", STRING), Field("value", STRING), Field("regex", BOOL))
)
MATCHER = Message(
    "Matcher",
    (
        Field("prefix", STRING, oneof="path"),
        Field("exact", STRING, oneof="path"),
        Field("regex", STRING, oneof="path"),
        Field("connectMatcher", ANY, oneof="path"),
        Field("caseSensitive", BOOL),
        Field("headers", ListOf(HEADER_MATCHER)),
        Field("queryParameters", ListOf(QUERY_PARAMETER_MATCHER)),
        Field("methods", ListOf(STRING)),
    ),
)

_FUNCTION_INPUT = "what the function is given; it moves no decision"
DESTINATION_SPEC = Message(
    "DestinationSpec",
    (
        Field(
            "aws",
            Message(
                "aws.DestinationSpec",
                (
                    Field("logicalName", STRING),
                    *inert(_FUNCTION_INPUT, "invocationStyle", "requestTransformation"),
                    *inert(_FUNCTION_INPUT, "wrapAsApiGateway"),
                    *inert(
                        RESPONSE,
                        "responseTransformation",
                        "unwrapAsAlb",
                        "unwrapAsApiGateway",
                    ),
                ),
            ),
            oneof="function",
        ),
        Field(
            "azure",
            Message("azure.DestinationSpec", (Field("functionName", STRING),)),
            oneof="function",
        ),
        Field(
            "rest",
            Message(
                "rest.DestinationSpec",
                (
                    Field("functionName", STRING),
                    Field("parameters", PARAMETERS),
                    *inert(RESPONSE, "responseTransformation"),
                ),
            ),
            oneof="function",
        ),
        Field(
            "grpc",
            Message(
                "grpc.DestinationSpec",
                (
                    Field("function", STRING),
                    *inert(_FUNCTION_INPUT, "package", "service", "parameters"),
                ),
            ),
            oneof="function",
        ),
    ),
)

DESTINATION = Message(
    "Destination",
    (
        Field("upstream", REF, oneof="destination"),
        Field(
            "kube",
            Message("KubernetesServiceDestination", (Field("ref", REF), Field("port", UINT32))),
            oneof="destination",
        ),
        Field(
            "consul",
            Message(
                "ConsulServiceDestination",
                (
                    Field("serviceName", STRING),
                    *inert("chooses endpoints inside the cluster", "tags", "dataCenters"),
                ),
            ),
            oneof="destination",
        ),
        Field("destinationSpec", DESTINATION_SPEC),
        Field("subset", Message("Subset", (Field("values", MapOf(STRING)),))),
    ),
)

WEIGHTED_DESTINATION = Message(
    "WeightedDestination",
    (
        Field("destination", DESTINATION),
        Field("weight", UINT32),
        Field(
            "options",
            WEIGHTED_DESTINATION_OPTIONS,
            legacy=(Legacy("weightedDestinationPlugins", WEIGHTED_DESTINATION_OPTIONS, _same),),
        ),
    ),
)
MULTI_DESTINATION = Message("MultiDestination", (Field("destinations", ListOf(WEIGHTED_DESTINATION)),))

ROUTE_ACTION = Message(
    "RouteAction",
    (
        Field("single", DESTINATION, oneof="destination"),
        Field("multi", MULTI_DESTINATION, oneof="destination"),
        Field("upstreamGroup", REF, oneof="destination"),
        Field("clusterHeader", STRING, oneof="destination"),
        Field(
            "dynamicForwardProxy",
            ANY,
            OPEN,
            "the host of each request names where it goes",
            oneof="destination",
        ),
    ),
)

REDIRECT_ACTION = Message(
    "RedirectAction",
    (
        Field("hostRedirect", STRING),
        Field("pathRedirect", STRING, oneof="path"),
        Field("prefixRewrite", STRING, oneof="path"),
        Field("regexRewrite", REGEX_REWRITE, oneof="path"),
        Field("responseCode", EnumOf(tuple(REDIRECT_CODES))),
        Field("httpsRedirect", BOOL),
        Field("stripQuery", BOOL),
        Field("portRedirect", UINT32),
    ),
)
DIRECT_RESPONSE_ACTION = Message("DirectResponseAction", (Field("status", UINT32), Field("body", STRING)))

DELEGATE_OPTIONS = Message("DelegateOptionsRefs", (Field("delegateOptions", ListOf(REF)),))

DELEGATE_ACTION = Message(
    "DelegateAction",
    (
        #: Deprecated; they win over ``ref`` and ``selector``.
        Field("name", STRING),
        Field("namespace", STRING),
        Field("ref", REF, oneof="delegation_type"),
        Field(
            "selector",
            Message(
                "RouteTableSelector",
                (
                    Field("namespaces", ListOf(STRING)),
                    Field("labels", MapOf(STRING)),
                    Field("expressions", EXPRESSIONS),
                ),
            ),
            oneof="delegation_type",
        ),
    ),
)

ROUTE = Message(
    "Route",
    (
        Field("name", STRING),
        Field("matchers", ListOf(MATCHER), legacy=(Legacy("matcher", MATCHER, _one),)),
        Field("inheritableMatchers", BOOL),
        Field("inheritablePathMatchers", BOOL),
        Field("routeAction", ROUTE_ACTION, oneof="action"),
        Field("redirectAction", REDIRECT_ACTION, oneof="action"),
        Field("directResponseAction", DIRECT_RESPONSE_ACTION, oneof="action"),
        Field("delegateAction", DELEGATE_ACTION, oneof="action"),
        Field("graphqlApiRef", ANY, OPEN, "GraphQL was removed from Gloo", oneof="action"),
        Field("options", ROUTE_OPTIONS, legacy=(Legacy("routePlugins", ROUTE_PLUGINS, unwrapped),)),
        Field("optionsConfigRefs", DELEGATE_OPTIONS),
    ),
)

VIRTUAL_HOST = Message(
    "VirtualHost",
    (
        Field("domains", ListOf(STRING)),
        Field("routes", ListOf(ROUTE)),
        Field(
            "options",
            VIRTUAL_HOST_OPTIONS,
            legacy=(Legacy("virtualHostPlugins", VIRTUAL_HOST_OPTIONS, _same),),
        ),
        Field("optionsConfigRefs", DELEGATE_OPTIONS),
        *inert("Gloo gives virtual hosts a name of its own", "name"),
        *inert(REFUSES, "corsPolicy"),
    ),
)

ROUTE_TABLE_SPEC = Message(
    "RouteTable",
    (
        Field("routes", ListOf(ROUTE)),
        Field("weight", INT32),
        *inert(COSMETIC, "status", "namespacedStatuses"),
    ),
)

VIRTUAL_SERVICE_SPEC = Message(
    "VirtualService",
    (
        Field("virtualHost", VIRTUAL_HOST),
        Field("sslConfig", ANY),
        *inert(COSMETIC, "displayName", "status", "namespacedStatuses"),
    ),
)

UPSTREAM_GROUP_SPEC = Message(
    "UpstreamGroup",
    (
        Field("destinations", ListOf(WEIGHTED_DESTINATION)),
        *inert(COSMETIC, "status", "namespacedStatuses"),
    ),
)
