"""What stands in a VirtualService and is not simulated, and what it leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.manifests.document import Mapping, Node, Scalar, Sequence
from canarysim.manifests.fields import Effect, Record
from canarysim.table.actions import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from canarysim.table.routes import Route

__all__ = ["claims_unknown", "unknowns_of"]


def unknowns_of(record: Record) -> Iterator[Unknown]:
    """What stands in a message, and in the messages that are a part of it, and is not simulated.

    Matchers and weighted destinations are asked by those who read them: what they leave open is theirs.
    """
    for field in record.message.fields:
        if field.name not in record:
            continue
        value = record[field.name]
        if field.effect is Effect.UNSIMULATED:
            if value in _SAYS_NOTHING:
                continue
            parts = field.parts
            if parts and isinstance(value, Sequence | Mapping) and value.size == 1:
                continue  # an empty list or mapping says nothing
            note = field.note
            if field.name in _MAY_CLEAR:
                if _holds_true(value, "clearRouteCache"):
                    parts, note = (), "clearRouteCache has requests matched again"
                elif field.name == "extauth" or not _transforms_requests(value):
                    continue
            problem = record.warn("not_simulated", f"{field.name} is not simulated: {note}", field.name)
            yield Unknown(problem, parts)
        elif field.effect is Effect.SIMULATED and field.name in _INSIDE:
            for part in value if isinstance(value, list) else (value,):
                yield from unknowns_of(part)


#: The messages that are a part of the one around them, as against matchers and weighted destinations.
_INSIDE = frozenset(
    """
    options headerManipulation requestHeadersToAdd routeAction single destination httpConnectionManagerSettings
    """.split()
)
#: The fields with a ``clearRouteCache`` somewhere inside.
_MAY_CLEAR = ("transformations", "stagedTransformations", "extauth")
#: What a field that is not simulated may hold without any effect.
_SAYS_NOTHING = (False, "", "ALLOW")


def _transforms_requests(node: Node) -> bool:
    """Whether a transformation says anything of requests, as against responses only."""
    return _any_key(node, lambda key, _: key in ("requesttransformation", "requesttransforms"))


def _holds_true(node: Node, name: str) -> bool:
    """Whether a key of that name stands anywhere below with any value but false."""

    def holds(key: str, value: Node) -> bool:
        return key == name.lower() and not (
            isinstance(value, Scalar) and value.text.lower() in ("false", "null", "")
        )

    return _any_key(node, holds)


def _any_key(node: Node, test: Callable[[str, Node], bool]) -> bool:
    """Whether some key below, spelled in either way that protobuf reads, passes a test with its value."""
    if isinstance(node, Mapping):
        return any(
            test(key.replace("_", "").lower(), value) or _any_key(value, test)
            for key, (_, value) in node.entries.items()
        )
    return isinstance(node, Sequence) and any(_any_key(item, test) for item in node.items)


def claims_unknown(records: list[Record], routes: list[Route]) -> Unknown | None:
    """Claims of a token put into headers, after which Gloo matches again: routes that look at headers may win.

    ``records`` are a virtual host and its routes.
    """
    if not any(route.match.headers for route in routes):
        return None
    for record in records:
        options: Record | None = record.get("options")
        for name in ("jwt", "jwtStaged", "jwtProvidersStaged"):
            if options is not None and name in options and _holds_true(options[name], "claimsToHeaders"):
                message = f"{name} turns claims into headers, which routes of this host match on"
                return Unknown(options.warn("not_simulated", message, name))
    return None
