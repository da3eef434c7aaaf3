"""Where the output goes: text made fit for terminals and pipes, coloured where a person looks at it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["complain", "flush", "give_up", "prepare", "say", "say_json"]


def prepare() -> None:
    """What a stream's encoding does not have is written as an escape, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """An answer, on standard output."""
    _write(sys.stdout, text)


def say_json(document: Any) -> None:
    """An answer as JSON, on standard output: ASCII, so that it is right in every encoding."""
    import json

    _write(sys.stdout, json.dumps(document, indent=2, allow_nan=False))


def complain(text: str) -> None:
    """An error or a warning, on standard error; if nobody can hear it, the exit code says enough."""
    try:
        _write(sys.stderr, text)
    except OSError:
        give_up(sys.stderr)


def flush() -> None:
    """Hands over what was said so far; OSError where that cannot be written."""
    if sys.stdout is not None:
        sys.stdout.flush()


def give_up(stream: TextIO | None) -> None:
    """Python flushes its streams once more at its end; what is left of this one then goes nowhere."""
    try:
        if stream is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError:  # a stream without a file
        return


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed before Python began
        return
    text = _visible(text)
    if _wants_colour(stream):
        from canarysim.faces.colour import coloured

        text = coloured(text)
    stream.write(f"{text}\n")


def _visible(text: str) -> str:
    """Control characters as escapes: what a request or a manifest holds must not steer a terminal."""
    if all(line.isprintable() for line in text.split("\n")):
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _wants_colour(stream: TextIO) -> bool:
    """On a terminal only. NO_COLOR (https://no-color.org) forbids, FORCE_COLOR demands; empty is not set."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb" and (os.name != "nt" or "WT_SESSION" in os.environ)
