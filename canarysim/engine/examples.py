"""From outcomes back to requests: which came there, and how often."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from canarysim.engine.book import Book, identity
from canarysim.engine.columns import tally
from canarysim.engine.joint import Decider, Joint
from canarysim.engine.plan import plan_of
from canarysim.engine.rows import Columns
from canarysim.engine.streams import Streams, generator_of
from canarysim.engine.traffic import Mix

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from canarysim.engine.chosen import Counted
    from canarysim.engine.rows import Rows
    from canarysim.engine.traffic import Traffic
    from canarysim.request import Request
    from canarysim.table.decision import Decision
    from canarysim.table.route_table import RouteTable

__all__ = ["requests_of_counts", "requests_of_rows"]

# Facts.
# 1. Rows say where each request went, so that only those wanted have to be looked up. What a mix drew is drawn
#    once more, from the same stream.
# 2. Of columns that were only counted it is known how often each fate came to each outcome. Which of its requests
#    these were is chance: each choice of so many of them is equally likely. So they are drawn without replacement,
#    from a generator made of the seed.
LARGEST = 10**9
"""numpy draws without replacement from fewer than so many; the draws from more are taken as binomial."""

_OF_EXAMPLES = 6


def requests_of_rows(
    traffic: Traffic, rows: NDArray[np.unsignedinteger[Any]], wanted: NDArray[np.bool_], entropy: bytes, most: int
) -> dict[Request, int]:
    """The most frequent requests of the rows whose outcome is wanted, in order of their numbers (fact 1)."""
    streams = Streams(entropy)
    found: defaultdict[Request, int] = defaultdict(int)
    done = 0
    alone = len(traffic.parts) == 1
    for part in traffic.parts:
        there = np.flatnonzero(wanted[rows[done : done + part.n]])
        done += part.n
        if isinstance(part, Columns):
            found_here = part.requests_of(_places(part, there), None, most if alone else None)
            numbers: Iterable[tuple[Request, int]] = found_here.items()
        else:
            codes = (
                streams.mix(part).take(part.n)[there]
                if isinstance(part, Mix)
                else part.codes[_places(part, there)]
            )
            numbers = zip(part.requests, tally(codes, None, len(part.requests)).tolist(), strict=True)
        for request, number in numbers:
            found[request] += number
    return _best(found, most)


def _places(part: Rows, there: NDArray[np.intp]) -> NDArray[np.intp]:
    """The rows in which some requests stand, rows with counts standing there repeatedly."""
    return there if part.counts is None else np.cumsum(part.counts).searchsorted(there, side="right")


def _best(found: dict[Request, int], most: int) -> dict[Request, int]:
    best = sorted(found.items(), key=lambda item: -item[1])[: max(0, most)]
    return {request: number for request, number in best if number}


def requests_of_counts(
    table: RouteTable,
    traffic: Traffic,
    outcomes: Sequence[Decision],
    counted: Counted,
    wanted: NDArray[np.bool_],
    entropy: bytes,
    most: int,
) -> dict[Request, int]:
    """The same where only counts were drawn (fact 2)."""
    found: defaultdict[Request, int] = defaultdict(int)
    for request, seen in counted.requests.items():
        found[request] += sum(n for outcome, n in seen.items() if wanted[outcome])
    if counted.fates:
        numbers = {identity(decision): number for number, decision in enumerate(outcomes)}
        for key, requests in _by_fate(table, traffic, numbers).items():
            drawn = counted.fates.get(key)
            if drawn is None:  # its rows stand there no time
                continue
            hits = sum(n for outcome, n in zip(key[1], drawn, strict=True) if wanted[outcome])
            for request, n in _drawn_of(requests, hits, sum(drawn), entropy).items():
                found[request] += n
    order = {request: number for number, request in enumerate(traffic.requests())}
    return _best(dict(sorted(found.items(), key=lambda item: order[item[0]])), most)


def _by_fate(
    table: RouteTable, traffic: Traffic, numbers: dict[Any, int]
) -> dict[tuple[Any, tuple[int, ...]], dict[Request, int]]:
    """The requests in columns by fate, and how often each occurs."""
    book = Book(table)
    decider = Decider(plan_of(table), book)
    found: dict[tuple[Any, tuple[int, ...]], defaultdict[Request, int]] = {}
    for part in traffic.parts:
        if not isinstance(part, Columns) or part.random_values is not None:
            continue
        lot = Joint(part, plan_of(table), decider)
        fates = lot.fates(slice(0, part.size))
        for number in np.unique(fates).tolist():
            fate = book.fates[number]
            key = (
                book.laws[fate.law][1],
                tuple(numbers[identity(book.outcomes[outcome])] for outcome in fate.outcomes),
            )
            here = np.flatnonzero(fates == number)
            counts = None if part.counts is None else part.counts[here]
            known = found.setdefault(key, defaultdict(int))
            for request, n in part.requests_of(here, counts).items():
                known[request] += n
    return {key: dict(requests) for key, requests in found.items()}


def _drawn_of(requests: dict[Request, int], hits: int, total: int, entropy: bytes) -> dict[Request, int]:
    """How many of the hits each request has, of so many in all."""
    if hits in (0, total):
        return requests if hits else {}
    generator = generator_of(entropy, _OF_EXAMPLES)
    found = {}
    for request, n in requests.items():
        least, largest = max(0, n - (total - hits)), min(n, hits)
        if total < LARGEST:
            drawn = int(generator.hypergeometric(hits, total - hits, n)) if n else 0
        else:
            drawn = min(largest, max(least, int(generator.binomial(n, hits / total))))
        found[request] = drawn
        hits, total = hits - drawn, total - n
    return found
