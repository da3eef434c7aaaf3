"""Where the draws of a simulation come from: each purpose has a generator of its own, made of one seed."""

from __future__ import annotations

from hashlib import blake2b
from struct import pack
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from canarysim.engine.law import Draws, Law
from canarysim.engine.rng import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from canarysim.engine.traffic import Mix
    from canarysim.table.chance import Chance

    Words = Callable[[int], NDArray[np.uint64]]

__all__ = ["Lanes", "Streams", "generator_of", "law_key"]

# How randomness is dealt out, so that a seed names one answer.
# 1. All generators are made of 256 bits of the given one, and of what they serve. So neither blocks nor chunks
#    nor the order in which requests are looked at play a part, nor how a traffic was put together:
#    concat(repeat(r, 3), repeat(r, 4)) has the rows of repeat(r, 7).
# 2. Row i of those without a random value takes lane i, 16 bits of one stream, whether anything depends on it or
#    not. What a lane leaves open (cells.py) is drawn again from a stream that belongs to the weights, in the order
#    of the rows.
# 3. A mix takes its requests from a stream of its own, those of equal mixes one after the other.
# 4. A row with a random value takes no lane. What a fault draws for it comes from a stream that belongs to its
#    chances, a word a row; or, for rows with counts of which only counts are wanted, from another, as counts.
# 5. Counts are drawn from a generator for each set of chances, numbered in an order of their own.
_OF_COUNTS, _OF_MIX, _OF_FAULT, _OF_FAULT_COUNTS, _OF_LANES, _OF_REDRAWS = range(6)

# Read as little-endian on every machine, so that a seed gives the same run on every machine.
_LITTLE_32, _LITTLE_64 = np.dtype("<u4"), np.dtype("<u8")

LANES = 4
"""Lanes in a word."""

SKIPPED = 1 << 16
"""Words drawn at a time where nobody wants them."""


class Lanes:
    """The lanes of a run in order; those that are skipped are drawn only if later ones are wanted."""

    __slots__ = ("_ahead", "_owed", "_words")

    def __init__(self, generator: np.random.Generator) -> None:
        self._words = words_of(generator)
        self._ahead = np.empty(0, np.uint16)
        self._owed = 0

    def skip(self, n: int) -> None:
        """Pass over the next ``n``. Cost: none yet."""
        self._owed += n

    def take(self, n: int) -> NDArray[np.uint16]:
        """The next ``n``."""
        passed = min(self._owed, len(self._ahead))
        self._ahead, self._owed = self._ahead[passed:], self._owed - passed
        while self._owed >= LANES:
            words = min(SKIPPED, self._owed // LANES)
            self._words(words)
            self._owed -= LANES * words
        wanted = n + self._owed
        if len(self._ahead) < wanted:
            drawn = (
                self._words(-(-(wanted - len(self._ahead)) // LANES)).astype(_LITTLE_64, copy=False).view("<u2")
            )
            self._ahead = np.concatenate([self._ahead, drawn]) if len(self._ahead) else drawn
        lanes, self._ahead, self._owed = self._ahead[self._owed : wanted], self._ahead[wanted:], 0
        return lanes


class Streams:
    """The streams of one simulation (rules 1 to 5)."""

    def __init__(self, entropy: bytes) -> None:
        self.entropy = entropy
        self._lanes: Lanes | None = None
        self._mixes: dict[Any, int] = {}
        self._mix_draws: dict[int, Draws] = {}
        self._redraws: dict[Sequence[int], Words] = {}
        self._fault_words: dict[Sequence[Chance], Words] = {}
        self._fault_generators: dict[Sequence[Chance], np.random.Generator] = {}

    @classmethod
    def of(cls, generator: np.random.Generator) -> Streams:
        """Those of the next 256 bits of a generator."""
        return cls(words_of(generator)(4).astype(_LITTLE_64, copy=False).tobytes())

    def _generator(self, *key: int) -> np.random.Generator:
        return generator_of(self.entropy, *key)

    @property
    def lanes(self) -> Lanes:
        """The lanes of rows."""
        if self._lanes is None:
            self._lanes = Lanes(self._generator(_OF_LANES))
        return self._lanes

    def counts(self, number: int) -> np.random.Generator:
        """For the counts of a law, by its number."""
        return self._generator(_OF_COUNTS, number)

    def redraws(self, weights: Sequence[int]) -> Words:
        """The words of second draws by some weights."""
        if weights not in self._redraws:
            self._redraws[weights] = words_of(self._generator(_OF_REDRAWS, *_key(weights)))
        return self._redraws[weights]

    def fault_words(self, law: Sequence[Chance]) -> Words:
        """The values that faults draw for the requests of some chances."""
        if law not in self._fault_words:
            self._fault_words[law] = words_of(self._generator(_OF_FAULT, *_key(law_key(law))))
        return self._fault_words[law]

    def fault_counts(self, law: Sequence[Chance]) -> np.random.Generator:
        """The same for counts."""
        if law not in self._fault_generators:
            self._fault_generators[law] = self._generator(_OF_FAULT_COUNTS, *_key(law_key(law)))
        return self._fault_generators[law]

    def mix(self, mix: Mix) -> Draws:
        """The requests of a mix, by number."""
        number = self.mix_number(mix)
        if number not in self._mix_draws:
            self._mix_draws[number] = Law(mix.shares).draws(self.mix_generator(number))
        return self._mix_draws[number]

    def mix_number(self, mix: Mix) -> int:
        """Mixes are numbered as they come; equal ones have one number."""
        return self._mixes.setdefault((mix.requests, mix.shares), len(self._mixes))

    def mix_generator(self, number: int) -> np.random.Generator:
        """What a mix of that number is drawn from."""
        return self._generator(_OF_MIX, number)


def generator_of(entropy: bytes, *key: int) -> np.random.Generator:
    """A generator of its own for each key: that of SeedSequence with this entropy and spawn key.

    SeedSequence puts the 32-bit words of the one behind those of the other. Given as words they need not be taken
    out of numbers, which takes it longer than all that follows.
    """
    words = np.frombuffer(entropy + pack(f"<{len(key)}I", *key), _LITTLE_32)
    return Generator(PCG64(SeedSequence(words)))


def law_key(chances: Sequence[Chance]) -> list[Any]:
    """What tells chances apart, in plain numbers: they can be sorted by it."""
    return [
        [[(c.modulus, c.intervals) for c in conditions] for conditions in (chance.conditions, chance.fault)]
        for chance in chances
    ]


def _key(content: object) -> list[int]:
    """Some numbers for a key, the same wherever the content is the same."""
    digest = blake2b(repr(content).encode(), digest_size=16).digest()
    return [int.from_bytes(digest[at : at + 4], "little") for at in range(0, 16, 4)]
