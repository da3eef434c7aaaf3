"""REST functions: their templates in Upstreams, and their parameters in routes."""

from __future__ import annotations

from canarysim.manifests.fields import BOOL, STRING, UINT32, Effect, EnumOf, Field, ListOf, MapOf, Message

__all__ = ["PARAMETERS", "REST_SERVICE_SPEC", "TRANSFORMATION_TEMPLATE"]

_INERT = Effect.INERT

PARAMETERS = Message("Parameters", (Field("headers", MapOf(STRING)), Field("path", STRING)))

INJA_TEMPLATE = Message("InjaTemplate", (Field("text", STRING),))

_REPLACED = "Gloo takes those made of the route's parameters"
EXTRACTION = Message(
    "Extraction",
    (
        Field("header", STRING, _INERT, _REPLACED, oneof="source"),
        Field("body", Message("Empty", ()), _INERT, _REPLACED, oneof="source"),
        Field("regex", STRING, _INERT, _REPLACED),
        Field("subgroup", UINT32, _INERT, _REPLACED),
        Field("replacementText", STRING, _INERT, _REPLACED),
        Field("mode", EnumOf(("EXTRACT", "SINGLE_REPLACE", "REPLACE_ALL")), _INERT, _REPLACED),
    ),
)

DYNAMIC_METADATA_VALUE = Message(
    "DynamicMetadataValue",
    (
        Field("metadataNamespace", STRING, _INERT, "the upstream does not see metadata"),
        Field("key", STRING, _INERT, "the upstream does not see metadata"),
        Field("value", INJA_TEMPLATE),
        Field("jsonToProto", BOOL, _INERT, "the upstream does not see metadata"),
    ),
)

TRANSFORMATION_TEMPLATE = Message(
    "TransformationTemplate",
    (
        Field("advancedTemplates", BOOL),
        Field("extractors", MapOf(EXTRACTION), _INERT, _REPLACED),
        Field("headers", MapOf(INJA_TEMPLATE)),
        Field(
            "headersToAppend",
            ListOf(Message("HeaderToAppend", (Field("key", STRING), Field("value", INJA_TEMPLATE)))),
        ),
        Field("headersToRemove", ListOf(STRING)),
        Field("body", INJA_TEMPLATE, oneof="bodyTransformation"),
        Field("passthrough", Message("Passthrough", ()), oneof="bodyTransformation"),
        Field("mergeExtractorsToBody", Message("MergeExtractorsToBody", ()), oneof="bodyTransformation"),
        Field(
            "mergeJsonKeys",
            Message(
                "MergeJsonKeys",
                (
                    Field(
                        "jsonKeys",
                        MapOf(
                            Message(
                                "OverridableTemplate",
                                (Field("tmpl", INJA_TEMPLATE), Field("overrideEmpty", BOOL)),
                            )
                        ),
                    ),
                ),
            ),
            Effect.UNSIMULATED,
            "what is merged into the body of a request is not simulated",
            ("upstream_request",),
            oneof="bodyTransformation",
        ),
        Field("parseBodyBehavior", EnumOf(("ParseAsJson", "DontParse"))),
        Field("ignoreErrorOnParse", BOOL),
        Field("dynamicMetadataValues", ListOf(DYNAMIC_METADATA_VALUE)),
        Field("escapeCharacters", BOOL),
        Field("spanTransformer", Message("SpanTransformer", (Field("name", INJA_TEMPLATE),))),
    ),
)

REST_SERVICE_SPEC = Message(
    "rest.ServiceSpec",
    (
        Field("transformations", MapOf(TRANSFORMATION_TEMPLATE)),
        Field(
            "swaggerInfo",
            Message(
                "SwaggerInfo",
                (
                    Field("url", STRING, _INERT, "discovery reads it", oneof="swaggerSpec"),
                    Field("inline", STRING, _INERT, "discovery reads it", oneof="swaggerSpec"),
                ),
            ),
            _INERT,
            "Gloo finds functions with it, and writes them beside it",
        ),
    ),
)
