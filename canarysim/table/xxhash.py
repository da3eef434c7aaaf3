"""xxHash64, the hash by which Envoy spreads requests over weighted clusters.

Facts (the xxHash specification by Yann Collet, version 0.1.1, section XXH64):

1. All arithmetic is modulo 2^64, all words are little-endian.
2. Input of 32 bytes or more is eaten in stripes of 32 bytes by four accumulators, a word each; rotated by 1, 7,
   12 and 18 and summed they make the first value, into which each is then merged. Shorter input begins with
   the seed plus the fifth prime.
3. The length is added; what is left is eaten in words of 8, then one of 4, then single bytes. Three shifts
   and two products end it.
"""

from __future__ import annotations

from itertools import starmap
from struct import iter_unpack, unpack_from

__all__ = ["xxh64"]

_MASK = 2**64 - 1
_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> 64 - by) & _MASK


def _round(accumulator: int, word: int) -> int:
    return _rotated(accumulator + word * _P2 & _MASK, 31) * _P1 & _MASK


def xxh64(data: bytes, seed: int = 0) -> int:
    """The 64-bit hash of ``data``, from 0 to 2^64 - 1; ``seed`` is taken modulo 2^64. Cost: O(len(data)).

    >>> f"{xxh64(b''):016x} {xxh64(b'abc'):016x}"
    'ef46db3751d8e999 44bc2cf5ad770999'
    """
    size = len(data)
    stripes_end = size - size % 32
    if size >= 32:
        accumulators = [seed + _P1 + _P2 & _MASK, seed + _P2 & _MASK, seed & _MASK, seed - _P1 & _MASK]
        for stripe in iter_unpack("<4Q", memoryview(data)[:stripes_end]):
            accumulators = list(map(_round, accumulators, stripe))
        found = sum(starmap(_rotated, zip(accumulators, (1, 7, 12, 18), strict=True))) & _MASK
        for accumulator in accumulators:
            found = ((found ^ _round(0, accumulator)) * _P1 + _P4) & _MASK
    else:
        found = seed + _P5 & _MASK
    found = found + size & _MASK
    place = stripes_end
    while place + 8 <= size:
        (word,) = unpack_from("<Q", data, place)
        found = (_rotated(found ^ _round(0, word), 27) * _P1 + _P4) & _MASK
        place += 8
    if place + 4 <= size:
        (word,) = unpack_from("<I", data, place)
        found = (_rotated(found ^ word * _P1 & _MASK, 23) * _P2 + _P3) & _MASK
        place += 4
    for byte in data[place:]:
        found = _rotated(found ^ byte * _P5 & _MASK, 11) * _P1 & _MASK
    found = (found ^ found >> 33) * _P2 & _MASK
    found = (found ^ found >> 29) * _P3 & _MASK
    return found ^ found >> 32
