"""How many of n draws fall to each weight, without making the draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Multinomial"]

# Facts.
# 1. Of n independent draws, those that fall to one half of the entries number Binomial(n, weight of that
#    half / weight of all). Given that number, the counts within either half are again such draws, independent
#    of each other. So a multinomial draw is a binary tree of binomials.
# 2. `Generator.multinomial` goes through the entries one by one, with float probabilities that it subtracts
#    from 1. The errors pile up on the last entries, and one of weight 0 at the end may be given a draw. This
#    tree divides sums of integer weights: each probability is one correctly rounded quotient, at most 1/2
#    because the heavier half gets the rest, and 0 where the weight is 0.
# 3. `Generator.binomial` computes in float64, whose integers are exact up to 2^53. Beyond, counts of
#    independent parts add up.

EXACT = 2**53

SCALAR_LEVELS = 5
"""Levels of 1, 2, 4, 8 and 16 nodes: so few binomials are faster one by one. The draws are the same."""


class Multinomial:
    """The tree for one sequence of weights. Memory: up to 40 bytes a weight."""

    __slots__ = ("_deep", "_leaf", "_leaves", "_shares")

    def __init__(self, weights: Sequence[int]) -> None:
        depth = (len(weights) - 1).bit_length()
        nodes = np.zeros(1 << depth, np.int64)
        nodes[: len(weights)] = weights
        order = np.arange(1 << depth)
        levels: list[NDArray[np.float64]] = []
        while len(nodes) > 1:
            pairs = nodes.reshape(-1, 2)
            nodes = pairs.sum(axis=1)
            # The lighter node of a pair goes first, and takes all that hangs below it along.
            heavier_first = pairs[:, 0] > pairs[:, 1]
            for below in (order, *levels):
                halves = below.reshape(len(pairs), 2, -1)
                halves[heavier_first] = halves[heavier_first, ::-1]
            # Two nodes without weight share nothing: 0 of it, not 0 / 0.
            levels.append(pairs.min(axis=1) / np.maximum(nodes, 1))
        levels.reverse()
        self._shares: list[list[float]] = [level.tolist() for level in levels[:SCALAR_LEVELS]]
        self._deep = levels[SCALAR_LEVELS:]
        self._leaf = np.argsort(order)[: len(weights)]
        self._leaves: list[int] = [] if self._deep else self._leaf.tolist()

    def draw(self, n: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Counts of ``n`` independent draws: int64, one for each weight, summing to ``n``.

        Cost: one binomial for every entry but the first, whatever n up to 2^53.
        """
        if not self._deep:
            return np.array(self.draw_list(n, generator), np.int64)
        counts = self._draw(min(n, EXACT), generator)
        for start in range(EXACT, n, EXACT):
            counts += self._draw(min(n - start, EXACT), generator)
        return counts

    def draw_list(self, n: int, generator: np.random.Generator) -> list[int]:
        """The same as a list, and without an array on the way where the tree has none."""
        if self._deep:
            drawn: list[int] = self.draw(n, generator).tolist()
            return drawn
        if len(self._leaves) == 2 and n <= EXACT:  # a canary: what goes through the tree costs more than the draw
            lighter = generator.binomial(n, self._shares[0][0]) if self._shares[0][0] else 0
            return [lighter, n - lighter] if self._leaves[0] == 0 else [n - lighter, lighter]
        few = self._draw_few(min(n, EXACT), generator)
        for start in range(EXACT, n, EXACT):
            more = self._draw_few(min(n - start, EXACT), generator)
            few = [count + other for count, other in zip(few, more, strict=True)]
        return [few[leaf] for leaf in self._leaves]

    def _draw_few(self, n: int, generator: np.random.Generator) -> list[int]:
        few = [n]
        for shares in self._shares:
            halves: list[int] = []
            for at, share in enumerate(shares):
                # A binomial of share 0 draws nothing either, but the call costs a microsecond.
                lighter = generator.binomial(few[at], share) if share else 0
                halves += lighter, few[at] - lighter
            few = halves
        return few

    def _draw(self, n: int, generator: np.random.Generator) -> NDArray[np.int64]:
        counts = np.array(self._draw_few(n, generator), np.int64)
        for lighter_share in self._deep:
            below = np.empty((len(counts), 2), np.int64)
            below[:, 0] = generator.binomial(counts, lighter_share)
            np.subtract(counts, below[:, 0], out=below[:, 1])
            counts = below.reshape(-1)
        return counts[self._leaf]
