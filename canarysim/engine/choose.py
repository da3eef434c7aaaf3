"""What becomes of every request of a traffic: each distinct one looked at once, then rows or counts chosen."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from canarysim.engine.columns import tally
from canarysim.engine.law import Draws, Law, Picker
from canarysim.engine.rng import words_of
from canarysim.engine.steps import smallest_unsigned
from canarysim.engine.traffic import Mix
from canarysim.table.decision import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from canarysim.engine.traffic import Rows, Traffic
    from canarysim.request import Request
    from canarysim.table.chance import Chance
    from canarysim.table.decision import Decision
    from canarysim.table.route_table import RouteTable

__all__ = ["Fates", "Piece", "choose_counts", "choose_rows", "look", "pieces"]

# How randomness is dealt out, so that a seed names one answer.
# 1. Requests with equal chances share a *law*. The laws of a traffic are sorted, and each has a generator of its
#    own; so has each distinct mix. All are made from 256 bits of the given generator.
# 2. The draws of a law go to its rows in the order of the traffic, and those of a mix to its rows. So neither
#    blocks nor the order in which requests are looked at play a part, nor how a traffic was put together:
#    concat(repeat(r, 3), repeat(r, 4)) has the rows of repeat(r, 7).
# 3. A row with a random value takes no draw. What a fault draws for it comes from another generator of its law's
#    own, a word a row; or, for rows with counts of which only counts are wanted, from a third, as counts.
BLOCK = 1 << 18
"""Rows chosen at a time: the work stays in cache, and memory beyond the result stays small."""

_Place = tuple[int, int, int, int, str]

#: A number of independent draws, with the exact share of each outcome.
Piece = tuple[int, dict[int, Fraction]]


@attrs.frozen(eq=False)
class Fates:
    """What may become of each distinct request.

    An *entry* is one possible decision of one request: entries ``first[r]`` to ``first[r + 1] - 1`` are those of
    request r, in the order of its chances. ``outcome`` is the outcome of each entry, an index into
    ``outcomes``: decisions in the order of the table, each standing for all that count as the same.
    """

    requests: tuple[Request, ...]
    outcomes: tuple[Decision, ...]
    first: NDArray[np.int64]
    outcome: NDArray[np.unsignedinteger[Any]]
    law_of: NDArray[np.unsignedinteger[Any]]
    laws: tuple[tuple[Law, tuple[Chance, ...]], ...]

    def numbers(self, requests: Iterable[Request]) -> NDArray[np.int64]:
        """The number of each of some requests."""
        known = {request: number for number, request in enumerate(self.requests)}
        return np.array([known[request] for request in requests], np.int64)


def look(table: RouteTable, requests: Iterable[Request]) -> Fates:
    """Every distinct request looked at once. Cost: O(requests * (routes + outcomes of each))."""
    asked = tuple(dict.fromkeys(requests))
    host_order = {host.name: number for number, host in reversed([*enumerate(table.virtual_hosts)])}
    decisions: dict[tuple[Any, ...], Decision] = {}
    places: dict[tuple[Any, ...], _Place] = {}
    laws: dict[tuple[Chance, ...], None] = {}
    found = []
    for request in asked:
        chances = table.chances(request)
        keys = [_identity(decision) for decision, _ in chances]
        for position, (key, (decision, _)) in enumerate(zip(keys, chances, strict=True)):
            decisions.setdefault(key, decision)
            place = _place(decision, host_order, position)
            places[key] = min(place, places.get(key, place))
        law = tuple(chance for _, chance in chances)
        laws[law] = None
        found.append((keys, law))
    order = {key: number for number, key in enumerate(sorted(places, key=places.__getitem__))}
    known = sorted(((Law([chance.share for chance in law]), law) for law in laws), key=_law_order)
    law_number = {law: number for number, (_, law) in enumerate(known)}
    return Fates(
        asked,
        tuple(decisions[key] for key in order),
        np.cumsum([0, *(len(keys) for keys, _ in found)], dtype=np.int64),
        np.array([order[key] for keys, _ in found for key in keys], smallest_unsigned(max(0, len(order) - 1))),
        np.array([law_number[law] for _, law in found], smallest_unsigned(max(0, len(known) - 1))),
        tuple(known),
    )


def _identity(decision: Decision) -> tuple[Any, ...]:
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


def _place(decision: Decision, host_order: dict[str, int], position: int) -> _Place:
    """Where a decision stands in the order of the table: what no host or no route took comes last."""
    host = len(host_order) if decision.virtual_host is None else host_order[decision.virtual_host]
    route = decision.matched.index if decision.matched is not None else 2**62
    said = "" if decision.kind != "unknown" else repr(decision.unknown)
    # A header may name the cluster, so that one place of the table leads to many: by their names.
    label = "" if decision.destination is None else decision.destination.label
    names = f"{decision.status} {decision.cluster} {label} {decision.mirrors} {said}"
    return host, route, position, KINDS.index(decision.kind), names


def _law_order(known: tuple[Law, tuple[Chance, ...]]) -> tuple[Any, ...]:
    law, chances = known
    return law.weights, [
        [[(c.modulus, c.intervals) for c in conditions] for conditions in (chance.conditions, chance.fault)]
        for chance in chances
    ]


# Randomness


class _Streams:
    """The draws of every law and every mix (rules 1 and 2)."""

    def __init__(self, fates: Fates, generator: np.random.Generator) -> None:
        self._laws = fates.laws
        self._entropy = int.from_bytes(words_of(generator)(4).astype("<u8").tobytes(), "little")
        self._law_draws: dict[int, Draws] = {}
        self._mixes: dict[Any, int] = {}
        self._mix_draws: dict[int, Draws] = {}
        self._pickers: dict[int, Picker] = {}
        self._fault_words: dict[int, Callable[[int], NDArray[np.uint64]]] = {}
        self._fault_generators: dict[int, np.random.Generator] = {}

    def _generator(self, kind: int, number: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self._entropy, spawn_key=(kind, number)))

    def law(self, number: int) -> Draws:
        if number not in self._law_draws:
            self._law_draws[number] = self._laws[number][0].draws(self._generator(0, number))
        return self._law_draws[number]

    def law_generator(self, number: int) -> np.random.Generator:
        return self._generator(0, number)

    def picker(self, number: int) -> Picker:
        if number not in self._pickers:
            self._pickers[number] = Picker(self._laws[number][1])
        return self._pickers[number]

    def pick(self, number: int, values: NDArray[np.uint64]) -> NDArray[np.unsignedinteger[Any]]:
        """Which chance of a law each random value comes to (rule 3)."""
        picker = self.picker(number)
        if not picker.faulty:
            return picker.pick(values)
        if number not in self._fault_words:
            self._fault_words[number] = words_of(self._generator(2, number))
        return picker.pick(values, self._fault_words[number](len(values)))

    def fault_generator(self, number: int) -> np.random.Generator:
        if number not in self._fault_generators:
            self._fault_generators[number] = self._generator(3, number)
        return self._fault_generators[number]

    def mix(self, mix: Mix) -> Draws:
        number = self.mix_number(mix)
        if number not in self._mix_draws:
            self._mix_draws[number] = Law(mix.shares).draws(self._generator(1, number))
        return self._mix_draws[number]

    def mix_number(self, mix: Mix) -> int:
        return self._mixes.setdefault((mix.requests, mix.shares), len(self._mixes))

    def mix_generator(self, number: int) -> np.random.Generator:
        return self._generator(1, number)


# Choosing


def choose_rows(
    fates: Fates, traffic: Traffic, generator: np.random.Generator
) -> tuple[NDArray[np.unsignedinteger[Any]], NDArray[np.int64]]:
    """The outcome of every request in order, and how often each entry came up (int64).

    Memory: a byte a request up to 256 outcomes, and some MB.
    """
    streams = _Streams(fates, generator)
    rows = np.empty(traffic.n, fates.outcome.dtype)
    came_up = np.zeros(len(fates.outcome), np.int64)
    done = 0
    for part in traffic.parts:
        numbers = fates.numbers(part.requests)
        for codes, values in _blocks(part, streams):
            entries = _entries(fates, streams, numbers[codes], values)
            rows[done : done + len(entries)] = fates.outcome[entries]
            came_up += tally(entries, None, len(came_up))
            done += len(entries)
    return rows, came_up


def _blocks(
    part: Rows | Mix, streams: _Streams
) -> Iterable[tuple[NDArray[np.integer[Any]], NDArray[np.uint64] | None]]:
    if not isinstance(part, Mix):
        yield from part.blocks(BLOCK)
        return
    draws = streams.mix(part)
    for start in range(0, part.n, BLOCK):
        yield draws.take(min(BLOCK, part.n - start)), None


def _entries(
    fates: Fates, streams: _Streams, numbers: NDArray[np.int64], values: NDArray[np.uint64] | None
) -> NDArray[np.int64]:
    """The entry that each request of a block comes to."""
    entries = fates.first[numbers]
    laws = fates.law_of[numbers]
    order = np.argsort(laws, kind="stable")
    begin = 0
    for law, count in enumerate(np.bincount(laws, minlength=1).tolist()):
        if not count:
            continue
        where = order[begin : begin + count]
        begin += count
        if values is None:
            entries[where] += streams.law(law).take(count)
        else:
            entries[where] += streams.pick(law, values[where])
    return entries


def choose_counts(fates: Fates, traffic: Traffic, generator: np.random.Generator) -> NDArray[np.int64]:
    """How often each entry comes up (int64), drawn as counts. Cost: that of the entries, whatever the numbers."""
    streams = _Streams(fates, generator)
    came_up = np.zeros(len(fates.outcome), np.int64)
    asked = np.zeros(len(fates.requests), np.int64)
    mixes: dict[int, tuple[Mix, int]] = {}
    for part in traffic.parts:
        if isinstance(part, Mix):
            number = streams.mix_number(part)
            mixes[number] = part, part.n + mixes.get(number, (part, 0))[1]
            continue
        numbers = fates.numbers(part.requests)
        if part.random_values is None:
            np.add.at(asked, numbers, tally(part.codes, part.counts, len(numbers)))
            continue
        for start in range(0, len(part.codes), BLOCK):
            block = slice(start, start + BLOCK)
            asked_for, values = numbers[part.codes[block]], part.random_values[block]
            counts = None if part.counts is None else part.counts[block]
            if counts is not None:
                faulty = _count_faulty(fates, streams, asked_for, values, counts, came_up)
                asked_for, values, counts = asked_for[~faulty], values[~faulty], counts[~faulty]
            entries = _entries(fates, streams, asked_for, values)
            came_up += tally(entries, counts, len(came_up))
    for number, (mix, n) in mixes.items():
        counts = Law(mix.shares).counts(n, streams.mix_generator(number))
        np.add.at(asked, fates.numbers(mix.requests), counts)
    generators: dict[int, np.random.Generator] = {}
    for number in np.flatnonzero(asked).tolist():
        at, law = int(fates.law_of[number]), fates.laws[int(fates.law_of[number])][0]
        first, end = fates.first[number : number + 2].tolist()
        if law.certain is not None:
            came_up[first + law.certain] += asked[number]
            continue
        if at not in generators:
            generators[at] = streams.law_generator(at)
        came_up[first:end] += law.counts(int(asked[number]), generators[at])
    return came_up


def _count_faulty(
    fates: Fates,
    streams: _Streams,
    numbers: NDArray[np.int64],
    values: NDArray[np.uint64],
    counts: NDArray[np.int64],
    came_up: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Counts the rows that faults draw for, whose requests do not all come to the same; which rows these are."""
    faulty = np.zeros(len(numbers), np.bool_)
    for number in np.unique(numbers).tolist():
        law = int(fates.law_of[number])
        if not streams.picker(law).faulty:
            continue
        rows = numbers == number
        faulty |= rows
        first, end = fates.first[number : number + 2].tolist()
        generator = streams.fault_generator(law)
        came_up[first:end] += streams.picker(law).counts(values[rows], counts[rows], generator)
    return faulty


# Exact expectation


def pieces(fates: Fates, traffic: Traffic) -> tuple[Piece, ...]:
    """The traffic as independent runs of draws over outcomes, with exact shares.

    A fixed composition is a run for every law and set of outcomes, a mix is one run. Requests with random
    values are taken as if they had none.
    """
    fixed: defaultdict[tuple[int, bytes], int] = defaultdict(int)
    shares: dict[tuple[int, bytes], dict[int, Fraction]] = {}
    kind_of = []
    for number in range(len(fates.requests)):
        outcomes = fates.outcome[fates.first[number] : fates.first[number + 1]]
        law = int(fates.law_of[number])
        kind = law, outcomes.tobytes()
        kind_of.append(kind)
        if kind not in shares:
            weights = fates.laws[law][0].weights
            shares[kind] = _summed(zip(outcomes.tolist(), weights, strict=True), sum(weights))
    mixed: list[Piece] = []
    for part in traffic.parts:
        numbers = fates.numbers(part.requests).tolist()
        if not isinstance(part, Mix):
            for number, count in zip(numbers, tally(part.codes, part.counts, len(numbers)).tolist(), strict=True):
                fixed[kind_of[number]] += count
            continue
        by_kind: defaultdict[tuple[int, bytes], Fraction] = defaultdict(Fraction)
        for number, share in zip(numbers, part.shares, strict=True):
            by_kind[kind_of[number]] += share
        mixture: defaultdict[int, Fraction] = defaultdict(Fraction)
        for kind, share in by_kind.items():
            for outcome, chance in shares[kind].items():
                mixture[outcome] += share * chance
        mixed.append((part.n, dict(mixture)))
    return (*((n, shares[kind]) for kind, n in fixed.items()), *mixed)


def _summed(weighted: Iterable[tuple[int, int]], total: int) -> dict[int, Fraction]:
    """Shares by outcome; several destinations of a route may be the same outcome."""
    weights: defaultdict[int, int] = defaultdict(int)
    for outcome, weight in weighted:
        weights[outcome] += weight
    return {outcome: Fraction(weight, total) for outcome, weight in weights.items()}
