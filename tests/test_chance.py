"""Exact shares, held against counting."""

from __future__ import annotations

from fractions import Fraction
from math import lcm

import pytest
from hypothesis import given
from hypothesis import strategies as st

import canarysim as cs
from canarysim.table.chance import EVERY, Chance, Residues


@st.composite
def residues(draw: st.DrawFn, modulus: int | None = None) -> Residues:
    modulus = modulus or draw(st.integers(1, 60))
    edge = st.integers(0, modulus)
    pairs = draw(st.lists(st.tuples(edge, edge).map(lambda p: (min(p), max(p))), max_size=4))
    return Residues(modulus, tuple(pairs))


def counted(chance: Chance, modulus: int) -> Fraction:
    return Fraction(sum(value in chance for value in range(modulus)), modulus)


@given(residues(), residues())
def test_the_share_of_two_conditions_is_the_count_over_all_values(a: Residues, b: Residues) -> None:
    chance = Chance.of(a, b)
    assert chance.share == counted(chance, lcm(a.modulus, b.modulus))


@given(st.data(), st.integers(1, 40))
def test_sets_of_one_modulus_combine_like_sets(data: st.DataObject, modulus: int) -> None:
    a, b = data.draw(residues(modulus)), data.draw(residues(modulus))
    for value in range(2 * modulus):
        assert (value in (a & b)) == (value in a and value in b)
        assert (value in (a | b)) == (value in a or value in b)
        assert (value in ~a) == (value not in a)
    assert a.share + (~a).share == 1
    assert (a | b).share == a.share + b.share - (a & b).share


def test_half_of_the_requests_then_half_of_those_by_the_same_value_are_one_half_and_nothing() -> None:
    fraction = Residues(100, ((0, 50),))
    first, second = Residues(100, ((0, 50),)), Residues(100, ((50, 100),))
    assert Chance.of(fraction, first).share == Fraction(1, 2)
    assert Chance.of(fraction, second).share == 0
    assert Chance.of(fraction, Residues(2, ((0, 1),))).share == Fraction(1, 4)


def test_large_moduli_cost_nothing() -> None:
    a = Residues(10**6, ((0, 333_333),))
    b = Residues(2**32 - 1, ((17, 2**31),))
    assert float(Chance.of(a, b).share) == pytest.approx(float(a.share * b.share), rel=1e-5)


def test_no_condition_is_every_value() -> None:
    assert EVERY.share == 1
    assert 2**64 - 1 in EVERY
    assert Chance.of(Residues(7, ((0, 7),))) == EVERY


def test_residues_must_lie_below_the_modulus() -> None:
    for modulus, intervals in [(0, ()), (5, ((0, 6),)), (5, ((-1, 2),))]:
        with pytest.raises(cs.InvalidValue):
            Residues(modulus, intervals)
    with pytest.raises(cs.InvalidValue):
        Residues(5, ()) & Residues(6, ())


def test_three_moduli_of_which_one_divides_the_next_cost_little() -> None:
    half = [Residues(modulus, ((0, modulus // 2),)) for modulus in (100, 10_000, 1_000_000, 4_000_000_000)]
    # Below half of 100, of 10^4, of 10^6 and of 4 * 10^9, counted by hand: each residue of the next splits evenly.
    assert Chance.of(half[0], half[1]).share == Fraction(1, 4)
    assert Chance.of(*half[:3]).share == Fraction(1, 8)
    assert Chance.of(*half).share == Fraction(1, 16)
