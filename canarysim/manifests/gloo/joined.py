"""Messages put together from several, where each field remembers whose it is.

Facts (source of Gloo 1.22, gateway/pkg/translator/converter.go and gloo/pkg/utils/merge.go):

1. Options are merged field by field: what the nearer ones say stands, what they leave out comes from the farther
   ones. No field is merged inside; an empty list counts as left out. The members of a oneof count as one field.
2. Nearest are the options of the route itself, then the RouteOptions that it refers to in their order, then those
   of the route that delegated to it. For a virtual host its own, then its VirtualHostOptions in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.manifests.fields import Record

if TYPE_CHECKING:
    from canarysim.manifests.fields import Message
    from canarysim.problems import Where

__all__ = ["Joined", "under"]


class Joined(Record):
    """A message with fields of others; ``owners`` are the messages that those stand in."""

    __slots__ = ("owners",)

    def __init__(self, record: Record, message: Message | None = None) -> None:
        """A copy of a record; or, with a ``message``, an empty one of that kind at the record's place."""
        super().__init__(record.reader, message or record.message, record.node, record.path)
        self.owners: dict[str, Record] = {}
        if message is None:
            self.values |= record.values
            self.keys |= record.keys
            self.damaged |= record.damaged
            self.misspelt = record.misspelt
            self.owners |= getattr(record, "owners", {})

    def take(self, name: str, owner: Record) -> None:
        """Makes a field that of another message: its value, or that there is none."""
        self.damaged.discard(name)
        if name in owner:
            self.values[name] = owner[name]
            self.owners[name] = owner
        else:
            self.values.pop(name, None)
            self.owners.pop(name, None)

    def where(self, name: str | None = None) -> Where:
        owner = None if name is None else self.owners.get(name)
        return super().where(name) if owner is None else owner.where(name)


def under(nearer: Record | None, farther: Record | None) -> Record | None:
    """The options of ``nearer``, and of ``farther`` what those leave out (fact 1)."""
    if nearer is None or farther is None:
        return nearer if farther is None else farther
    taken = {_group(nearer, name) for name, value in nearer.values.items() if value != []}
    joined = Joined(nearer)
    for name, value in farther.values.items():
        if value != [] and _group(farther, name) not in taken:
            joined.take(name, farther)
    return joined


def _group(record: Record, name: str) -> str:
    """What counts as one field: the field, or its oneof."""
    found = record.message.lookup(name)
    return name if found is None else found[0].oneof or name
