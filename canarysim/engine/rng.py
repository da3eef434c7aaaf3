"""Where randomness comes from: the ``rng`` keyword, and full 64-bit words out of any numpy Generator."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    RNG: TypeAlias = int | np.integer | np.random.SeedSequence | np.random.Generator | None

__all__ = ["as_generator", "whole_number", "words_of"]

LARGEST_COUNT = 2**63 - 1
"""What an int64 holds, and with it the largest number of draws."""

# Facts. Which bit generators give 64 random bits a step.
# 1. `BitGenerator.random_raw` returns what one step gives: 64 bits for those below, 32 for MT19937 (numpy
#    reference, "Bit generators"). Of a bit generator from elsewhere nothing is known.
# 2. `Generator.integers` over the full range of uint64 takes one `next_uint64` a value, which every bit
#    generator defines, and neither masks nor rejects (numpy, _bounded_integers.pyx,
#    random_bounded_uint64_fill).
_GIVES_64_BITS = frozenset({np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64})


def as_generator(rng: RNG) -> np.random.Generator:
    """The Generator that an ``rng`` keyword stands for.

    ``None`` is fresh entropy, an int or a SeedSequence is a seed (``rng=2`` equals
    ``numpy.random.default_rng(2)``), and a Generator is used as it is, so that it moves on.

    Raises TypeError for anything else, and InvalidValue (``negative_seed``) for a seed below 0.

    >>> bool(as_generator(2).random() == np.random.default_rng(2).random())
    True
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None or isinstance(rng, np.random.SeedSequence):
        return np.random.default_rng(rng)
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        if rng < 0:
            raise InvalidValue("negative_seed", f"rng={rng} is negative; a seed is 0 or more", rng=int(rng))
        return np.random.default_rng(int(rng))
    raise TypeError(
        f"rng is None, an int, a numpy SeedSequence or a numpy Generator, not {type(rng).__name__}; "
        "for a bit generator write numpy.random.Generator(it)"
    )


def words_of(generator: np.random.Generator) -> Callable[[int], NDArray[np.uint64]]:
    """A function that draws the next ``n`` words: uint64, uniform over the full range.

    Asking for a and then for b words gives what asking for a + b gives.
    """
    bits = generator.bit_generator
    if type(bits) in _GIVES_64_BITS:
        raw = bits.random_raw

        def stepwise(n: int) -> NDArray[np.uint64]:
            words: NDArray[np.uint64] = raw(n)
            return words

        return stepwise

    def full_range(n: int) -> NDArray[np.uint64]:
        return generator.integers(0, 2**64 - 1, size=n, dtype=np.uint64, endpoint=True)

    return full_range


def whole_number(n: int | np.integer) -> int:
    """A number of draws as a Python int; numpy integers will do, bools and floats will not.

    Raises TypeError, or InvalidValue (``negative_count``, ``count_too_large``).
    """
    if isinstance(n, bool | np.bool_) or not hasattr(n, "__index__"):
        raise TypeError(f"the number of draws is an int, not {type(n).__name__}; write int(n) if it is whole")
    count = operator.index(n)
    if count < 0:
        raise InvalidValue("negative_count", f"n={count} is negative; draw 0 or more", n=count)
    if count > LARGEST_COUNT:
        raise InvalidValue(
            "count_too_large", f"n={count} does not fit int64; draw at most {LARGEST_COUNT}", n=count
        )
    return count
