"""The fields of test files, each declared once: what is read, and what the JSON Schema is held against."""

from __future__ import annotations

from canarysim.manifests.fields import ANY, BOOL, STRING, DialectType, Field, ListOf, MapOf, Message, Type, Whole

__all__ = [
    "BOUNDS",
    "CASE",
    "EXPECTATION",
    "HEADER_VALUES",
    "LINES",
    "REQUEST",
    "REQUESTS",
    "SHARE",
    "SPLIT",
    "SPLIT_PART",
    "TEST_FILE",
    "Choice",
    "OneOrMany",
]


class OneOrMany(DialectType):
    """A value, or a list of at least one; read as a list."""

    __slots__ = ("item",)

    def __init__(self, item: Type) -> None:
        self.item = item


class Choice(DialectType):
    """One of some words."""

    __slots__ = ("words",)

    def __init__(self, *words: str) -> None:
        self.words = words


class _Own(DialectType):
    """A type that the reader knows by identity."""

    __slots__ = ()


#: What a header of a request may be: a text, null for none, or a list of these, each for a request of its own. A
#: list in the list is a header that stands several times in one request.
HEADER_VALUES = _Own()
#: The values of a header that is expected: a text, a list of the lines, or null for no such header.
LINES = _Own()
#: A share as "10%", 0.1 or 1/10, read as a Fraction; in an expectation also bounds, read as Bounds.
SHARE, SHARE_OR_BOUNDS = _Own(), _Own()
#: Requests as text, as a mapping whose lists are multiplied, or a list of these.
REQUESTS = _Own()
#: A whole split: a mapping from destinations to shares, or a list of SPLIT_PART.
SPLIT = _Own()

RANDOM_VALUE = Whole(0, 2**64 - 1)
UNKNOWN = Choice("fail", "allow")

REQUEST = Message(
    "Request",
    (
        Field("authority", OneOrMany(STRING)),
        Field("method", OneOrMany(STRING)),
        Field("path", OneOrMany(STRING)),
        Field("scheme", OneOrMany(Choice("http", "https"))),
        Field("headers", MapOf(HEADER_VALUES)),
        Field("body", STRING),
        Field("metadata", MapOf(ANY)),
        Field("certificate", Choice("presented", "validated")),
        Field("address", STRING),
        Field("internal", BOOL),
    ),
)

BOUNDS = Message("Bounds", (Field("at_least", SHARE), Field("at_most", SHARE)))

_LABELS = (
    Field("cluster", STRING),
    Field("upstream", STRING),
    Field("function", STRING),
    Field("subset", MapOf(STRING)),
)

EXPECTATION = Message(
    "Expectation",
    (
        *_LABELS,
        Field("route", STRING),
        Field("virtual_host", STRING),
        Field("kind", OneOrMany(STRING)),
        Field("status", Whole(100, 599)),
        Field("redirect", STRING),
        Field("body", STRING),
        Field("path_rewrite", STRING),
        Field("host_rewrite", STRING),
        Field("mirrors", ListOf(STRING)),
        Field("request_headers", MapOf(LINES)),
        Field("response_headers", MapOf(LINES)),
        Field("share", SHARE_OR_BOUNDS),
        Field("split", SPLIT),
    ),
)

SPLIT_PART = Message("Split", (*_LABELS, Field("kind", STRING), Field("share", SHARE)))

CASE = Message(
    "Test",
    (
        Field("name", STRING),
        Field("request", REQUESTS),
        Field("random_value", OneOrMany(RANDOM_VALUE)),
        Field("fault_value", RANDOM_VALUE),
        Field("table", STRING),
        Field("unknown", UNKNOWN),
        Field("expect", OneOrMany(EXPECTATION)),
    ),
)

TEST_FILE = Message(
    "TestFile",
    (
        Field("manifests", OneOrMany(STRING)),
        Field("table", STRING),
        Field("envoy", Choice("1.36", "1.40")),
        Field("errors", Choice("raise", "apply")),
        Field("scheme", Choice("http", "https")),
        Field("unknown", UNKNOWN),
        Field("tests", ListOf(CASE)),
        Field("router_check", OneOrMany(STRING)),
    ),
)
