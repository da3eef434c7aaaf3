"""What a command is asked: route tables read from manifests, and requests from arguments, files and pipes."""

from __future__ import annotations

import os
import re
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from canarysim.errors import CanarysimError, ManifestError, UnknownName
from canarysim.problems import Severity
from canarysim.request import LOOKS_LIKE_REQUEST, Request

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from canarysim.problems import Problem
    from canarysim.table.route_table import RouteTable

__all__ = ["Asked", "Refused", "read_requests", "read_tables"]

_SHARE: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)[ \t]*(%?)\s+(.*)", re.DOTALL)
#: So many wrong lines of a file are shown.
_SHOWN: Final = 20


class Refused(CanarysimError):
    """Input of the command line that cannot be used."""


class Asked(NamedTuple):
    """A request, and the share that stands before it: ``("90", "%")``, ``("9", "")`` or None."""

    request: Request
    share: tuple[str, str] | None


# Requests


def read_requests(options: argparse.Namespace) -> list[Asked]:
    """The requests among the arguments, then those of each ``--requests`` in turn."""
    asked = [_asked(text, options) for text in options.inputs if _is_request(text)]
    if options.requests.count("-") > 1:
        options.refuse("--requests - can be given once: standard input is read once")
    for name in options.requests:
        asked += _from_file(name, options)
    return asked


def _is_request(text: str) -> bool:
    share = _SHARE.match(text)
    # Behind a share no file can stand, so that the method may be left out as in a file of requests.
    forms = (share[3], f"GET {share[3]}") if share else (text,)
    return any(LOOKS_LIKE_REQUEST.match(form) for form in forms)


def _asked(text: str, options: argparse.Namespace) -> Asked:
    share = _SHARE.match(text)
    if share is None:
        return Asked(Request.parse(text), None)
    if options.command != "simulate":
        raise Refused(f"{text!r}: shares before a request are for canarysim simulate")
    return Asked(Request.parse(share[3]), (share[1], share[2]))


def _from_file(name: str, options: argparse.Namespace) -> Iterator[Asked]:
    """The requests of a file; Refused with every line that is none."""
    asked: list[Asked] = []
    wrong: list[tuple[int, str]] = []
    shown = "<stdin>" if name == "-" else name
    for number, line in enumerate(_bytes(name).removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            text = line.decode().strip()
            if text and not text.startswith("#"):
                asked.append(_asked(text, options))
        except UnicodeDecodeError as error:
            wrong.append((number, f"the line is not UTF-8 (byte {error.start + 1})"))
        except CanarysimError as error:
            wrong.append((number, str(error)))
    if wrong:
        raise Refused(_listed(shown, wrong))
    if not asked:
        raise Refused(f"{shown} holds no request; write one a line, such as GET /path name:value")
    return iter(asked)


def _listed(file: str, wrong: Sequence[tuple[int, str]]) -> str:
    from canarysim.faces.text import plural

    lines = [plural(len(wrong), "error")]
    lines += [f"{file}:{number}: error: {message}" for number, message in wrong[:_SHOWN]]
    if len(wrong) > _SHOWN:
        lines.append(f"... and {plural(len(wrong) - _SHOWN, 'line')} more")
    return "\n".join(lines)


def _bytes(name: str) -> bytes:
    try:
        if name != "-":
            with open(name, "rb") as file:
                return file.read()
        if sys.stdin is None:
            raise Refused("--requests -: standard input is closed")
        if sys.stdin.isatty():
            from canarysim.cli.output import complain

            complain("canarysim: type requests, one a line; end with Ctrl-D")
        return sys.stdin.buffer.read()
    except OSError as error:
        shown = "standard input" if name == "-" else name
        raise Refused(f"--requests {name}: {shown} cannot be read: {error.strerror or error}") from error


# Tables


def read_tables(options: argparse.Namespace) -> dict[str, RouteTable]:
    """The route tables of the manifests among the arguments by name, or the one that is chosen."""
    from canarysim.manifests.load import load_all

    files = [text for text in options.inputs if not _is_request(text)]
    if not files:
        options.refuse("no manifest: name at least one file or folder")
    try:
        tables = load_all(*files, envoy=options.envoy, errors=options.errors)
    except ManifestError as error:
        raise Refused("\n".join([str(error), *_mistaken(error.problems, files)])) from error
    # Errors that were applied are a finding, whatever the answer.
    options.mistaken = any(p.severity is Severity.ERROR for table in tables.values() for p in table.problems)
    if options.table is None:
        return tables
    if options.table not in tables:
        raise UnknownName("route table", options.table, tables)
    return {options.table: tables[options.table]}


def _mistaken(problems: Iterable[Problem], files: Sequence[str]) -> list[str]:
    """What to write instead where a file that is not there was meant as a request."""
    missing = {problem.where.file for problem in problems if problem.code == "unreadable_file"}
    meant = [name for name in files if name in missing and not os.path.exists(name)]
    for name, after in pairwise([*meant, ""]):
        if re.fullmatch("[A-Z]+", name) and re.match(r"/|\w+://", after):
            return [f"    -> to make a request of them, quote them together: '{name} {after}'"]
        if name == "-":
            return ["    -> to read manifests from a pipe, write /dev/stdin"]
        if re.match(r"/|\w+://", name):
            return [f"    -> if that is a request, write its method: 'GET {name}'"]
    return []
