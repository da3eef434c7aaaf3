"""Split by example: Envoy's golden values, what is accepted, what is refused and how."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import attrs
import numpy as np
import pytest

from canarysim.engine.rng import as_generator
from canarysim.engine.split import Split
from canarysim.errors import CanarysimError, InvalidValue

LARGEST = 2**32 - 1


# What a split is.


def test_a_mapping_names_its_destinations_in_order() -> None:
    split = Split({"v2": 10, "v1": 90})
    assert split.names == ("v2", "v1")
    assert split.weights == (10, 90)
    assert split.total == 100
    assert len(split) == 2
    assert split.shares == {"v2": Fraction(1, 10), "v1": Fraction(9, 10)}
    assert split.intervals == {"v2": (0, 10), "v1": (10, 100)}
    assert list(split.shares) == list(split.intervals) == ["v2", "v1"]


def test_a_sequence_names_its_destinations_by_index() -> None:
    split = Split([3, 0, 1])
    assert split.names == (0, 1, 2)
    assert split.shares == {0: Fraction(3, 4), 1: 0, 2: Fraction(1, 4)}
    assert split.intervals == {0: (0, 3), 1: (3, 3), 2: (3, 4)}
    assert split == Split((3, 0, 1)) == Split(np.array([3, 0, 1], np.uint8))
    assert Split(MappingProxyType({"a": np.int64(3)})) == Split({"a": 3})


def test_numpy_weights_become_python_ints_before_they_are_added() -> None:
    split = Split(np.array([200, 100], np.uint8))
    assert split.total == 300
    assert all(type(weight) is int for weight in split.weights)
    assert Split({"a": np.int32(2**31 - 1), "b": np.int32(2**31 - 1)}).total == 2**32 - 2


def test_equality_is_names_and_weights_whatever_was_computed_before() -> None:
    split = Split({"a": 1, "b": 2})
    fresh = Split({"a": 1, "b": 2})
    split.pick([1])
    split.sample(10, rng=1)
    assert split == fresh
    assert hash(split) == hash(fresh)
    assert split != Split({"b": 2, "a": 1})
    assert split != Split({"a": 1, "b": 3})
    assert split != Split([1, 2])
    assert repr(split) == repr(fresh)


def test_a_split_is_frozen_and_slotted() -> None:
    split = Split([1, 2])
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        split.weights = (2, 1)  # type: ignore[misc]
    assert not hasattr(split, "__dict__")


def test_a_split_pickles_and_copies_without_its_tables() -> None:
    split = Split({f"d{i}": i for i in range(100)})
    before = pickle.dumps(split)
    split.pick([1])
    split.sample(10, rng=1)
    assert pickle.dumps(split) == before
    for again in (pickle.loads(before), copy.copy(split), copy.deepcopy(split)):
        assert again == split
        np.testing.assert_array_equal(again.sample(5000, rng=3), split.sample(5000, rng=3))


def test_repr_is_what_one_would_write_and_stays_short() -> None:
    assert repr(Split({"v2": 10, "v1": 90})) == "Split({'v2': 10, 'v1': 90})"
    assert repr(Split([10, 90])) == "Split([10, 90])"
    assert repr(Split([1] * 1000)) == "Split([1, 1, 1, 1, 1, 1, ... 994 more])"
    assert len(repr(Split({f"d{i}": 1 for i in range(1000)}))) < 100


@pytest.mark.parametrize(
    "destinations, code",
    [
        ([], "no_destination"),
        ({}, "no_destination"),
        ([0, 0], "weights_sum_to_zero"),
        ({"a": 0}, "weights_sum_to_zero"),
        ([LARGEST, 1], "weights_overflow"),
        ([2**64], "weights_overflow"),
        ([3, -1], "negative_weight"),
        (np.array([3, -1]), "negative_weight"),
        ([0.5, 0.5], "weight_not_integer"),
        ([1.0], "weight_not_integer"),
        (np.array([1.0]), "weight_not_integer"),
        ([True, 1], "weight_not_integer"),
        ([np.True_], "weight_not_integer"),
        ({"a": "1"}, "weight_not_integer"),
        ({"a": None}, "weight_not_integer"),
    ],
)
def test_weights_that_cannot_be_are_refused_with_a_code(destinations: Any, code: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Split(destinations)
    assert caught.value.code == code
    assert isinstance(caught.value, CanarysimError)
    assert isinstance(caught.value, ValueError)


def test_the_error_names_the_destination_and_its_weight() -> None:
    with pytest.raises(InvalidValue, match=r"'v1' is -3; give it 0 or more") as caught:
        Split({"v2": 10, "v1": -3})
    assert caught.value.values == {"name": "v1", "weight": -3}
    with pytest.raises(InvalidValue, match=r"add up to 4294967296, above Envoy's limit of 4294967295"):
        Split([LARGEST, 1])


@pytest.mark.parametrize("thing", ["10,90", b"\1", 7, None, {1, 2}, 1.5, np.array(3), np.ones((2, 2), int)])
def test_what_is_no_mapping_and_no_sequence_is_a_type_error(thing: Any) -> None:
    with pytest.raises(TypeError, match="a split is a mapping"):
        Split(thing)


# Pick.


def test_the_values_a_real_envoy_picked() -> None:
    assert Split([0, 3, 0, 2, 0]).pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).tolist() == [
        *(1, 1, 1, 3, 3),
        *(1, 1, 1, 3, 3),
        1,
    ]
    values = np.array([4294967293, 4294967294, 4294967295, 8589934589, 18446744073709551615], np.uint64)
    assert Split([4294967294, 1]).pick(values).tolist() == [0, 1, 0, 1, 0]
    assert Split([1] * 10).pick([0, 9, 10, 18446744073709551615, 18446744073709551609]).tolist() == [
        *(0, 9, 0, 5, 9)
    ]


# One split for each way of finding the index: comparisons of 16, 32 bits; a table of residues, of cells.
WAYS = [
    [10, 90],
    [0, 3, 0, 2, 0],
    [4294967294, 1],
    [1, 2**31, 5, 0, 2**20],
    list(range(1, 60)),
    [0, 70001, 3, 0, 99991, 1, *([65537] * 20), 0],
    [2**32 - 1 - 300, *([1] * 300)],
]


@pytest.mark.parametrize("weights", WAYS, ids=lambda weights: f"{len(weights)}-of-{sum(weights)}")
@pytest.mark.parametrize("length", [1, 5, 700])
def test_layout_byte_order_and_width_do_not_matter(weights: list[int], length: int) -> None:
    split = Split(weights)
    plain = np.random.default_rng(5).integers(0, 2**64 - 1, length, np.uint64, endpoint=True)
    expected = split.pick(plain)
    read_only = plain.copy()
    read_only.flags.writeable = False
    spread = np.zeros(3 * length, np.uint64)
    spread[::3] = plain
    for values in (read_only, spread[::3], plain.astype(">u8"), plain.astype("<u8"), plain.astype(object)):
        np.testing.assert_array_equal(split.pick(values), expected)
    np.testing.assert_array_equal(split.pick(plain[::-1]), expected[::-1])
    np.testing.assert_array_equal(split.pick(plain.tolist()), expected)
    np.testing.assert_array_equal(split.pick(plain.reshape(1, -1, 1)), expected.reshape(1, -1, 1))
    unaligned = np.frombuffer(b"." + plain.tobytes(), np.uint8)[1:].view(np.uint64)
    np.testing.assert_array_equal(split.pick(unaligned), expected)
    for dtype in (np.uint8, np.uint16, np.uint32, np.int8, np.int16, np.int32, np.int64, ">u2", ">i4"):
        narrow = (plain % np.uint64(100)).astype(dtype)
        np.testing.assert_array_equal(split.pick(narrow), split.pick(narrow.astype(np.uint64)))


def test_fortran_order_keeps_its_places() -> None:
    values = np.asfortranarray(np.arange(600, dtype=np.uint64).reshape(20, 30))
    picked = Split([7, 4, 2]).pick(values)
    assert picked.shape == (20, 30)
    assert [int(picked[i, j]) for i, j in ((0, 6), (0, 7), (0, 11), (19, 29))] == [0, 1, 2, 0]  # 599 % 13 = 1


def test_pick_leaves_its_input_alone() -> None:
    values = np.arange(1000, dtype=np.uint64)
    Split([3, 4]).pick(values)
    np.testing.assert_array_equal(values, np.arange(1000))


def test_one_value_gives_a_numpy_scalar() -> None:
    split = Split([10, 90])
    for one in (109, np.uint64(109), np.int8(109), np.array(109, np.uint64)):
        picked = split.pick(one)
        assert type(picked) is np.uint8
        assert picked == 0 + (109 % 100 >= 10)
    assert type(Split([1] * 300).pick(299)) is np.uint16


@pytest.mark.parametrize("empty", [[], [[]], (), np.empty(0, np.uint64), np.empty((3, 0, 2), np.uint32)])
def test_nothing_gives_nothing_of_the_same_shape(empty: Any) -> None:
    picked = Split([10, 90]).pick(empty)
    assert picked.shape == np.shape(empty)
    assert picked.dtype == np.uint8


@pytest.mark.parametrize(
    "destinations, dtype",
    [(1, np.uint8), (2, np.uint8), (256, np.uint8), (257, np.uint16), (65536, np.uint16), (65537, np.uint32)],
)
def test_indexes_come_in_the_smallest_unsigned_dtype(destinations: int, dtype: type) -> None:
    for weight in (1, 3001):  # the totals 2^16 and above need no table with a sentinel, and one
        split = Split([weight] * destinations)
        last = weight * destinations - 1
        picked = split.pick(np.array([0, last] * 10, np.uint64))
        assert picked.dtype == dtype
        assert picked[-1] == destinations - 1
        assert split.sample(3, rng=1).dtype == dtype
        assert split.sample(0, rng=1).dtype == dtype


@pytest.mark.parametrize(
    "values",
    [0.5, [1.0], np.array([1.0]), np.float32(3), [2**64 - 1, 1.5], "7", None, [None], [True], True, 1j],
)
def test_random_values_that_are_no_integers_are_a_type_error(values: Any) -> None:
    with pytest.raises(TypeError, match="random values are integers"):
        Split([1, 2]).pick(values)


@pytest.mark.parametrize(
    "values, code",
    [
        (-1, "negative_random_value"),
        ([3, -1], "negative_random_value"),
        (np.array([3, -1], np.int8), "negative_random_value"),
        ([2**64 - 1, -1], "negative_random_value"),
        (2**64, "random_value_too_large"),
        ([0, 2**70], "random_value_too_large"),
        (np.array([2**64], object), "random_value_too_large"),
    ],
)
def test_integers_that_are_no_random_value_are_refused(values: Any, code: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Split([1, 2]).pick(values)
    assert caught.value.code == code


# The rng keyword.


def test_rng_is_none_a_seed_a_seed_sequence_or_a_generator() -> None:
    split = Split([10, 90, 33])
    expected = split.sample(500, rng=2)
    np.testing.assert_array_equal(split.sample(500, rng=np.random.default_rng(2)), expected)
    np.testing.assert_array_equal(split.sample(500, rng=np.random.SeedSequence(2)), expected)
    np.testing.assert_array_equal(split.sample(500, rng=np.uint8(2)), expected)
    np.testing.assert_array_equal(split.stream(2).take(500), expected)
    np.testing.assert_array_equal(split.counts(500, rng=2), split.counts(500, rng=np.random.default_rng(2)))
    assert split.sample(500, rng=3).tolist() != expected.tolist()
    assert split.sample(500).tolist() != split.sample(500).tolist()  # equal once in more than 2^500


def test_a_generator_moves_on() -> None:
    split, generator = Split([10, 90, 33]), np.random.default_rng(2)
    first, second = split.sample(500, generator), split.sample(500, generator)
    assert first.tolist() != second.tolist()
    assert split.counts(10**9, generator).tolist() != split.counts(10**9, generator).tolist()


def test_the_state_of_a_generator_decides_everything() -> None:
    split = Split([1] * 999)
    generator = np.random.default_rng(2)
    state = generator.bit_generator.state
    first = split.sample(5000, generator)
    generator.bit_generator.state = state
    np.testing.assert_array_equal(split.sample(5000, generator), first)


def test_numpys_global_state_is_neither_used_nor_touched() -> None:
    before = np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002 the state in question
    Split([10, 90]).sample(10_000)
    Split([10, 90]).counts(10_000)
    assert np.random.get_state(legacy=False)["state"]["pos"] == before  # noqa: NPY002


@pytest.mark.parametrize("rng", [1.0, "1", True, [1, 2], np.random.PCG64(1), np.random.RandomState(1), object()])
def test_anything_else_is_no_rng(rng: Any) -> None:
    for draw in (Split([1, 2]).sample, Split([1, 2]).counts):
        with pytest.raises(TypeError, match="rng is None, an int, a numpy SeedSequence or a numpy Generator"):
            draw(10, rng)
    with pytest.raises(TypeError):
        as_generator(rng)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InvalidValue) as caught:
        Split([1, 2]).sample(10, -1)
    assert caught.value.code == "negative_seed"


# Numbers of draws.


@pytest.mark.parametrize("n", [1.0, 1e6, "3", None, True, np.True_, np.float64(3), [3]])
def test_a_number_of_draws_is_an_int(n: Any) -> None:
    split = Split([1, 2])
    for draw in (split.sample, split.counts, split.stream(1).take):
        with pytest.raises(TypeError, match="the number of draws is an int"):
            draw(n)


def test_a_number_of_draws_is_not_negative_and_fits() -> None:
    split = Split([1, 2])
    for draw in (split.sample, split.counts, split.stream(1).take):
        with pytest.raises(InvalidValue) as caught:
            draw(-1)
        assert caught.value.code == "negative_count"
    with pytest.raises(InvalidValue) as caught:
        split.counts(2**63)
    assert caught.value.code == "count_too_large"


def test_nothing_drawn_leaves_the_generator_where_it_was() -> None:
    generator = np.random.default_rng(2)
    state = generator.bit_generator.state
    assert Split([1, 2, 3]).sample(0, generator).shape == (0,)
    assert Split([1, 2, 3]).counts(0, generator).tolist() == [0, 0, 0]
    assert generator.bit_generator.state == state


def test_counts_are_int64_and_add_up() -> None:
    for n in (1, 10**9, 10**15, 2**53 + 1, 2**63 - 1, np.int64(77)):
        counts = Split([1, 0, 2**31, 7]).counts(n, rng=1)
        assert counts.dtype == np.int64
        assert counts.sum() == n
        assert counts.min() >= 0
        assert counts[1] == 0


def test_sampling_needs_little_more_memory_than_its_result() -> None:
    split, n = Split([10, 90]), 4_000_000
    split.sample(1, rng=1)
    tracemalloc.start()
    try:
        split.sample(n, rng=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < n + 4_000_000
