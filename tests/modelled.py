"""What is modelled of Gloo's resources and Envoy's routes, as README shows it: from the declared fields.

``python -m tests.modelled`` prints both sections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.manifests.envoy.fields import ROUTE_CONFIGURATION
from canarysim.manifests.envoy.types import Packed, Wrapped
from canarysim.manifests.fields import Effect, Field, ListOf, MapOf, Message, Type
from canarysim.manifests.gloo.fields import SPECS

if TYPE_CHECKING:
    from collections.abc import Iterable


def _inner(field: Field) -> list[Message]:
    types = [field.type, *(legacy.type for legacy in field.legacy)]
    found = [inner for kind in types if isinstance(inner := _item(kind), Message)]
    packed = [inner for kind in types if isinstance(inner := _item(kind), Packed)]
    return found + [message for each in packed for message in each.messages.values()]


def _item(kind: Type) -> Type:
    return _item(kind.item) if isinstance(kind, ListOf | MapOf | Wrapped) else kind


def messages(*outermost: Message) -> list[Message]:
    """Every message in some that has simulated fields, outermost first, each once."""
    found: list[Message] = []
    waiting = list(outermost)
    while waiting:
        message = waiting.pop(0)
        if message not in found:
            found.append(message)
            waiting += [m for field in message.fields if field.effect is Effect.SIMULATED for m in _inner(field)]
    return found


_EFFECTS = {
    Effect.SIMULATED: "simulated",
    Effect.INERT: "accepted, moves no decision",
    Effect.UNSIMULATED: "makes answers unknown",
}


def section(outermost: Iterable[Message], *effects: Effect) -> str:
    """A table for README: a row for each message that has fields of some effects, a column for each effect."""
    lines = [f"| | {' | '.join(_EFFECTS[effect] for effect in effects)} |", "|---" * (1 + len(effects)) + "|"]
    for message in messages(*outermost):
        columns = [[f"`{f.name}`" for f in message.fields if f.effect is effect] for effect in effects]
        if any(columns) and message.name not in ("ResourceRef", "PrefixRewrite", "RoutePlugins"):
            lines.append(f"| **{message.name}** | {' | '.join(', '.join(names) or ' ' for names in columns)} |")
    return "\n".join(dict.fromkeys(lines))


#: The tables of README, by the word in the marks around each.
SECTIONS = {
    "modelled": section(SPECS.values(), *_EFFECTS),
    "modelled of envoy": section([ROUTE_CONFIGURATION], Effect.INERT, Effect.UNSIMULATED),
}


if __name__ == "__main__":
    print(*SECTIONS.values(), sep="\n\n")
