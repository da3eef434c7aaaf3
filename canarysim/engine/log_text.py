"""Envoy's default text format as rows.

1. ``[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS%
   %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%"
   "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"`` and the end of the line. What
   is missing is "-", an empty value stands there as one (seen in Envoy 1.36 and 1.40).
2. Istio's default puts ``%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS%
   "%UPSTREAM_TRANSPORT_FAILURE_REASON%"`` before the bytes, which are numbers always, and further words without
   quotes at the end.
3. Nothing is escaped: quotes and bytes that are no UTF-8 stand there as they came (seen in both). Envoy refuses
   quotes and blanks in :authority and blanks in the path, so these are always known. Where quotes make it unclear
   which of the headers between ends where, the row is not read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from canarysim.engine.log_fields import Unreadable
from canarysim.engine.log_rows import Coded, Rows, coded
from canarysim.engine.log_source import bad_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from canarysim.engine.log_source import Block

__all__ = ["TEXT_COLUMNS", "TextRows", "looks_like_text"]

#: Where each column stands in the format, and how the format calls it.
TEXT_COLUMNS: Final = {
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "header x-forwarded-for": "%REQ(X-FORWARDED-FOR)%",
    "header user-agent": "%REQ(USER-AGENT)%",
    "header x-request-id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%",
}

_HEAD: Final = (
    rb'\[[^\]\n]*\] "([^ \n]+) ([^ \n]*) (?:HTTP/[0-9.]+|-)" [0-9]+ [^ \n]+ '
    rb'(?:[^0-9"\n][^"\n]* "[^"\n]*" )?[0-9]+ [0-9-]+ [0-9-]+ [^ \n]+ '
)
_TAIL: Final = rb'"([^" \n]*)" "[^"\n]*"(?: [^"\n]*)?'
#: A row in which no header has a quote.
_PLAIN: Final = re.compile(
    rb"^" + _HEAD + rb'"([^"\n]*)" "([^"\n]*)" "([^"\n]*)" ' + _TAIL + rb"\r?$", re.MULTILINE
)
_BETWEEN: Final = re.compile(rb'"(?= ")')
_QUOTED: Final = re.compile(_HEAD + rb'"(.*)" ' + _TAIL)


def looks_like_text(line: bytes) -> bool:
    """Whether a line is a row of the format."""
    return _QUOTED.fullmatch(line) is not None


class TextRows:
    """Reads blocks of lines in Envoy's default text format, or Istio's."""

    def __init__(self, columns: Iterable[str]) -> None:
        self._columns = {column: list(TEXT_COLUMNS).index(column) for column in columns}

    def read(self, block: Block) -> Rows:
        """The rows of a block."""
        found = _PLAIN.findall(block.data)
        n = len(block.ends) + (not block.data.endswith(b"\n"))
        if len(found) == n:
            return Rows(range(block.first, block.first + n), self._coded(found), [])
        lines, rows, bad = [], [], []
        for number, line in block.lines():
            try:
                rows.append(_groups(line))
            except Unreadable as error:
                bad.append(bad_row(number, str(error), line))
            else:
                lines.append(number)
        return Rows(lines, self._coded(rows), bad)

    def _coded(self, rows: Sequence[Sequence[bytes]]) -> dict[str, Coded]:
        texts: list[Any] = list(zip(*rows, strict=True)) or [()] * len(TEXT_COLUMNS)
        found = {}
        for column, at in self._columns.items():
            codes, values = coded(texts[at])
            found[column] = Coded(codes, [value.decode("utf-8", "surrogateescape") for value in values])
        return found


def _groups(line: bytes) -> Sequence[bytes]:
    """The values of a row in the order of TEXT_COLUMNS; Unreadable with the reason why they cannot be had."""
    if plain := _PLAIN.fullmatch(line):
        return plain.groups()
    row = _QUOTED.fullmatch(line)
    if row is None:
        raise Unreadable("is not in Envoy's default format")
    method, path, middle, authority = row.groups()
    headers = middle.split(b'" "')
    if len(_BETWEEN.findall(middle)) != 2:
        raise Unreadable("has quotes in its headers, so that it is unclear where each ends")
    return method, path, *headers, authority
