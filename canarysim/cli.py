"""The command line: ``canarysim preview FILE... ['GET /path header:value'] [-n 20]``."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from canarysim import __version__
from canarysim.errors import CanarysimError
from canarysim.request import LOOKS_LIKE_REQUEST, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.table.route_table import RouteTable

__all__ = ["main"]

_EPILOG = """\
exit codes:
  0  answered
  1  answered, but a part of the answer is unknown: something in the manifests is not simulated
  2  not answered: the arguments or the manifests are wrong; the reasons are on standard error
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _preview(options, parser)
    except CanarysimError as error:
        print(f"canarysim: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever reads the output has seen enough; say nothing more when Python closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="canarysim",
        description="Where does a request go, and in which proportions, under these routing manifests?",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"canarysim {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    preview = commands.add_parser(
        "preview",
        help="show where requests go, with exact shares",
        description="Shows where a request goes and what a number of calls will show of it; "
        "without a request, every route with its shares.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    preview.add_argument(
        "inputs",
        nargs="+",
        metavar="FILE|REQUEST",
        help="manifests (files or folders), and requests such as 'GET /path header:value'",
    )
    preview.add_argument("-n", type=_calls, default=20, metavar="CALLS", help="number of calls (default: 20)")
    preview.add_argument("--table", metavar="NAME", help="the route table, where the manifests make several")
    return parser


def _calls(text: str) -> int:
    try:
        number = int(text.replace("_", "").replace(",", ""))
    except ValueError:
        number = 0
    if not 1 <= number <= 10**15:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of calls from 1 to 10^15")
    return number


def _preview(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    from canarysim.manifests.load import load, load_all

    files = [text for text in options.inputs if not LOOKS_LIKE_REQUEST.match(text)]
    requests = [Request.parse(text) for text in options.inputs if LOOKS_LIKE_REQUEST.match(text)]
    if not files:
        parser.error("no manifest: name at least one file or folder")
    name: str | None = options.table
    tables = load_all(*files) if name is None else {name: load(*files, table=name)}
    problems = next(iter(tables.values())).problems
    if problems:
        from canarysim.faces.text import problems_text

        print(problems_text(problems), file=sys.stderr)
        print(file=sys.stderr)
    blocks = [
        block for name, table in tables.items() for block in _blocks(name, table, requests, options, len(tables))
    ]
    print("\n\n".join(text for text, _ in blocks))
    return 1 if any(unknown for _, unknown in blocks) else 0


def _blocks(
    name: str, table: RouteTable, requests: list[Request], options: argparse.Namespace, tables: int
) -> list[tuple[str, bool]]:
    """Each piece of output for a table, and whether a part of it is unknown."""
    if not requests:
        return [(str(table), any(route.unknowns for route in table.routes))]
    from canarysim.answers.preview import preview

    blocks = []
    for request in requests:
        if tables > 1 and request.scheme not in (None, table.scheme):
            continue  # the other listener's
        answer = preview(table, request, options.n)
        title = f"{name}: " if tables > 1 else ""
        blocks.append((f"{title}{answer}", any(outcome.decision.unknown for outcome in answer)))
    return blocks
