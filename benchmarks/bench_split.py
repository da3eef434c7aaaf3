"""Split against what else draws by weight. One command: python -m pytest benchmarks --benchmark-enable."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import peers
from benchmarks.conftest import Goal
from canarysim.engine.split import Split

if TYPE_CHECKING:
    from benchmarks.conftest import Compare

N = 10_000_000
SLOW = 100
"""random.choices does a hundredth of the work, the Python loop a hundredth of that; times are scaled up."""

SMALL = 60_013
LARGE = 2**32 - 5
"""Both prime: no share fits a power of two, every entry leaves a remainder."""


def uneven(destinations: int, total: int) -> list[int]:
    """Squares of random numbers, in no order, scaled so that they add up to the total."""
    shares = np.random.default_rng(destinations).random(destinations) ** 2
    weights = (shares / shares.sum() * (total - destinations)).astype(int) + 1
    weights[0] += total - weights.sum()
    return [int(weight) for weight in weights]


def mostly_idle(destinations: int, busy: int, total: int) -> list[int]:
    places = np.random.default_rng(busy).permutation(destinations)[:busy]
    weights = [0] * destinations
    for place, weight in zip(places, uneven(busy, total), strict=True):
        weights[place] = weight
    return weights


CASES = {
    f"{destinations:,} uneven, total {name}": uneven(destinations, total)
    for destinations in (2, 8, 100, 1000)
    for name, total in (("60,013", SMALL), ("2^32 - 5", LARGE))
} | {
    "2 even, 50/50": [50, 50],
    "2, weights 1 and 2^32 - 2": [1, 2**32 - 2],
    "8 even, total 8": [1] * 8,
    "256 even, total 2^16": [256] * 256,
    "20,000 uneven, total 2^32 - 5": uneven(20_000, LARGE),
    "1,000, of which 992 are 0, total 2^32 - 5": mostly_idle(1000, 8, LARGE),
}
TIMES_CHOICE = {2: 8, 8: 7, 100: 12, 1000: 14}


@pytest.mark.parametrize("case", CASES)
def test_sample(compare: Compare, case: str) -> None:
    weights = CASES[case]
    n = compare.size(N, 500_000)
    few = n // SLOW
    split, alias = Split(weights), peers.Alias(weights)
    generator, source = np.random.default_rng(1), random.Random(1)
    assert np.bincount(split.sample(n, generator), minlength=len(weights))[np.array(weights) == 0].sum() == 0
    goals = []
    if len(weights) in TIMES_CHOICE and "uneven" in case:
        goals.append(Goal("choice(p=)", faster=TIMES_CHOICE[len(weights)]))
        if len(weights) == 2:
            goals.append(Goal("a random float each", faster=2.5))
    compare(
        f"sample {n:,}: {case}",
        lambda: split.sample(n, generator),
        {
            "choice(p=)": lambda: peers.choice(weights, n, generator),
            "cumsum + searchsorted": lambda: peers.cumsum_searchsorted(weights, n, generator),
            "alias table": lambda: alias.sample(n, generator),
            "a random float each": lambda: generator.random(n),
            "a raw word each": lambda: generator.bit_generator.random_raw(n),
            "random.choices": (lambda: peers.random_choices(weights, few, source), 1 / SLOW),
            "Python loop": (lambda: peers.loop_sample(weights, few // 100, source), 0.01 / SLOW),
        },
        tuple(goals),
        checked=True,
    )


@pytest.mark.parametrize("case", CASES)
def test_pick(compare: Compare, case: str) -> None:
    weights = CASES[case]
    n = compare.size(N, 500_000)
    split, total = Split(weights), np.uint64(sum(weights))
    values = np.random.default_rng(2).integers(0, 2**64 - 1, n, np.uint64, endpoint=True)
    some = values[: n // SLOW // 100].tolist()
    picked = split.pick(values)
    np.testing.assert_array_equal(picked, peers.remainder_searchsorted(weights, values))
    assert picked[: len(some)].tolist() == peers.loop_pick(weights, some)
    at_most = 1.3 if len(weights) <= 8 else 1.6 if total <= 2**16 else 5
    compare(
        f"pick {n:,}: {case}",
        lambda: split.pick(values),
        {
            "% alone": lambda: values % total,
            "% + searchsorted": lambda: peers.remainder_searchsorted(weights, values),
            "Python loop": (lambda: peers.loop_pick(weights, some), 0.01 / SLOW),
        },
        (Goal("% alone", at_most=at_most),),
        checked=True,
    )


@pytest.mark.parametrize("power", [9, 12, 15])
@pytest.mark.parametrize("destinations", [2, 3, 8, 20, 100, 1000])
def test_counts(compare: Compare, destinations: int, power: int) -> None:
    weights = uneven(destinations, LARGE)
    split, shares = Split(weights), np.array(weights) / LARGE
    generator = np.random.default_rng(3)
    assert split.counts(10**power, generator).sum() == 10**power
    compare(
        f"counts 10^{power}: {destinations:,} uneven",
        lambda: split.counts(10**power, generator),
        {"multinomial": lambda: generator.multinomial(10**power, shares)},
        (Goal("multinomial", at_most=20),),
        repeat=100,
        checked=True,
    )


@pytest.mark.parametrize("n", [1, 100, 10_000])
def test_small_samples(compare: Compare, n: int) -> None:
    split, generator = Split([10, 90]), np.random.default_rng(4)
    compare(
        f"sample {n:,}: 10/90",
        lambda: split.sample(n, generator),
        {
            "choice(p=)": lambda: peers.choice([10, 90], n, generator),
            "a random float each": lambda: generator.random(n),
        },
        repeat=100,
    )


@pytest.mark.parametrize("bits", ["PCG64", "PCG64DXSM", "SFC64", "Philox", "MT19937"])
def test_generators(compare: Compare, bits: str) -> None:
    split, n = Split([10, 90]), compare.size(N)
    generator = np.random.Generator(getattr(np.random, bits)(5))
    compare(
        f"sample {n:,}: 10/90 with {bits}",
        lambda: split.sample(n, generator),
        {
            "choice(p=)": lambda: peers.choice([10, 90], n, generator),
            "a random float each": lambda: generator.random(n),
        },
    )


@pytest.mark.parametrize("destinations", [2, 1000])
def test_first_use(compare: Compare, destinations: int) -> None:
    """What the tables cost: a new split, and its first answers."""
    weights = uneven(destinations, LARGE)
    split = Split(weights)
    values = np.arange(100, dtype=np.uint64)
    compare(
        f"a new Split, {destinations:,} uneven, its first 100 picks and draws",
        lambda: (Split(weights).pick(values), Split(weights).sample(100, 1)),
        {"the same again": lambda: (split.pick(values), split.sample(100, 1))},
        repeat=10,
    )
