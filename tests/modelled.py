"""What is modelled of Gloo's VirtualServices, as README shows it: written from the declared fields.

``python -m tests.modelled`` prints the section.
"""

from __future__ import annotations

from canarysim.manifests.fields import Effect, Field, ListOf, MapOf, Message, Type
from canarysim.manifests.gloo.fields import VIRTUAL_SERVICE_SPEC


def _inner(field: Field) -> list[Message]:
    types = [field.type, *(legacy.type for legacy in field.legacy)]
    return [inner for kind in types if isinstance(inner := _item(kind), Message)]


def _item(kind: Type) -> Type:
    return _item(kind.item) if isinstance(kind, ListOf | MapOf) else kind


def messages() -> list[Message]:
    """Every message of a VirtualService that has simulated fields, outermost first, each once."""
    found: list[Message] = []
    waiting = [VIRTUAL_SERVICE_SPEC]
    while waiting:
        message = waiting.pop(0)
        if message not in found:
            found.append(message)
            waiting += [m for field in message.fields if field.effect is Effect.SIMULATED for m in _inner(field)]
    return found


def section() -> str:
    """The table for README: a row a message, a column an effect."""
    lines = ["| | simulated | accepted, moves no decision | makes answers unknown |", "|---|---|---|---|"]
    for message in messages():
        cells = []
        for effect in (Effect.SIMULATED, Effect.INERT, Effect.UNSIMULATED):
            names = [f"`{field.name}`" for field in message.fields if field.effect is effect]
            cells.append(", ".join(names) or " ")
        if message.name not in ("ResourceRef", "PrefixRewrite", "RoutePlugins"):
            lines.append(f"| **{message.name}** | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(section())
