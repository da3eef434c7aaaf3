"""Split: weighted destinations, and which of them random values or draws lead to."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeGuard

import attrs
import numpy as np

from canarysim.engine.cells import Cells
from canarysim.engine.multinomial import Multinomial
from canarysim.engine.residues import Residues
from canarysim.engine.rng import as_generator, whole_number
from canarysim.engine.stream import Stream
from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from canarysim.engine.rng import RNG

    Weight: TypeAlias = int | np.integer

__all__ = ["Split", "as_random_values"]

# Facts.
# 1. The weights of a weighted cluster add up to at least 1 and at most 2^32 - 1, or Envoy refuses the
#    configuration (source/common/router/weighted_cluster_specifier.cc; Envoy 1.40 takes 2^32 - 1).
# 2. A weight may be 0; such a cluster takes no traffic (the same file; Envoy 1.40).
LARGEST_TOTAL = 2**32 - 1

LARGEST_VALUE = 2**64 - 1

SHOWN = 6
"""Destinations that a repr shows; more are only counted."""


@attrs.frozen(init=False, repr=False)
class Split:
    """Destinations with weights, as in Envoy's weighted clusters.

    ``destinations`` is a mapping from names to weights, or a sequence of weights, whose names are then 0, 1,
    ... Weights are ints (or numpy integers) of at least 0 that add up to 1 to 2^32 - 1. Results index
    ``names``.

    Splits with equal names and weights are equal. They are immutable, hashable and pickle; what makes them
    fast is computed when first needed and is no part of their value.

    Raises TypeError for what is neither a mapping nor a sequence, and InvalidValue with one of the codes
    ``no_destination``, ``weight_not_integer``, ``negative_weight``, ``weights_sum_to_zero``,
    ``weights_overflow``.

    >>> split = Split({"v2": 10, "v1": 90})
    >>> split
    Split({'v2': 10, 'v1': 90})
    >>> split.pick([9, 10, 109])
    array([0, 1, 0], dtype=uint8)
    >>> split.sample(1_000_000, rng=2).dtype
    dtype('uint8')
    >>> int(split.counts(10**15, rng=2).sum())
    1000000000000000
    """

    names: tuple[Hashable, ...]
    """The destinations, in Envoy's order."""
    weights: tuple[int, ...]
    """The weight of each."""
    _residues: Residues | None = attrs.field(init=False, eq=False)
    _cells: Cells | None = attrs.field(init=False, eq=False)
    _multinomial: Multinomial | None = attrs.field(init=False, eq=False)

    def __init__(self, destinations: Mapping[Any, Weight] | Sequence[Weight] | NDArray[np.integer]) -> None:
        names, weights = _destinations(destinations)
        # The attrs way of setting a frozen value.
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "_residues", None)
        object.__setattr__(self, "_cells", None)
        object.__setattr__(self, "_multinomial", None)

    def __len__(self) -> int:
        return len(self.weights)

    def __repr__(self) -> str:
        if self.names == tuple(range(len(self))):
            shown = [repr(weight) for weight in self.weights[:SHOWN]]
            opening, closing = "[]"
        else:
            shown = [f"{name!r}: {weight}" for name, weight in zip(self.names[:SHOWN], self.weights, strict=False)]
            opening, closing = "{}"
        if len(self) > SHOWN:
            shown.append(f"... {len(self) - SHOWN} more")
        return f"Split({opening}{', '.join(shown)}{closing})"

    def __reduce__(self) -> tuple[type[Split], tuple[dict[Hashable, int]]]:
        return type(self), (dict(zip(self.names, self.weights, strict=True)),)

    @property
    def total(self) -> int:
        """The sum of the weights."""
        return sum(self.weights)

    @property
    def shares(self) -> dict[Hashable, Fraction]:
        """The exact share of each destination, by name; they add up to 1.

        >>> Split({"v2": 10, "v1": 90}).shares
        {'v2': Fraction(1, 10), 'v1': Fraction(9, 10)}
        """
        total = self.total
        return {name: Fraction(weight, total) for name, weight in zip(self.names, self.weights, strict=True)}

    @property
    def intervals(self) -> dict[Hashable, tuple[int, int]]:
        """The half-open interval (begin, end) of the values, 0 to total - 1, that lead to each destination.

        >>> Split({"v2": 10, "off": 0, "v1": 90}).intervals
        {'v2': (0, 10), 'off': (10, 10), 'v1': (10, 100)}
        """
        ends = list(accumulate(self.weights))
        return dict(zip(self.names, zip([0, *ends], ends, strict=False), strict=True))

    def pick(self, random_values: ArrayLike) -> Any:
        """Where each 64-bit random value leads, by Envoy's rule: the interval that holds ``value % total``.

        ``random_values`` is an array of integers from 0 to 2^64 - 1, of any shape, layout, byte order and
        integer dtype, or a (nested) list of ints, or one int. The result has its shape and the smallest
        unsigned dtype that holds the indexes; for one int, or an array without dimensions, it is a numpy
        scalar.

        Raises TypeError for floats (64 bits do not fit into them), bools and other things, InvalidValue
        (``negative_random_value``, ``random_value_too_large``) for integers that are no uint64.
        Cost: that of ``random_values % total`` alone or less, up to about twice as much where hundreds of
        destinations meet a total above 2^16. Arrays of uint64 are not checked, signed ones are read once
        more; what is not contiguous is copied. The first use builds a table, of at most 2^20 indexes.

        >>> Split([0, 3, 0, 2, 0]).pick([[0, 2, 3], [4, 5, 2**64 - 1]])
        array([[1, 1, 3],
               [3, 1, 1]], dtype=uint8)
        """
        values = as_random_values(random_values)
        residues = self._residues
        if residues is None:
            residues = Residues(self.weights)
            object.__setattr__(self, "_residues", residues)
        return residues.pick(values.reshape(-1)).reshape(values.shape)[()]

    def sample(self, n: int | np.integer, rng: RNG = None) -> NDArray[np.unsignedinteger[Any]]:
        """``n`` independent draws, each destination with exactly its share.

        ``rng`` is None, an int (a seed), a SeedSequence or a Generator, which moves on. The result has shape
        (n,) and the smallest unsigned dtype that holds the indexes. No total has a bias: given independent
        random bits, every draw is exact.

        Raises TypeError for a wrong ``n`` or ``rng``, InvalidValue (``negative_count``, ``negative_seed``).
        Cost: 16 random bits a draw and a few passes over them. Memory: the result and about 2 MB.

        >>> import numpy as np
        >>> int(np.bincount(Split([1, 3]).sample(8000, rng=2)).sum())
        8000
        """
        return self.stream(rng).take(n)

    def stream(self, rng: RNG = None) -> Stream:
        """The same draws, piece by piece: ``take(a)``, then ``take(b)``, gives what ``sample(a + b)`` gives.

        >>> split = Split([10, 90])
        >>> stream = split.stream(2)
        >>> pieces = [*stream.take(3), *stream.take(1997)]
        >>> pieces == split.sample(2000, rng=2).tolist()
        True
        """
        cells = self._cells
        if cells is None:
            cells = Cells(self.weights)
            object.__setattr__(self, "_cells", cells)
        return Stream(cells, as_generator(rng))

    def counts(self, n: int | np.integer, rng: RNG = None) -> NDArray[np.int64]:
        """How many of ``n`` independent draws fall to each destination: int64, shape (len(split),).

        They add up to ``n``. One multinomial draw, made of binomials, never of rows; as exact as
        ``Generator.binomial``, which works in float64. Not the histogram of ``sample(n)`` with the same seed,
        but distributed like it.

        Raises TypeError for a wrong ``n`` or ``rng``, InvalidValue (``negative_count``, ``count_too_large``
        from 2^63 on, ``negative_seed``). Cost: a binomial for each destination, whatever n up to 2^53.
        """
        tree = self._multinomial
        if tree is None:
            tree = Multinomial(self.weights)
            object.__setattr__(self, "_multinomial", tree)
        return tree.draw(whole_number(n), as_generator(rng))


def _destinations(destinations: object) -> tuple[tuple[Hashable, ...], tuple[int, ...]]:
    names: Iterable[Hashable]
    weights: Iterable[object]
    if isinstance(destinations, Mapping):
        names, weights = destinations.keys(), destinations.values()
    elif _is_sequence(destinations):
        names, weights = range(len(destinations)), destinations
    else:
        raise TypeError(
            f'a split is a mapping from names to weights, such as {{"v2": 10, "v1": 90}}, or a sequence of '
            f"weights, not {type(destinations).__name__}"
        )
    named = tuple(names)
    checked = tuple(_weight(name, weight) for name, weight in zip(named, weights, strict=True))
    if not checked:
        raise InvalidValue("no_destination", "a split without destinations leads nowhere; give at least one")
    total = sum(checked)
    if total == 0:
        raise InvalidValue("weights_sum_to_zero", "all weights are 0; give at least one destination a weight")
    if total > LARGEST_TOTAL:
        raise InvalidValue(
            "weights_overflow",
            f"the weights add up to {total}, above Envoy's limit of {LARGEST_TOTAL} (2^32 - 1); scale them down",
            total=total,
            limit=LARGEST_TOTAL,
        )
    return named, checked


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _weight(name: Hashable, weight: object) -> int:
    if isinstance(weight, bool | np.bool_) or not isinstance(weight, int | np.integer):
        raise InvalidValue(
            "weight_not_integer",
            f"the weight of {name!r} is {weight!r}, not an integer; "
            "multiply all weights until they are whole, shares stay the same",
            name=name,
            weight=weight,
        )
    number = int(weight)
    if number < 0:
        raise InvalidValue(
            "negative_weight",
            f"the weight of {name!r} is {number}; give it 0 or more",
            name=name,
            weight=number,
        )
    return number


def as_random_values(random_values: ArrayLike) -> NDArray[np.integer[Any]]:
    """Integers from 0 to 2^64 - 1 as an array; refuses everything else, floats for the bits they lack."""
    values = random_values if isinstance(random_values, np.ndarray) else _array(random_values)
    kind = values.dtype.kind
    if kind == "u":
        return values
    if kind == "O":
        return _exact(values)
    if kind != "i":
        lossy = "; a float holds 53 bits of the 64" if kind == "f" else ""
        raise TypeError(f"random values are integers from 0 to 2^64 - 1, not {values.dtype}{lossy}")
    if values.size and values.min() < 0:
        lowest = int(values.min())
        raise InvalidValue(
            "negative_random_value",
            f"random value {lowest} is negative; random values go from 0 to 2^64 - 1 (if these are 64-bit "
            "words read as signed, write values.view(numpy.uint64))",
            value=lowest,
        )
    return values


def _array(values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    if isinstance(values, int | list | tuple) and array.dtype.kind in "fO":
        # numpy may turn a list of large and small ints into floats; an empty list is one of floats, too.
        return np.array(values, dtype=object)
    return array


def _exact(values: NDArray[np.object_]) -> NDArray[np.uint64]:
    for value in values.flat:
        if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
            raise TypeError(f"random values are integers from 0 to 2^64 - 1, not {value!r}")
        if not 0 <= value <= LARGEST_VALUE:
            code, what = (
                ("negative_random_value", "negative") if value < 0 else ("random_value_too_large", "too large")
            )
            raise InvalidValue(
                code,
                f"random value {value} is {what}; random values go from 0 to 2^64 - 1",
                value=operator.index(value),
            )
    return values.astype(np.uint64)
