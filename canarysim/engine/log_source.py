"""Where the lines of a log come from: a file or a stream, plain or gzip, in blocks of whole lines."""

from __future__ import annotations

import contextlib
import os
import zlib
from typing import IO, TYPE_CHECKING, Any, Final

import attrs
import numpy as np

from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray

    Given: TypeAlias = "str | os.PathLike[str] | IO[bytes]"

__all__ = ["BadRow", "Block", "Source", "bad_row"]

BLOCK: Final = 1 << 21
"""Bytes of text that are looked at together; what is read of a file at a time is as much or less."""
ZIPPED: Final = 1 << 16
"""Bytes of gzip data read at a time: zlib copies what it has not come to at every call."""
FIRST: Final = 1 << 18
"""Bytes of the first block, from which is told what the log holds."""
LONGEST: Final = 1 << 24
"""A longer line is no row of a log, and is not kept in memory."""
SHOWN_OF_A_ROW: Final = 120

_GZIP: Final = b"\x1f\x8b"
_OTHERS: Final = {b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_BOM: Final = b"\xef\xbb\xbf"


@attrs.frozen
class BadRow:
    """A row of a log that was left out: its line (the first is 1), why, and how it begins."""

    line: int
    reason: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line:,}: {self.reason}"


@attrs.frozen(eq=False)
class Block:
    """Whole lines, of which the first has the number ``first``. Only the last line of a log may lack its end."""

    first: int
    data: bytes
    ends: NDArray[np.intp]

    def lines(self) -> list[tuple[int, bytes]]:
        """The lines with their numbers, without those that are blank."""
        lines = enumerate(self.data.split(b"\n"), self.first)
        return [(number, line) for number, line in ((n, line.strip(b" \t\r")) for n, line in lines) if line]

    def of_objects(self) -> int | None:
        """How many lines there are, where each begins with { and ends with }; else None."""
        inner = self.ends[:-1] if self.data.endswith(b"\n") else self.ends
        octets = np.frombuffer(self.data, np.uint8)
        if not (self.data.startswith(b"{") and self.data.endswith((b"}\n", b"}"))):
            return None
        if (octets[inner - 1] != ord("}")).any() or (octets[inner + 1] != ord("{")).any():
            return None
        return len(inner) + 1


def block_of(data: bytes, first: int = 1) -> Block:
    """Some lines as a block."""
    # A comparison of all bytes is several times as fast as bytes.count.
    return Block(first, data, np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")))


def bad_row(number: int, reason: str, line: bytes) -> BadRow:
    """A bad row, of which only the beginning is kept."""
    text = line[: 4 * SHOWN_OF_A_ROW].decode("utf-8", "backslashreplace").strip()
    shown = text if len(text) <= SHOWN_OF_A_ROW else f"{text[:SHOWN_OF_A_ROW]}..."
    return BadRow(number, reason, shown)


class Source:
    """A log to be read once. ``bad`` collects lines that are too long, ``damage`` says why gzip ended early."""

    def __init__(self, given: Given) -> None:
        self.bad: list[BadRow] = []
        self._given = given
        self._line = 1
        self.damage = ""
        if isinstance(given, str | os.PathLike):
            self.name = os.fspath(given)
        elif hasattr(given, "read"):
            self.name = str(getattr(given, "name", "the log"))
        else:
            raise TypeError(f"a log is a path or a file opened in binary mode, not {type(given).__name__}")

    def blocks(self) -> Iterator[Block]:
        """The log from its beginning to its end.

        Raises OSError where the file cannot be read, InvalidValue (``compressed``) for other compressions than
        gzip. Damaged gzip data ends the log.
        """
        if isinstance(self._given, str | os.PathLike):
            with open(self._given, "rb") as file:
                yield from self._lines(file)
        else:
            yield from self._lines(self._given)

    def _lines(self, file: IO[bytes]) -> Iterator[Block]:
        parts: list[bytes] = []
        size, wanted = 0, FIRST
        too_long = b""
        for piece in self._texts(file):
            data = piece
            if too_long:
                _, newline, data = piece.partition(b"\n")
                if not newline:
                    continue
                self._refuse(too_long)
                too_long = b""
            end = data.rfind(b"\n") + 1
            parts.append(data)
            size += len(data)
            if end and size >= wanted:
                parts[-1] = data[end:]
                yield self._numbered(b"".join((*parts[:-1], memoryview(data)[:end])))
                parts, wanted = parts[-1:], BLOCK
                size = len(parts[0])
            elif size > LONGEST:
                text = b"".join(parts)
                end = text.rfind(b"\n") + 1
                if end:
                    yield self._numbered(text[:end])
                parts, size = [text[end:]], len(text) - end
                if size > LONGEST:
                    too_long, parts, size = text[end : end + 4 * SHOWN_OF_A_ROW], [], 0
        if too_long:
            self._refuse(too_long)
        if size:
            yield self._numbered(b"".join(parts))

    def _numbered(self, data: bytes) -> Block:
        block = block_of(data, self._line)
        self._line += len(block.ends)
        return block

    def _refuse(self, line: bytes) -> None:
        self.bad.append(bad_row(self._line, f"is longer than {LONGEST:,} bytes", line))
        self._line += 1

    def _texts(self, file: IO[bytes]) -> Iterator[bytes]:
        """The text in pieces of up to BLOCK bytes."""
        data: Any = file.read(min(ZIPPED, FIRST))
        if isinstance(data, str):
            raise TypeError("a log is read as bytes: open the file with mode 'rb'")
        for magic, name in _OTHERS.items():
            if data.startswith(magic):
                raise InvalidValue(
                    "compressed", f"{self.name} is compressed with {name}; gzip and plain text are read"
                )
        if data[:2] == _GZIP:
            yield from self._unzipped(file, data)
            return
        yield data.removeprefix(_BOM)
        while data := file.read(BLOCK):
            yield data

    def _unzipped(self, file: IO[bytes], data: bytes) -> Iterator[bytes]:
        """The text of gzip data: one member after the other, as ``cat`` of several files makes them."""
        first = True
        unzip = zlib.decompressobj(wbits=31)
        while True:
            before = unzip.copy()
            try:
                text = unzip.decompress(data, BLOCK)
            except zlib.error as error:
                yield from _before_damage(before, data)
                self.damage = f"the gzip data is damaged ({error})"
                return
            if text:
                yield text.removeprefix(_BOM) if first else text
                first = False
            data = unzip.unconsumed_tail
            if unzip.eof:
                data = unzip.unused_data.lstrip(b"\0") or file.read(ZIPPED).lstrip(b"\0")  # padding is allowed
                if not data:
                    return
                unzip = zlib.decompressobj(wbits=31)
            elif not data and not (data := file.read(ZIPPED)):
                self.damage = "the gzip data ends too early"
                return


def _before_damage(unzip: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """The text before the byte in which gzip data is damaged, which zlib does not give with its error."""
    with contextlib.suppress(zlib.error):
        for at in range(len(data)):
            yield unzip.decompress(data[at : at + 1])
