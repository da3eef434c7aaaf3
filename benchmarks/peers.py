"""What else draws by weight: what canarysim is held against, each as good as it gets in a few lines."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import random

    from numpy.typing import NDArray


def choice(weights: list[int], n: int, generator: np.random.Generator) -> NDArray[np.int64]:
    return generator.choice(len(weights), n, p=np.array(weights) / sum(weights))


def cumsum_searchsorted(weights: list[int], n: int, generator: np.random.Generator) -> NDArray[np.int64]:
    return np.searchsorted(np.cumsum(weights), generator.random(n) * sum(weights), side="right")


class Alias:
    """Vose's alias table, drawn from with whole arrays; built once, as ours is."""

    def __init__(self, weights: list[int]) -> None:
        size = len(weights)
        scaled = [weight * size / sum(weights) for weight in weights]
        self.keep = np.ones(size)
        self.other = np.arange(size)
        small = [index for index, share in enumerate(scaled) if share < 1]
        large = [index for index, share in enumerate(scaled) if share >= 1]
        while small and large:
            low, high = small.pop(), large[-1]
            self.keep[low], self.other[low] = scaled[low], high
            scaled[high] -= 1 - scaled[low]
            if scaled[high] < 1:
                small.append(large.pop())

    def sample(self, n: int, generator: np.random.Generator) -> NDArray[np.int64]:
        column = generator.integers(0, len(self.keep), n)
        return np.where(generator.random(n) < self.keep[column], column, self.other[column])


def random_choices(weights: list[int], n: int, source: random.Random) -> list[int]:
    return source.choices(range(len(weights)), cum_weights=list(accumulate(weights)), k=n)


def loop_sample(weights: list[int], n: int, source: random.Random) -> list[int]:
    return [loop_pick_one(weights, source.getrandbits(64)) for _ in range(n)]


def loop_pick(weights: list[int], values: list[int]) -> list[int]:
    return [loop_pick_one(weights, value) for value in values]


def loop_pick_one(weights: list[int], value: int) -> int:
    value %= sum(weights)
    for index, weight in enumerate(weights):
        if value < weight:
            return index
        value -= weight
    raise AssertionError


def remainder_searchsorted(weights: list[int], values: NDArray[np.uint64]) -> NDArray[np.int64]:
    total = np.uint64(sum(weights))
    return np.searchsorted(np.cumsum(np.array(weights, np.uint64)), values % total, side="right")
