"""What the command line takes: a parser for each command, with help that shows how it is used."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from canarysim import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BY", "COMMANDS", "parse"]

#: What ``--by`` takes, as canarysim.answers.groups.BY, which is not imported here: --help needs no table.
BY: Final = ("cluster", "route", "origin", "function", "virtual_host", "kind", "outcome")

_REQUESTS: Final = """\
requests:
  A request is one argument, so quote it: 'GET /path name:value', with a method,
  a path or a whole URL, and headers; quotes within keep blanks together. What
  begins with no method and a blank is a file or folder of manifests.
  --requests takes more of them from a file, or with - from a pipe: one a line;
  blank lines and lines that begin with # are skipped.
"""

_TABLES: Final = """\
tables:
  Each Gateway makes a route table; without Gateways there are two, for http and
  for https. A request is put to those whose scheme its URL names and whose
  domains take its host ('GET https://shop/'), else to all; --table chooses one.
"""

_CODES: Final = """\
exit codes:
  0  answered
  1  answered, with a finding: {finding};
     or errors of the manifests were applied
  2  not answered: the arguments or the manifests are wrong, and standard error
     says why
"""

_CHECK_CODES: Final = """\
exit codes:
  0  every test holds
  1  a test fails, or the coverage is too low
  2  a test cannot be asked: it is wrong, names what does not exist, or its
     manifests are wrong
"""

_UNKNOWN: Final = """\
a part of the answer is unknown, because
     something in the manifests is not simulated"""
_UNKNOWN_OR_LEFT_OUT: Final = """\
a part of the answer is unknown, because
     something in the manifests is not simulated; or some rows of the log cannot
     be read"""
_UNKNOWN_ROUTE: Final = """\
the decision depends on the random value
     and none was given; or a part of it is unknown, because something in the
     manifests is not simulated"""
_ANY: Final = """\
a part of the answer is unknown, because
     something in the manifests is not simulated; or route needs a random value,
     or simulate cannot read some rows of a log"""


class Command(NamedTuple):
    """What the help says of a command, and which options it has besides those of all."""

    summary: str
    usage: str
    description: str
    examples: str
    options: tuple[str, ...]
    finding: str = _UNKNOWN


COMMANDS: Final = {
    "preview": Command(
        "show in which exact shares requests go where",
        "FILE... [REQUEST...] [-n CALLS]",
        """\
Shows in which exact shares a request goes where, and what a number of calls
will show of it; without a request, every route with its shares. Nothing is
sampled.""",
        """\
  canarysim preview routes.yaml 'GET /pets/1'
  canarysim preview routes.yaml 'GET http://shop/ x-canary:true' -n 100""",
        ("calls", "requests", "table", "json"),
    ),
    "route": Command(
        "decide where each request goes, as Envoy does",
        "FILE... REQUEST... [--random-value N]",
        """\
Decides where each request goes, as Envoy does: cluster, status, rewritten path,
and the line of the manifest that decides. Where weights choose, Envoy draws a
random value. Here it has to be given, for nothing is drawn silently; without it
the shares are shown.""",
        """\
  canarysim route routes.yaml 'GET /pets/1' --random-value 7
  canarysim route routes/ --requests requests.txt --json""",
        ("random", "requests", "table", "json"),
        _UNKNOWN_ROUTE,
    ),
    "explain": Command(
        "tell why a request goes where it goes",
        "FILE... REQUEST... [--random-value N]",
        """\
Tells why a request goes where it goes: why this virtual host, what each earlier
route refused it for, what came near, and which random values lead where.""",
        """\
  canarysim explain routes.yaml 'GET /pets x-canary:True'
  canarysim explain routes.yaml 'GET /pets/1' --random-value 7""",
        ("random", "requests", "table", "json"),
    ),
    "simulate": Command(
        "draw many requests and count where they go",
        "FILE... (REQUEST... | --traffic LOG) [--by WHAT]",
        """\
Draws many requests and counts where they go, beside the exact shares and the
ranges in which 95 % of such runs stay. Several requests are a mix in equal
shares, or in those that stand before them, as per cents ('90% GET /a'
'10% GET /b') or as weights ('9 GET /a' '1 GET /b'). A large number of requests
costs what a small one does.

--traffic takes the requests of an access log instead: yesterday's traffic under
these manifests, and the requests that find no route. Logs are JSON lines or
Envoy's default text, plain or gzip. What the log lacks, such as headers that
the routes look at, counts as missing.""",
        """\
  canarysim simulate routes.yaml '80% GET /pets/1' '20% GET /' -n 100 --seed 2
  canarysim simulate routes.yaml --traffic access.log.gz --by cluster""",
        ("simulate", "traffic", "requests", "table", "json"),
        _UNKNOWN_OR_LEFT_OUT,
    ),
    "compile": Command(
        "print the whole route table, or the configuration for Envoy",
        "FILE... [-o table|envoy]",
        """\
Prints the route table that the manifests make: as text, or as a
RouteConfiguration that a real Envoy accepts, in YAML or with --json in JSON.""",
        """\
  canarysim compile routes.yaml
  canarysim compile routes.yaml -o envoy > route_configuration.yaml""",
        ("output", "table", "json"),
    ),
    "check": Command(
        "run tests of routes, and measure what they touch",
        "[FILE...] [--coverage] [--fail-under PERCENT]",
        """\
Runs test files, test_*.canary.yaml, or all of some folders (without one: of
this folder): what they expect of requests is held against the manifests that
they name. 'canarysim schema tests' says what may stand in them:

  manifests: routes.yaml
  tests:
  - name: canaries reach version 2
    request: GET /pets x-canary:true
    expect: {cluster: pets-v2}

Tests of Envoy's route table check tool are run by that tool's rules; name their
route configuration beside them. --coverage shows which routes, conditions and
destinations the tests touch, and for each of the others a request that would.""",
        """\
  canarysim check tests/ --coverage
  canarysim check route_configuration.yaml router_check_tests.json""",
        ("check", "table", "json"),
    ),
    "schema": Command(
        "print the JSON Schema of what a command prints with --json",
        "[NAME]",
        """\
Prints the JSON Schema (2020-12) of what a command prints with --json. NAME is
the command, or envoy for compile -o envoy, or tests for test files. Without
one, the names are listed.""",
        """\
  canarysim schema route
  canarysim schema preview > preview.schema.json""",
        (),
    ),
}


def _help(prog: str) -> argparse.HelpFormatter:
    """Help of 80 columns. With a width given argparse need not look for that of the terminal, at every option."""
    return argparse.RawDescriptionHelpFormatter(prog, width=80)


class _Parser(argparse.ArgumentParser):
    """One that points to its help where it refuses, instead of repeating a part of it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\nusage: {self.usage}\nSee {self.prog} --help\n")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command, its name as ``command`` among them; SystemExit as argparse does it.

    Only the parser of the one command is built; options and inputs may stand in any order.
    """
    command = arguments[0] if arguments else ""
    if command not in COMMANDS:
        _without_command(arguments)
    parser = _of_command(command)
    options = parser.parse_intermixed_args(arguments[1:])
    options.command = command
    options.refuse = parser.error
    return options


def _without_command(arguments: Sequence[str]) -> NoReturn:
    """Help and version, or why there is no answer."""
    parser = _of_all()
    if not arguments:
        parser.exit(2, parser.format_help())
    name: str = parser.parse_args(arguments[:1]).command
    from canarysim.errors import near

    similar = near(name, COMMANDS, 1)
    hint = f"; did you mean {similar[0]!r}?" if similar else f"; there are {', '.join(COMMANDS)}"
    parser.error(f"no command is called {name!r}{hint}")


def _of_all() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items())
    parser = _Parser(
        prog="canarysim",
        usage="canarysim COMMAND FILE... [REQUEST...] [OPTION...]",
        description="Where does a request go, why, and in which proportions, under these routing\n"
        "manifests? Answers offline: no cluster is asked and no traffic is sent.",
        epilog=f"commands:\n{commands}\n\n"
        "examples:\n"
        "  canarysim preview routes.yaml 'GET /pets/1'\n"
        "  canarysim explain routes.yaml 'GET /pets x-canary:True'\n\n"
        "canarysim COMMAND --help tells more of each.\n\n" + _CODES.format(finding=_ANY),
        formatter_class=_help,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"canarysim {__version__}")
    parser.add_argument("command", metavar="COMMAND", help=argparse.SUPPRESS)
    return parser


def _of_command(name: str) -> argparse.ArgumentParser:
    command = COMMANDS[name]
    parts = [f"examples:\n{command.examples}\n"]
    if "requests" in command.options:
        parts.append(_REQUESTS)
    if name == "check":
        parts.append(_CHECK_CODES)
    else:
        if "table" in command.options:
            parts.append(_TABLES)
        if command.options:
            parts.append(_CODES.format(finding=command.finding))
    parser = _Parser(
        prog=f"canarysim {name}",
        usage=f"canarysim {name} {command.usage}",
        description=command.description,
        epilog="\n".join(parts),
        formatter_class=_help,
        allow_abbrev=False,
    )
    # argparse's own title is "positional arguments".
    parser._positionals.title = "arguments"  # noqa: SLF001
    if not command.options:
        parser.add_argument("inputs", nargs="*", metavar="NAME", help="a command, or envoy")
        return parser
    takes = "manifests: files, or folders with all that is in them"
    if name == "check":
        takes = "test files, folders with test files, or tests of router_check with their manifests"
    if "requests" in command.options:
        takes = f"{takes}; and requests"
    parser.add_argument("inputs", nargs="*", metavar="FILE", help=takes)
    for option in command.options:
        _OPTIONS[option](parser)
    parser.add_argument(
        "--envoy",
        metavar="VERSION",
        help="the Envoy to behave as: 1.36 or 1.40 (default: the one that the control plane ships)",
    )
    parser.add_argument(
        "--errors",
        choices=("raise", "apply"),
        default=None if name == "check" else "raise",
        help="raise: no answer where a manifest is wrong (default); apply: what a cluster makes of it",
    )
    return parser


# Options


def _calls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=_number, default=20, metavar="CALLS", help="number of calls (default: 20)")


def _random(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--random-value",
        type=_random_value,
        metavar="N",
        help="the random value that Envoy draws for each request, from 0 to 18446744073709551615",
    )
    parser.add_argument(
        "--fault-value",
        type=_random_value,
        metavar="N",
        help="the value that a fault draws for itself, likewise",
    )


def _simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n", type=_number, metavar="CALLS", help="number of requests (default: 1000, or all of the log)"
    )
    parser.add_argument(
        "--by", choices=BY, metavar="WHAT", help=f"count by one thing only: {', '.join(BY[:-1])} or {BY[-1]}"
    )
    parser.add_argument(
        "--seed", type=_seed, metavar="N", help="a whole number; the same one gives the same answer"
    )


def _traffic(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--traffic",
        action="append",
        metavar="LOG",
        help="an access log whose requests are taken; - is standard input",
    )
    parser.add_argument(
        "--field",
        action="append",
        default=[],
        dest="fields",
        type=_field,
        metavar="WHAT=NAME",
        help="the field of a JSON log that is the path, method, authority, scheme or 'header NAME',"
        " where it has no usual name",
    )


def _requests(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--requests",
        action="append",
        default=[],
        metavar="FILE",
        help="more requests, one a line; - is standard input",
    )


def _output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        dest="output",
        choices=("table", "envoy"),
        default="table",
        help="table: text for people (default); envoy: a RouteConfiguration",
    )


def _check(parser: argparse.ArgumentParser) -> None:
    from canarysim.testing.options import as_percent

    parser.add_argument("--coverage", action="store_true", help="show what the tests touch, and what they do not")
    parser.add_argument(
        "--fail-under",
        type=as_percent,
        metavar="PERCENT",
        help="fail if the coverage is lower; implies --coverage",
    )


def _table(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--table", metavar="NAME", help="the route table, where the manifests make several")


def _json(parser: argparse.ArgumentParser) -> None:
    name = parser.prog.removeprefix("canarysim ")
    parser.add_argument(
        "--json",
        action="store_true",
        help=f"print one JSON document, as 'canarysim schema {name}' describes it",
    )


_OPTIONS: Final = {
    "calls": _calls,
    "random": _random,
    "simulate": _simulate,
    "traffic": _traffic,
    "requests": _requests,
    "output": _output,
    "check": _check,
    "table": _table,
    "json": _json,
}


def _field(text: str) -> tuple[str, str]:
    column, equals, name = text.partition("=")
    if not (equals and column.strip() and name):
        raise argparse.ArgumentTypeError(f"{text!r} is not WHAT=NAME, such as path=uri")
    return column.strip(), name


def _whole(text: str) -> int | None:
    try:
        return int(text.replace(",", ""), 0)
    except ValueError:
        return None


def _number(text: str) -> int:
    number = _whole(text)
    if number is None or not 1 <= number <= 10**15:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of calls from 1 to 10^15")
    return number


def _random_value(text: str) -> int:
    number = _whole(text)
    if number is None or not 0 <= number < 2**64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a random value, a whole number from 0 to 2^64 - 1")
    return number


def _seed(text: str) -> int:
    number = _whole(text)
    if number is None or number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed, a whole number from 0")
    return number
