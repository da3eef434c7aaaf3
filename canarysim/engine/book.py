"""What may become of requests, written down once: outcomes, laws, and which of them belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from canarysim.engine.law import Law
from canarysim.table.decision import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from canarysim.table.chance import Chance
    from canarysim.table.decision import Decision
    from canarysim.table.route_table import RouteTable

__all__ = ["Book", "Fate", "Place", "identity", "outcome_order"]

Place = tuple[int, int, int, int, str]


@attrs.frozen(eq=False)
class Fate:
    """What may become of a request: a law, and the outcome of each of its chances, by numbers of the book."""

    law: int
    outcomes: tuple[int, ...]


class Book:
    """Outcomes, laws and fates by number, in the order in which they were first met.

    An outcome is what decisions of different requests have in common if they count as the same.
    """

    def __init__(self, table: RouteTable) -> None:
        self._host_order = {host.name: number for number, host in reversed([*enumerate(table.virtual_hosts)])}
        self.outcomes: list[Decision] = []
        self.places: list[Place] = []
        self.laws: list[tuple[Law, tuple[Chance, ...]]] = []
        self.fates: list[Fate] = []
        self._outcome_numbers: dict[tuple[Any, ...], int] = {}
        self._law_numbers: dict[tuple[Chance, ...], int] = {}
        self._fate_numbers: dict[tuple[int, tuple[int, ...]], int] = {}

    def fate(self, chances: Iterable[tuple[Decision, Chance]]) -> int:
        """The number of the fate of a request, by its chances (RouteTable.chances)."""
        outcomes = []
        law = []
        for position, (decision, chance) in enumerate(chances):
            key = identity(decision)
            place = _place(decision, self._host_order, position)
            number = self._outcome_numbers.setdefault(key, len(self.outcomes))
            if number == len(self.outcomes):
                self.outcomes.append(decision)
                self.places.append(place)
            elif place < self.places[number]:
                self.places[number] = place
            outcomes.append(number)
            law.append(chance)
        chance_of_each = tuple(law)
        at = self._law_numbers.setdefault(chance_of_each, len(self.laws))
        if at == len(self.laws):
            self.laws.append((Law([chance.share for chance in chance_of_each]), chance_of_each))
        key = at, tuple(outcomes)
        number = self._fate_numbers.setdefault(key, len(self.fates))
        if number == len(self.fates):
            self.fates.append(Fate(*key))
        return number

    def sort(self) -> None:
        """Number the outcomes anew, in the order of the table. Whoever knows old numbers must forget them."""
        order = sorted(range(len(self.outcomes)), key=self.places.__getitem__)
        number = {old: new for new, old in enumerate(order)}
        self.outcomes = [self.outcomes[old] for old in order]
        self.places = [self.places[old] for old in order]
        self._outcome_numbers = {key: number[old] for key, old in self._outcome_numbers.items()}
        self.fates = [Fate(fate.law, tuple(number[old] for old in fate.outcomes)) for fate in self.fates]
        self._fate_numbers = {(fate.law, fate.outcomes): at for at, fate in enumerate(self.fates)}

    def certain(self, fate: int) -> int | None:
        """The outcome that a fate leads to in any case; None where chance decides."""
        found = self.fates[fate]
        law, _ = self.laws[found.law]
        if law.certain is not None:
            return found.outcomes[law.certain]
        possible = {outcome for outcome, weight in zip(found.outcomes, law.weights, strict=True) if weight}
        return possible.pop() if len(possible) == 1 else None


def outcome_order(book: Book, fates: Iterable[int]) -> NDArray[np.int64]:
    """Where each outcome of the book stands in the order of the table; -1 for those of no such fate."""
    there = {outcome for fate in fates for outcome in book.fates[fate].outcomes}
    order = np.full(len(book.outcomes), -1, np.int64)
    for number, outcome in enumerate(sorted(there, key=book.places.__getitem__)):
        order[outcome] = number
    return order


def identity(decision: Decision) -> tuple[Any, ...]:
    """What decisions of different requests have in common if they count as one outcome.

    The target of a redirect is no part of it: every path would be an outcome of its own.
    """
    return (
        decision.kind,
        decision.status,
        decision.virtual_host,
        None if decision.matched is None else decision.matched.index,
        decision.cluster,
        decision.function,
        () if decision.destination is None else decision.destination.subset,
        decision.mirrors,
        decision.unknown if decision.kind == "unknown" else (),
    )


def _place(decision: Decision, host_order: dict[str, int], position: int) -> Place:
    """Where a decision stands in the order of the table: what no host or no route took comes last."""
    host = len(host_order) if decision.virtual_host is None else host_order[decision.virtual_host]
    route = decision.matched.index if decision.matched is not None else 2**62
    said = "" if decision.kind != "unknown" else repr(decision.unknown)
    # A header may name the cluster, so that one place of the table leads to many: by their names.
    label = "" if decision.destination is None else decision.destination.label
    names = f"{decision.status} {decision.cluster} {label} {decision.mirrors} {said}"
    return host, route, position, KINDS.index(decision.kind), names
