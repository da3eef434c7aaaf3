"""The tokens of a template (inja.py, facts 1 to 3)."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from canarysim.errors import InvalidValue
from canarysim.request import readable

__all__ = ["BLANKS", "Scanner", "Token"]

BLANKS = " \t\n\r"
_ID = re.compile(r"[A-Za-z~_@$][A-Za-z0-9./_-]*")
_POINTER_ID = re.compile(r"[A-Za-z~_@$][A-Za-z0-9./_~-]*")
_NUMBER = re.compile(r"[-0-9](?:[0-9.eE]|(?<=[eE])[+-])*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
_SIGN = re.compile(r"[<>=!]=|[-+*/^%.,:()\[\]{}<>]")


class Token(NamedTuple):
    kind: str  # "id", "number", "string", "close", "end", "unknown", or the sign itself
    text: str
    begin: int
    end: int


class Scanner:
    """A template, token by token. ``token`` is the one at hand; ``close`` is what ends the part it is in."""

    def __init__(self, text: str, pointers: bool) -> None:
        self.text = text.removeprefix("\xef\xbb\xbf")
        self.pointers = pointers
        self.place = 0
        self.close = ""
        self.minus_is_number = True
        self.token = self.following = Token("end", "", 0, 0)
        self.peeked = False
        #: What of the template is not simulated at all.
        self.odd = ""

    def refuse(self, message: str) -> NoReturn:
        shown = readable(self.text if len(self.text) <= 80 else f"{self.text[:79]}...")
        raise InvalidValue("bad_template", f"the template {shown!r}: {message}")

    def scan(self) -> Token:
        text, place = self.text, self.place
        blanks = " \t\r" if self.close == "\n" else BLANKS
        while place < len(text) and text[place] in blanks:
            place += 1
        if place == len(text):
            return self.made("end", place, place)
        trimmed = self.close != "\n" and text.startswith(f"-{self.close}", place)
        if trimmed or text.startswith(self.close, place):
            end = place + len(self.close) + trimmed
            token = self.made("close", place, end)
            if trimmed:
                while self.place < len(text) and text[self.place] in BLANKS:
                    self.place += 1
            return token
        if found := (_POINTER_ID if self.pointers else _ID).match(text, place):
            self.minus_is_number = False
            return self.made("id", place, found.end())
        minus_is_number, self.minus_is_number = self.minus_is_number, True
        char = text[place]
        if char.isdigit() or (char == "-" and minus_is_number):
            self.minus_is_number = minus_is_number if char == "-" else False
            found = _NUMBER.match(text, place)
            return self.made("number", place, found.end() if found else place + 1)
        if found := _STRING.match(text, place):
            return self.made("string", place, found.end())
        if found := _SIGN.match(text, place):
            self.minus_is_number = char not in ")]}"
            return self.made(found[0], place, found.end())
        return self.made("unknown", place, place + 1)

    def made(self, kind: str, begin: int, end: int) -> Token:
        self.place = end
        return Token(kind, self.text[begin:end], begin, end)

    def next(self) -> Token:
        if self.peeked:
            self.peeked = False
            self.token = self.following
        else:
            self.token = self.scan()
        return self.token

    def peek(self) -> Token:
        if not self.peeked:
            self.following = self.scan()
            self.peeked = True
        return self.following
