"""How often each outcome comes up, where no rows are wanted: made ready once, drawn as often as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from canarysim.engine.chosen import Chosen, Counted

if TYPE_CHECKING:
    import numpy as np

    from canarysim.engine.book import Place
    from canarysim.engine.chosen import Piece
    from canarysim.engine.law import Law
    from canarysim.engine.streams import Streams
    from canarysim.request import Request
    from canarysim.table.decision import Decision

__all__ = ["AskedFate", "AskedMix", "Counting"]


@attrs.frozen(eq=False)
class AskedFate:
    """A law with its number among the laws of a run, and the outcome to which each of its chances leads."""

    law: Law
    number: int
    outcomes: tuple[int, ...]


@attrs.frozen(eq=False)
class AskedMix:
    """``n`` draws of a mix with its number among the mixes of a run; ``requests`` are numbers of a Counting."""

    number: int
    n: int
    law: Law
    requests: tuple[int, ...]


@attrs.frozen(eq=False)
class Counting:
    """What is to be counted, with all that chance has no part in: a draw is a few binomials.

    ``requests`` come to ``fates`` at least ``numbers`` times, and more often where ``mixes`` draw them.
    ``columns`` are fates of rows in columns, each with its number and the key by which Counted tells it; ``seen``
    is what was counted already. All outcomes are numbers of ``outcomes``, which stand in the order of the table.
    """

    outcomes: tuple[Decision, ...]
    places: tuple[Place, ...]
    pieces: tuple[Piece, ...]
    requests: tuple[Request, ...]
    fates: tuple[AskedFate, ...]
    numbers: tuple[int, ...]
    mixes: tuple[AskedMix, ...]
    columns: tuple[tuple[AskedFate, int, Any], ...]
    seen: dict[Request, dict[int, int]]

    def draw(self, streams: Streams) -> Chosen:
        """Draw what is asked, request by request, then fate by fate of columns. Cost: a binomial a chance."""
        generators: dict[int, np.random.Generator] = {}
        counts = [0] * len(self.outcomes)

        def drawn(fate: AskedFate, n: int) -> list[int]:
            certain = fate.law.certain
            if certain is None and n:
                generator = generators.get(fate.number)
                if generator is None:
                    generator = generators[fate.number] = streams.counts(fate.number)
                found = fate.law.counted(n, generator)
            else:
                found = [0] * len(fate.outcomes)
                found[certain or 0] = n
            for outcome, count in zip(fate.outcomes, found, strict=True):
                counts[outcome] += count
            return found

        numbers = [*self.numbers]
        for mix in self.mixes:
            found = mix.law.counted(mix.n, streams.mix_generator(mix.number))
            for request, count in zip(mix.requests, found, strict=True):
                numbers[request] += count
        by_request = [drawn(fate, n) for fate, n in zip(self.fates, numbers, strict=True)]
        by_fate = [drawn(fate, n) for fate, n, _ in self.columns]
        for outcomes in self.seen.values():
            for outcome, n in outcomes.items():
                counts[outcome] += n
        known = tuple(counts), self.pieces
        return Chosen(self.outcomes, self.places, known, None, Counted(self, by_request, by_fate), streams.entropy)
