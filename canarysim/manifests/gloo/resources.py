"""What was read, before it is put together: resources by kind, namespace and name.

Facts (Gloo 1.22; how it decodes protobuf JSON was asked, not read):

1. Of fields that exclude each other Gloo takes the one that is declared last, and reports nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING

import attrs

from canarysim.errors import near
from canarysim.manifests.fields import Reader, Record, last_name
from canarysim.manifests.gloo.fields import RESOURCES
from canarysim.problems import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.manifests.document import Mapping, Node
    from canarysim.manifests.fields import Field

__all__ = ["Effect", "Resource", "Resources", "has_effect"]


class Effect(Enum):
    """What becomes of an error where it is applied.

    ``REJECTED``: the resource is, and with it the virtual host or the listener that it is for. ``SERVED``: Gloo
    reports it on the Proxy, and gives Envoy the route without what is wrong. ``REFUSED``: Gloo lets it pass, and
    Envoy refuses the whole route configuration.
    """

    REJECTED = "rejected"
    SERVED = "served"
    REFUSED = "refused"


class GlooReader(Reader):
    """Reads one resource. ``effects`` are those of the errors of all resources, by their ids."""

    def __init__(self, file: str, effects: dict[int, Effect]) -> None:
        super().__init__(file)
        self.effects = effects

    def _takes_instead(self, record: Record, field: Field, other: str, node: Node, path: str) -> bool:
        """Fact 1."""
        names = [each.name for each in record.message.fields]
        before = record.message.lookup(other)
        assert before is not None
        later = names.index(field.name) > names.index(before[0].name)
        taken = last_name(path) if later else other
        text = f"{last_name(path)} and {other} exclude each other"
        self.error("several_of_oneof", text, node, path, f"keep one of them; Gloo would take {taken}")
        if later:
            record.values.pop(before[0].name, None)
            del record.keys[before[0].name]
            record.chosen[field.oneof] = last_name(path)
        return later


#: Errors in a resource that do not keep Gloo from storing it.
_STORED = ("several_of_oneof",)


def has_effect(record: Record, problem: Problem, effect: Effect) -> None:
    """Says what becomes of an error in a record."""
    reader = record.reader
    assert isinstance(reader, GlooReader)
    reader.effects[id(problem)] = effect


@attrs.frozen(eq=False)
class Resource:
    """One resource, and who it is."""

    kind: str
    namespace: str
    name: str
    labels: dict[str, str]
    spec: Record

    @property
    def is_ssl(self) -> bool:
        """Whether a VirtualService belongs to ssl listeners: any ``sslConfig`` at all makes it so."""
        return "sslConfig" in self.spec

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


#: So many names are compared with what is missing; behind that the hints are plain.
_MOST_NAMES = 50_000


@attrs.define
class Resources:
    """The resources of all texts.

    ``journal`` is every problem in the order in which it was found, so that what one VirtualService brings up can
    be told from what another does. With ``apply`` a resource that could not be stored in a cluster is left out.
    """

    apply: bool = False
    #: How long the body of a direct response may be on the listener that is made.
    max_body: int = 4096
    journal: list[Problem] = attrs.field(factory=list)
    #: The RouteTables that some route delegates to.
    visited: set[Resource] = attrs.field(factory=set)
    _refused: set[tuple[str, str, str]] = attrs.field(factory=set)
    _looked_at: int = 0
    _effects: dict[int, Effect] = attrs.field(factory=dict)
    _by_kind: dict[str, dict[tuple[str, str], Resource]] = attrs.field(factory=dict)

    def read(self, node: Mapping, kind: str, file: str, path: str) -> None:
        """Takes one resource; ``path`` is where it stands in its document."""
        reader = GlooReader(file, self._effects)
        record = reader.message(RESOURCES[kind], node, path)
        metadata: Record | None = None if record is None else record.get("metadata")
        name = "" if metadata is None else metadata.get("name", "")
        namespace = ("" if metadata is None else metadata.get("namespace", "")) or "default"
        if metadata is None:
            if record is not None and record.lacks("metadata"):
                record.report("no_name", "the resource has no name", None, "add metadata.name")
        elif not name and ("name" in metadata or metadata.lacks("name")):
            metadata.report("no_name", "the resource has no name", None, "add metadata.name")
        spec: Record | None = None if record is None else record.get("spec")
        if record is not None and spec is None and record.lacks("spec"):
            record.report("no_spec", "the resource has no spec", None, "add spec:")
        reader.name_resource(f"{kind} {namespace}/{name or '?'}")
        stored = not any(p.severity is Severity.ERROR and p.code not in _STORED for p in reader.problems)
        self.journal += reader.problems
        reader.problems = self.journal
        if record is None or spec is None or metadata is None or not name:
            return
        if self.apply and not stored:
            self._refused.add((kind, namespace, name))
            last = next(p for p in reversed(self.journal) if p.severity is Severity.ERROR)
            text = f"{kind} {namespace}/{name} is refused when it is applied, and taken as not there"
            self.journal.append(
                Problem("not_stored", Severity.WARNING, text, last.where, "correct the errors in it")
            )
            return
        known = self._by_kind.setdefault(kind, {})
        other = known.get((namespace, name))
        if other is not None:
            record.report(
                "duplicate_resource",
                f"there is another {other} ({other.spec.where()})",
                "metadata",
                "in a cluster the one that is applied last replaces the other; keep one",
            )
            if not self.apply:
                return
        known[namespace, name] = Resource(kind, namespace, name, metadata.get("labels", {}), spec)

    def of(self, kind: str) -> list[Resource]:
        """All of a kind, by namespace and name, as Gloo goes through them."""
        return [resource for _, resource in sorted(self._by_kind.get(kind, {}).items())]

    def find(self, kind: str, namespace: str, name: str) -> Resource | None:
        return self._by_kind.get(kind, {}).get((namespace, name))

    def has(self, kind: str) -> bool:
        """Whether the input holds any of a kind."""
        return bool(self._by_kind.get(kind))

    def refuses(self, kind: str) -> bool:
        """Whether one of a kind was left out, for it cannot be stored."""
        return any(refused[0] == kind for refused in self._refused)

    def missing(self, kind: str, namespace: str, name: str) -> tuple[str, str]:
        """What to say of a reference to nothing, and a hint at what it may have meant."""
        shown = ".".join(filter(None, (namespace, name))) or "without a name"
        if (kind, namespace, name) in self._refused:
            return (
                f"the {kind} {shown} is not there, for it is refused when it is applied",
                "correct the errors in it",
            )
        known = [".".join(key) for key in self._by_kind.get(kind, {})]
        self._looked_at += len(known)
        if self._looked_at > _MOST_NAMES:
            return f"the {kind} {shown} is not in the input", "read it along with this file"
        elsewhere = [key for key in known if key.rpartition(".")[2] == name]
        similar = elsewhere if len(elsewhere) == 1 else near(shown, known, 1)
        hint = f"did you mean {similar[0]}?" if similar else "read it along with this file"
        return f"the {kind} {shown} is not in the input", hint

    def errors_since(self, start: int) -> dict[Effect, list[Problem]]:
        """The errors found since the journal had that length, by what becomes of them."""
        found: dict[Effect, list[Problem]] = {effect: [] for effect in Effect}
        for problem in self.journal[start:]:
            if problem.severity is Severity.ERROR:
                found[self._effects.get(id(problem), Effect.REJECTED)].append(problem)
        return found

    @contextmanager
    def of_a_route(self) -> Iterator[None]:
        """Errors found meanwhile are those of a route, which is served without what is wrong, if not told else."""
        start = len(self.journal)
        yield
        for problem in self.journal[start:]:
            self._effects.setdefault(id(problem), Effect.SERVED)
