"""Split by law: Envoy's rule for every value, draws without bias, runs that may be cut anywhere.

False alarms: seeds are fixed, so a statistical test passes always or never. With seeds chosen blindly, as
these were, each fails a correct library with probability below ALARM.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, product
from math import comb
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from canarysim.engine import cells, multinomial, residues
from canarysim.engine.cells import Cells
from canarysim.engine.split import Split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

ALARM = 1e-6
LARGEST = 2**32 - 1


@st.composite
def any_weights(draw: st.DrawFn, largest_total: int = LARGEST, most: int = 40) -> list[int]:
    """Weights of every kind: tiny and huge side by side, zeros anywhere, totals up to the limit itself."""
    size = draw(st.integers(1, most))
    room = largest_total // size
    sizes = st.sampled_from([0, 1, 2, 3, 16, 100, 65535, 65536, room]) | st.integers(0, room)
    weights = [min(weight, room) for weight in draw(st.lists(sizes, min_size=size, max_size=size))]
    place = draw(st.integers(0, size - 1))
    if draw(st.booleans()):
        weights[place] += largest_total - sum(weights)
    elif not any(weights):
        weights[place] = 1
    return weights


def walk(weights: list[int], random_value: int) -> int:
    """Envoy's rule as its source has it: one entry after the other."""
    value = random_value % sum(weights)
    begin = 0
    for index, weight in enumerate(weights):
        end = begin + weight
        if begin <= value < end:
            return index
        begin = end
    raise AssertionError


def near_the_ends(weights: list[int]) -> list[int]:
    """Random values on either side of every interval end, in the first, a middle and the last round."""
    total = sum(weights)
    rounds = [0, total, (2**63 // total) * total, (2**64 // total) * total]
    ends = [0, *accumulate(weights)]
    values = {r + end + step for r in rounds for end in ends for step in (-1, 0, 1)}
    return sorted(value for value in values if 0 <= value < 2**64)


# Pick.


@given(any_weights(largest_total=3000))
@example([0, 3, 0, 2, 0])
@example([1] * 300)
@example([1])
def test_one_round_of_values_gives_each_destination_its_weight(weights: list[int]) -> None:
    split = Split(weights)
    picked = split.pick(np.arange(split.total, dtype=np.uint64))
    assert np.bincount(picked, minlength=len(weights)).tolist() == weights


@pytest.mark.parametrize("total", [65535, 65536, 65537, 200_003])
@pytest.mark.parametrize("destinations", [1, 2, 8, 9, 255, 256, 257, 1000])
def test_one_round_gives_each_its_weight_around_every_threshold(total: int, destinations: int) -> None:
    generator = np.random.default_rng(destinations)
    weights = generator.multinomial(total, generator.dirichlet(np.full(destinations, 0.3))).tolist()
    picked = Split(weights).pick(np.arange(total, dtype=np.uint32))
    assert np.bincount(picked, minlength=destinations).tolist() == weights
    assert (np.diff(picked.astype(int)) >= 0).all()


@given(any_weights(), st.lists(st.integers(0, 2**64 - 1), max_size=50))
@example([4294967294, 1], [])
@example([1, 4294967294], [])
@example([1] * 256, [])
@example([16777215] * 256, [])
@example([1_000_003] * 4000, [])
@example([*([1_000_003] * 20), 1], [])
def test_pick_is_the_walk_over_the_entries(weights: list[int], random_values: list[int]) -> None:
    values = [*near_the_ends(weights), *random_values]
    values = values[:: max(1, len(values) // 200)]
    expected = [walk(weights, value) for value in values]
    split = Split(weights)
    assert split.pick(np.array(values, np.uint64)).tolist() == expected
    assert [split.pick(value) for value in values[:20]] == expected[:20]


@given(any_weights(), st.integers(0, 2**32 - 1), st.integers(0, 2**32))
def test_whole_rounds_change_nothing(weights: list[int], value: int, rounds: int) -> None:
    split = Split(weights)
    rounds = min(rounds, (2**64 - 1 - value) // split.total)
    values = np.full(20, value, np.uint64)
    later = np.full(20, value + rounds * split.total, np.uint64)
    np.testing.assert_array_equal(split.pick(values), split.pick(later))


@given(any_weights(), st.integers(0, 2**32))
@settings(max_examples=50)
def test_zero_weights_are_never_picked_and_never_drawn(weights: list[int], seed: int) -> None:
    split = Split(weights)
    idle = np.flatnonzero(np.array(weights) == 0)
    picked = split.pick(np.random.default_rng(seed).integers(0, 2**64 - 1, 2000, np.uint64, endpoint=True))
    assert not np.isin(picked, idle).any()
    assert not np.isin(split.sample(2000, seed), idle).any()
    assert not split.counts(10**12, seed)[idle].any()


@given(any_weights(largest_total=10**6), st.integers(1, 4000))
def test_scaling_the_weights_leaves_the_shares_alone(weights: list[int], factor: int) -> None:
    split = Split(weights)
    scaled = Split([weight * factor for weight in weights])
    assert scaled.shares == split.shares
    assert sum(split.shares.values()) == 1


@given(any_weights())
@settings(max_examples=50)
def test_intervals_are_half_open_and_adjoin(weights: list[int]) -> None:
    split = Split(weights)
    place = 0
    for (index, (begin, end)), weight in zip(split.intervals.items(), weights, strict=True):
        assert (begin, end - begin) == (place, weight)
        place = end
        if weight:
            assert split.pick([begin, end - 1]).tolist() == [index, index]
    assert place == split.total


# Sample: the proof by enumeration.

ALL_LANES = np.arange(2**16, dtype=np.uint16)

PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71]

PROVED = [
    [1, 1],
    [10, 90],
    [1, 2],
    [1],
    [0, 5, 0],
    [0, 3, 0, 2, 0],
    [1, 65535],
    [1, 65536],
    [65535, 65536, 1],
    [4294967294, 1],
    [1, 4294967294],
    [2147483647, 2147483648],
    [1431655765] * 3,
    PRIMES,
    PRIMES[::-1] + [0] * 50 + [4294900001],
    [1] * 257,
    [1] * 1000,
    [4294967] * 1000,
    [4294967295 - 999, *([1] * 999)],
    [0, 1] * 500,
    [1] * 66_000,
]


def check_no_bias(weights: list[int]) -> None:
    drawing = Cells(weights)
    out = np.empty(2**16, drawing.dtype)
    undecided = drawing.decide(ALL_LANES, out)
    decided = np.bincount(np.delete(out, undecided), minlength=len(weights)).tolist()
    total, nobody = sum(weights), len(undecided)
    # What each entry still misses, in units of 1 / (65536 * total), worked out from what was decided alone.
    missing = [weight * 2**16 - cell * total for weight, cell in zip(weights, decided, strict=True)]
    assert all(0 <= part < total for part in missing)
    assert sum(missing) == nobody * total
    for weight, cell, part in set(zip(weights, decided, missing, strict=True)):
        second = Fraction(nobody, 2**16) * Fraction(part, nobody * total) if nobody else 0
        assert Fraction(cell, 2**16) + second == Fraction(weight, total)
    if nobody:
        check_second_draw(drawing, missing)


def check_second_draw(drawing: Cells, missing: list[int]) -> None:
    """Accepted are the words of whole rounds of the missing parts, and each goes where the walk goes."""
    modulus = sum(missing)
    refused_from = 2**64 // modulus * modulus
    ends = [0, *accumulate(missing)]
    ends = ends[:: max(1, len(ends) // (40 if len(ends) < 2000 else 4))] + ends[-2:]
    words = [
        round_ + end + step for round_ in (0, modulus, refused_from - modulus) for end in ends for step in (-1, 0)
    ]
    words = [word for word in words if 0 <= word < refused_from]
    expected = [walk(missing, word) for word in words]
    refused = [word for word in (refused_from, refused_from + 1, 2**64 - 1) if refused_from <= word < 2**64]
    script = [*refused, *words[:3], *refused, *words[3:], 7]
    source = scripted(script)
    assert drawing.redraw(len(words), source).tolist() == expected
    assert source(1).tolist() == [7], "not one word more than needed"


def scripted(script: list[int]) -> Callable[[int], NDArray[np.uint64]]:
    left = iter(script)

    def words(n: int) -> NDArray[np.uint64]:
        return np.array([next(left) for _ in range(n)], np.uint64)

    return words


@pytest.mark.parametrize("weights", PROVED, ids=lambda weights: f"{len(weights)}-of-{sum(weights)}")
def test_a_draw_has_exactly_the_share_of_its_weight(weights: list[int]) -> None:
    check_no_bias(weights)


@given(any_weights())
@settings(max_examples=40, deadline=None)
def test_a_draw_has_exactly_the_share_of_any_weight(weights: list[int]) -> None:
    check_no_bias(weights)


def test_a_draw_has_exactly_its_share_for_every_small_total() -> None:
    for total in range(1, 150):
        check_no_bias([total // 3, total - total // 3])
        check_no_bias([1] * total)


# Sample: the run.


def naive_run(split: Split, words: Iterator[int]) -> Iterator[int]:
    """A run as its module describes it: the words of a group, then those of its second draws."""
    total, weights = split.total, list(split.weights)
    owned = [weight * 2**16 // total for weight in weights]
    missing = [weight * 2**16 % total for weight in weights]
    length = 2**14
    while True:
        lanes = []
        for word in (next(words) for _ in range(length // 4)):
            lanes += [word >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
        for lane in lanes:
            if lane < sum(owned):
                yield walk([*owned, 2**16], lane)
                continue
            while (word := next(words)) >= 2**64 // sum(missing) * sum(missing):
                pass
            yield walk(missing, word)
        length = min(2 * length, 2**18)


GENERATORS = [np.random.PCG64, np.random.PCG64DXSM, np.random.SFC64, np.random.Philox, np.random.MT19937]


@pytest.mark.parametrize("bits", GENERATORS)
@pytest.mark.parametrize("weights", [[30000, 1, 25000], [7, 0, 4294960000, 13, 99], [1] * 45])
def test_a_run_is_what_its_description_says(bits: type[np.random.BitGenerator], weights: list[int]) -> None:
    twin = np.random.Generator(bits(8))
    words = (int(twin.integers(0, 2**64 - 1, dtype=np.uint64, endpoint=True)) for _ in iter(int, 1))
    split, n = Split(weights), 17_000
    run = naive_run(split, words)
    assert split.sample(n, np.random.Generator(bits(8))).tolist() == [next(run) for _ in range(n)]


@given(
    weights=any_weights() | st.just([1] * 997),
    pieces=st.lists(st.integers(0, 9) | st.integers(0, 3000), min_size=1, max_size=8),
    seed=st.integers(0, 2**40),
    bits=st.sampled_from(GENERATORS),
)
@example([1] * 997, [1] * 50 + [1023, 15311, 1, 16384 + 7, 3], 1, np.random.PCG64)
@example([1] * 65000, [3, 5000, 1, 1], 1, np.random.MT19937)
@settings(max_examples=60, deadline=None)
def test_a_run_may_be_cut_anywhere(
    weights: list[int], pieces: list[int], seed: int, bits: type[np.random.BitGenerator]
) -> None:
    split = Split(weights)
    stream = split.stream(np.random.Generator(bits(seed)))
    joined = np.concatenate([stream.take(piece) for piece in pieces])
    whole = split.sample(sum(pieces), np.random.Generator(bits(seed)))
    assert joined.dtype == whole.dtype
    np.testing.assert_array_equal(joined, whole)


def test_a_long_run_may_be_cut_across_its_largest_groups() -> None:
    split, n = Split(list(range(1, 400))), 1_500_000
    stream = split.stream(6)
    pieces = [stream.take(piece) for piece in (5, 262_144, 262_143, 1, 700_001, 0, n - 1_224_294)]
    np.testing.assert_array_equal(np.concatenate(pieces), split.sample(n, 6))


@given(any_weights(), st.integers(0, 3000), st.integers(0, 2**40))
@settings(max_examples=50)
def test_draws_are_indexes_of_destinations_with_weight(weights: list[int], n: int, seed: int) -> None:
    drawn = Split(weights).sample(n, seed)
    assert drawn.shape == (n,)
    assert drawn.dtype == np.min_scalar_type(len(weights) - 1)
    assert all(weights[index] for index in np.unique(drawn))


def test_block_sizes_are_no_part_of_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(9).integers(0, 2**64 - 1, 1000, np.uint64, endpoint=True)
    for weights in ([10, 90], list(range(40)), [2**22] * 999):
        split = Split(weights)
        answers = []
        for block, levels in ((1 << 17, 4), (97, 0), (1, 30)):
            monkeypatch.setattr(residues, "BLOCK", block)
            monkeypatch.setattr(cells, "TAKE", block)
            monkeypatch.setattr(multinomial, "SCALAR_LEVELS", levels)
            picked, drawn, counted = split.pick(values), split.sample(1000, 9), split.counts(10**12, 9)
            answers.append((picked.tolist(), drawn.tolist(), counted.tolist()))
        assert answers[0] == answers[1] == answers[2]


# Statistics, each at the rate ALARM.


def assert_fits(observed: NDArray[np.integer], expected: NDArray[np.floating]) -> None:
    """Pearson's test on cells that expect enough; cells that expect nothing hold nothing."""
    assert not observed[expected == 0].any()
    thin = expected < 20
    observed = np.append(observed[~thin], observed[thin].sum())
    expected = np.append(expected[~thin], expected[thin].sum())
    keep = expected >= 20
    statistic = ((observed - expected)[keep] ** 2 / expected[keep]).sum()
    assert stats.chi2.sf(statistic, max(1, keep.sum() - 1)) > ALARM


UNEVEN = [
    [10, 90],
    [1, 4294967294],
    [0, 3, 0, 2, 0],
    PRIMES,
    [65537, 99991, 1, 0, 4294000000],
    list(range(1000)),
]


@pytest.mark.parametrize("weights", UNEVEN, ids=lambda weights: f"{len(weights)}-of-{sum(weights)}")
@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937])
def test_samples_follow_the_weights(weights: list[int], bits: type[np.random.BitGenerator]) -> None:
    n = 1_000_000
    drawn = Split(weights).sample(n, np.random.Generator(bits(11)))
    assert_fits(np.bincount(drawn, minlength=len(weights)), n * np.array(weights) / sum(weights))


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 1024])
def test_draws_do_not_know_of_one_another(lag: int) -> None:
    weights = np.array([1, 2, 3, 5])
    n = 1_000_000
    drawn = Split(weights).sample(n, 12).astype(int)
    # Pairs that share no draw, so that their counts are multinomial.
    first = np.arange(n - lag).reshape(-1)
    first = first[first // lag % 2 == 0]
    pairs = np.bincount(4 * drawn[first] + drawn[first + lag], minlength=16)
    share = weights / weights.sum()
    assert_fits(pairs, len(first) * np.outer(share, share).ravel())


def test_second_draws_do_not_know_of_one_another() -> None:
    # 65,536 entries of weight 3 and one of weight 1: hardly any cell is owned, almost all draws are second.
    weights = [1, *([3] * 65_536)]
    drawn = Split(weights).sample(400_000, 13).astype(int) // 16_385
    share = np.bincount(np.arange(len(weights)) // 16_385, weights) / sum(weights)
    pairs = np.bincount(4 * drawn[:-1:2] + drawn[1::2], minlength=16)
    assert_fits(pairs, 200_000 * np.outer(share, share).ravel())


def test_successive_samples_of_a_generator_are_independent() -> None:
    generator = np.random.default_rng(14)
    split = Split([1, 2, 4])
    pairs = np.zeros(9, int)
    for _ in range(300):
        first, second = split.sample(301, generator).astype(int), split.sample(301, generator).astype(int)
        pairs += np.bincount(3 * first + second, minlength=9)
    share = np.array([1, 2, 4]) / 7
    assert_fits(pairs, 300 * 301 * np.outer(share, share).ravel())


def test_small_counts_follow_the_multinomial_exactly() -> None:
    weights, n, draws = [1, 0, 2, 4], 4, 10_000
    generator = np.random.default_rng(15)
    split = Split(weights)
    observed, expected = [], []
    seen: dict[tuple[int, ...], int] = {}
    for _ in range(draws):
        key = tuple(split.counts(n, generator).tolist())
        seen[key] = seen.get(key, 0) + 1
    for a, c in product(range(n + 1), repeat=2):
        if a + c <= n:
            ways = comb(n, a) * comb(n - a, c)
            expected.append(draws * ways * (1 / 7) ** a * (2 / 7) ** c * (4 / 7) ** (n - a - c))
            observed.append(seen.pop((a, 0, c, n - a - c), 0))
    assert not seen
    assert_fits(np.array(observed), np.array(expected))


@pytest.mark.parametrize("n", [1000, 10**9, 10**15])
@pytest.mark.parametrize("weights", UNEVEN[:5], ids=lambda weights: f"{len(weights)}-of-{sum(weights)}")
def test_large_counts_lie_where_the_binomial_puts_them(weights: list[int], n: int) -> None:
    total, rounds = sum(weights), 40
    counts = np.array([Split(weights).counts(n, seed) for seed in range(rounds)])
    # Each entry may fail on either side and in any round: ALARM is shared out among them.
    rate = ALARM / (2 * rounds * len(weights))
    for weight, column in zip(weights, counts.T, strict=True):
        law = stats.binom(n, weight / total)
        assert law.cdf(column.min()) >= rate
        assert law.sf(column.max() - 1) >= rate
        if n * min(weight, total - weight) // total > 100:
            # Normal scores: neither rounded expectations nor too few draws would spread so.
            scores = (column - n * (weight / total)) / law.std()
            spread = (scores**2).sum()
            assert stats.chi2.cdf(spread, rounds) > rate
            assert stats.chi2.sf(spread, rounds) > rate


def test_counts_and_samples_have_one_distribution() -> None:
    weights, n, rounds = [1, 2, 3, 0, 94], 200, 3000
    split, generator = Split(weights), np.random.default_rng(16)
    drawn = np.bincount(split.sample(n * rounds, generator), minlength=5)
    counted = sum(split.counts(n, generator) for _ in range(rounds))
    table = np.array([drawn, counted])[:, [0, 1, 2, 4]]
    assert stats.chi2_contingency(table).pvalue > ALARM
