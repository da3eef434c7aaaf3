r"""What stands beside a place in the text, as far as ``^ $ \A \z \b \B`` ask for it.

Four kinds, two bits: the edge of the text, a word character, a line feed, any other byte. A place between two
bytes is said by one number of four bits, ``before << 2 | after``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canarysim.table.regex._syntax import Place

__all__ = ["EDGE", "holds", "kind_of"]

EDGE, _WORD, _LINE_FEED, _OTHER = range(4)


def kind_of(byte: int) -> int:
    char = chr(byte)
    if char.isascii() and (char.isalnum() or char == "_"):
        return _WORD
    return _LINE_FEED if char == "\n" else _OTHER


def holds(place: Place, around: int) -> bool:
    """Whether an assertion holds at a place."""
    before, after = around >> 2, around & 3
    if place in ("word_boundary", "no_word_boundary"):
        return ((before == _WORD) != (after == _WORD)) == (place == "word_boundary")
    beside = before if place.startswith("begin") else after
    return beside == EDGE or (place.endswith("line") and beside == _LINE_FEED)
