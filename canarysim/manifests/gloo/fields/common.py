"""What the field tables of several resources share."""

from __future__ import annotations

from canarysim.manifests.fields import ANY, STRING, Effect, EnumOf, Field, ListOf, MapOf, Message

__all__ = [
    "COSMETIC",
    "EXPRESSIONS",
    "OPEN",
    "REF",
    "REFUSES",
    "RESPONSE",
    "TRANSPORT",
    "UPSTREAM_SEES",
    "inert",
    "resource",
]

OPEN = Effect.UNSIMULATED

#: The parts of a decision that what the upstream is sent hangs on.
UPSTREAM_SEES = ("path", "authority", "request_headers", "location")

REFUSES = "may refuse a request, never sends it elsewhere"
TRANSPORT = "how the request is carried, not where to"
RESPONSE = "changes the response only"
COSMETIC = "says something of the resource, not of requests"


def inert(note: str, *names: str) -> tuple[Field, ...]:
    """Fields that move no decision, with the reason."""
    return tuple(Field(name, ANY, Effect.INERT, note) for name in names)


REF = Message("ResourceRef", (Field("name", STRING), Field("namespace", STRING)))

#: How labels are compared, in the order of the enum's numbers.
_OPERATORS = EnumOf(
    (
        *("Equals", "DoubleEquals", "NotEquals", "In", "NotIn", "Exists", "DoesNotExist", "GreaterThan"),
        "LessThan",
    )
)
EXPRESSIONS = ListOf(
    Message("Expression", (Field("key", STRING), Field("operator", _OPERATORS), Field("values", ListOf(STRING))))
)

METADATA = Message(
    "metadata",
    (
        Field("name", STRING),
        Field("namespace", STRING),
        Field("labels", MapOf(STRING)),
        *inert(
            COSMETIC,
            *("annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers"),
            *("generateName", "generation", "managedFields", "ownerReferences", "resourceVersion", "selfLink"),
            *("uid", "clusterName"),
        ),
    ),
)


def resource(spec: Message) -> Message:
    """The whole document around a spec."""
    return Message(
        "resource",
        (
            Field("apiVersion", STRING),
            Field("kind", STRING),
            Field("metadata", METADATA),
            Field("spec", spec),
            *inert(COSMETIC, "status"),
        ),
    )
