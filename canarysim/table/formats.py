"""Envoy's format strings: text with commands like ``%REQ(x-user?x-guest):20%``, as header values are made of.

Facts (Envoy documentation of substitution format strings; run on 1.36.4 and 1.40.0, see tests/envoy):

1. ``%%`` is a percent sign. Any other ``%`` begins a command: a name of A-Z, 0-9 and ``_``, then an argument in
   parentheses, then ``:`` and a length, then ``%``; argument and length may be missing. The argument ends at the
   first ``)`` behind which that holds, and has no line feed. A length is at most 2^64 - 1.
2. A command has no argument, may have one, or must have one that is not empty; some take a length. What is
   unknown, incomplete or has an argument that its command does not take is refused when it is loaded.
3. In header values ``%PER_REQUEST_STATE(x)%`` is read as ``%FILTER_STATE(x:PLAIN)%`` before anything else, even
   behind a percent sign, and the JSON form of the metadata commands as the one with colons.
4. ``REQ`` is the first value of a header, pseudo headers included, or of the alternative behind ``?`` if the
   first is missing; an empty one is not missing. A length cuts bytes. ``STREAM_INFO_REQ`` is the same, and
   ``REQUEST_HEADER`` in 1.40. ``RESP`` (``RESPONSE_HEADER``) asks the response, and finds nothing while there is
   none; nor do ``TRAILER`` and ``RESPONSE_TRAILER``.
5. ``PATH`` is ``x-envoy-original-path``, or the path if that is missing or empty; with ``ORIG`` and ``PATH`` only
   the one or the other. ``NQ`` leaves the query out. ``QUERY_PARAM`` decodes names and values. ``QUERY_PARAMS``
   (1.40) is the query of the path as it stands.
6. A missing value prints nothing in a header and in ``path_rewrite``, and ``-`` in ``host_rewrite``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import octets
from canarysim.table.headers import Invented
from canarysim.table.values import Undetermined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Fields = Sequence[tuple[str, str]]

__all__ = ["Command", "FormatString", "Routed", "first_of"]


if TYPE_CHECKING:
    #: None is a missing value.
    Value = str | Undetermined | None


class Routed(Protocol):
    """A request as the router sees it (http.py), as far as formats look at it."""

    @property
    def path(self) -> str: ...
    @property
    def address(self) -> str: ...
    def values(self, name: str) -> tuple[str, ...]: ...


@attrs.frozen
class Command:
    """A command with its argument (empty if there is none) and length."""

    name: str
    argument: str = ""
    length: int | None = None

    def __str__(self) -> str:
        argument = f"({self.argument})" if self.argument else ""
        return f"%{self.name}{argument}{'' if self.length is None else f':{self.length}'}%"


# Fact 2. Letters say what a command takes: - no argument, ? perhaps one, ! one; with a colon a length too.
_COMMANDS: dict[str, str] = {
    name: kind
    for kind, names in {
        "-": """
            ACCESS_LOG_TYPE BYTES_RECEIVED BYTES_RETRANSMITTED BYTES_SENT CONNECTION_ID
            CONNECTION_TERMINATION_DETAILS CUSTOM_FLAGS DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED
            DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT DOWNSTREAM_DIRECT_LOCAL_ADDRESS DOWNSTREAM_DIRECT_LOCAL_PORT
            DOWNSTREAM_DIRECT_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_PORT DOWNSTREAM_HANDSHAKE_DURATION
            DOWNSTREAM_HEADER_BYTES_RECEIVED DOWNSTREAM_HEADER_BYTES_SENT DOWNSTREAM_LOCAL_ADDRESS
            DOWNSTREAM_LOCAL_DNS_SAN DOWNSTREAM_LOCAL_EMAIL_SAN DOWNSTREAM_LOCAL_IP_SAN
            DOWNSTREAM_LOCAL_OTHERNAME_SAN DOWNSTREAM_LOCAL_PORT DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_LOCAL_URI_SAN
            DOWNSTREAM_PEER_CERT DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1 DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256
            DOWNSTREAM_PEER_CHAIN_SERIALS DOWNSTREAM_PEER_DNS_SAN DOWNSTREAM_PEER_EMAIL_SAN
            DOWNSTREAM_PEER_FINGERPRINT_1 DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_IP_SAN
            DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_OTHERNAME_SAN DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_SUBJECT
            DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_REMOTE_PORT DOWNSTREAM_TLS_CIPHER
            DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_VERSION DOWNSTREAM_TRANSPORT_FAILURE_REASON
            DOWNSTREAM_WIRE_BYTES_RECEIVED DOWNSTREAM_WIRE_BYTES_SENT DURATION FILTER_CHAIN_NAME
            GRPC_STATUS_NUMBER HOSTNAME LOCAL_REPLY_BODY PACKETS_RETRANSMITTED PROTOCOL
            REQUEST_DURATION REQUEST_HEADERS_BYTES REQUEST_TX_DURATION RESPONSE_CODE RESPONSE_DURATION
            RESPONSE_FLAGS RESPONSE_FLAGS_LONG RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES RESPONSE_TX_DURATION
            ROUNDTRIP_DURATION ROUTE_NAME STREAM_ID TLS_JA3_FINGERPRINT TLS_JA4_FINGERPRINT TRACE_ID UNIQUE_ID
            UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW UPSTREAM_CONNECTION_ID UPSTREAM_CONNECTION_POOL_READY_DURATION
            UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT
            UPSTREAM_HEADER_BYTES_RECEIVED UPSTREAM_HEADER_BYTES_SENT UPSTREAM_HOST UPSTREAM_HOST_NAME
            UPSTREAM_HOST_NAME_WITHOUT_PORT UPSTREAM_LOCAL_ADDRESS UPSTREAM_LOCAL_DNS_SAN UPSTREAM_LOCAL_IP_SAN
            UPSTREAM_LOCAL_PORT UPSTREAM_LOCAL_URI_SAN UPSTREAM_PEER_CERT UPSTREAM_PEER_DNS_SAN
            UPSTREAM_PEER_IP_SAN UPSTREAM_PEER_ISSUER UPSTREAM_PEER_SUBJECT UPSTREAM_PEER_URI_SAN
            UPSTREAM_PROTOCOL UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_PORT UPSTREAM_REQUEST_ATTEMPT_COUNT
            UPSTREAM_TLS_CIPHER UPSTREAM_TLS_SESSION_ID UPSTREAM_TLS_VERSION UPSTREAM_TRANSPORT_FAILURE_REASON
            UPSTREAM_WIRE_BYTES_RECEIVED UPSTREAM_WIRE_BYTES_SENT VIRTUAL_CLUSTER_NAME
            """,
        "?": """
            DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT
            DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_PEER_CERT_V_END DOWNSTREAM_PEER_CERT_V_START
            DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT EMIT_TIME EMIT_TIME_LOCAL GRPC_STATUS REQUESTED_SERVER_NAME
            RESPONSE_CODE_DETAILS START_TIME START_TIME_LOCAL UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT
            UPSTREAM_PEER_CERT_V_END UPSTREAM_PEER_CERT_V_START UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT
            """,
        "?:": "PATH",
        "!": "CLUSTER_METADATA COMMON_DURATION UPSTREAM_METADATA",
        "!:": """
            CEL DYNAMIC_METADATA ENVIRONMENT FILTER_STATE METADATA QUERY_PARAM REQ RESP STREAM_INFO_REQ TRAILER
            TYPED_CEL UPSTREAM_FILTER_STATE
            """,
    }.items()
    for name in names.split()
}
_NEW_IN_1_40: dict[str, str] = {
    **dict.fromkeys(
        """
        DOWNSTREAM_CX_RTT DOWNSTREAM_DETECTED_CLOSE_TYPE DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID
        DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID DOWNSTREAM_LOCAL_CLOSE_REASON DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256
        DOWNSTREAM_PEER_ISSUER_SERIAL DOWNSTREAM_TLS_GROUP LISTENER_NAME ROUTE_RESOLUTION_COUNT
        ROUTE_RESOLUTION_TIME_US SPAN_ID UPSTREAM_CONNECTION_IDS_ATTEMPTED UPSTREAM_DETECTED_CLOSE_TYPE
        UPSTREAM_HOSTS_ATTEMPTED UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT UPSTREAM_HOST_NAMES_ATTEMPTED
        UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT UPSTREAM_LOCAL_CLOSE_REASON UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID
        UPSTREAM_SERVER_NAME UPSTREAM_TLS_GROUP
        """.split(),
        "-",
    ),
    **dict.fromkeys(["COALESCE", "REQUEST_HEADER", "RESPONSE_HEADER", "RESPONSE_TRAILER"], "!:"),
    "QUERY_PARAMS": "?:",
}
#: What 1.36 takes where it is not what 1.40 takes.
_KINDS_1_36: dict[str, str] = {
    **{name: "-" for name in _COMMANDS if name.endswith("_ADDRESS_WITHOUT_PORT")},
    "DYNAMIC_METADATA": "!",
    "REQUESTED_SERVER_NAME": "-",
}

_OF_REQUEST = frozenset(["REQ", "REQUEST_HEADER", "STREAM_INFO_REQ"])
_OF_RESPONSE = frozenset(["RESP", "RESPONSE_HEADER"])
_OF_TRAILERS = frozenset(["TRAILER", "RESPONSE_TRAILER"])
_ADDRESS = "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"
#: The commands that a request determines, if anything does.
_DETERMINED = (_OF_REQUEST | _OF_RESPONSE | _OF_TRAILERS).union([_ADDRESS, "PATH", "QUERY_PARAM", "QUERY_PARAMS"])

_COMMAND = re.compile(r"%([A-Z0-9_]+)(?:\((.*?)\))?(?::([0-9]+))?%")
_STATE = re.compile(r"%PER_REQUEST_STATE\((.+?)\)%")
_TRANSLATED = re.compile(r"%(?:UPSTREAM|DYNAMIC)_METADATA\(\s*\[")
_HEADER = re.compile(r"(?::?[A-Za-z0-9!#$%&'*+.^_`|~-]+)?")
_LINE_END = re.compile(r"%[-_0^#]*[1-9]*(E|O)?n")


def _headers(argument: str) -> bool:
    names = argument.split("?")
    return len(names) <= 2 and all(map(_HEADER.fullmatch, names))


def _two_of(first: tuple[str, ...], second: tuple[str, ...]) -> Callable[[str], bool]:
    """Two options with a colon between them, each of which may be left out; what follows them is not looked at."""

    def taken(argument: str) -> bool:
        one, two, *_ = [*argument.split(":"), ""]
        return one in ("", *first) and two in ("", *second)

    return taken


def _filter_state(argument: str) -> bool:
    key, form, field, *_ = [*argument.split(":"), "", ""]
    return bool(key) and form in ("", "PLAIN", "TYPED", "FIELD") and bool(field) == (form == "FIELD")


def _metadata(argument: str) -> bool:
    kinds = ("CLUSTER", "DYNAMIC", "LISTENER", "LISTENER_FILTER_CHAIN", "ROUTE", "UPSTREAM_HOST", "VIRTUAL_HOST")
    return argument.partition(":")[0] in kinds


def _duration(argument: str) -> bool:
    _, *rest = argument.split(":")
    return len(rest) == 1 or (len(rest) == 2 and rest[1] in ("ms", "us", "ns"))


def _time(argument: str) -> bool:
    return not _LINE_END.search(argument)


#: Whether Envoy takes an argument; it takes any where nothing is said.
_ARGUMENTS: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(_OF_REQUEST | _OF_RESPONSE | _OF_TRAILERS, _headers),
    **dict.fromkeys(["FILTER_STATE", "UPSTREAM_FILTER_STATE"], _filter_state),
    **dict.fromkeys([name for name in _COMMANDS if "TIME" in name or "CERT_V_" in name], _time),
    "COMMON_DURATION": _duration,
    "GRPC_STATUS": ("", "CAMEL_STRING", "SNAKE_STRING", "NUMBER").__contains__,
    "METADATA": _metadata,
    "PATH": _two_of(("WQ", "NQ"), ("ORIG", "PATH", "ORIG_OR_PATH")),
    "QUERY_PARAMS": ("", "ORIG", "DECODED").__contains__,
    "REQUESTED_SERVER_NAME": _two_of(("SNI_ONLY", "SNI_FIRST", "HOST_FIRST"), ("ORIG_OR_HOST", "HOST", "ORIG")),
}


def _why_refused(command: Command, envoy: str) -> str | None:
    name, argument = command.name, command.argument
    kind = _COMMANDS.get(name) or (None if envoy == "1.36" else _NEW_IN_1_40.get(name))
    if envoy == "1.36":
        kind = _KINDS_1_36.get(name, kind)
    if kind is None:
        return f"Envoy {envoy} knows no command {name}"
    if argument and kind[0] == "-":
        return f"{name} takes no argument"
    if not argument and kind[0] == "!":
        return f"{name} needs an argument"
    if command.length is not None and kind[1:] != ":":
        return f"{name} takes no length"
    refused = name in _ARGUMENTS and not _ARGUMENTS[name](argument)
    if refused or (envoy == "1.36" and name == "METADATA" and argument.startswith("LISTENER_FILTER_CHAIN")):
        return f"{name} does not take {argument!r}"
    return None


def first_of(name: str, fields: Iterable[tuple[str, str]]) -> str | None:
    """The first value of a header in a list of headers; None where it is missing."""
    return next((value for field, value in fields if field == name), None)


@attrs.frozen
class FormatString:
    """A format string, ordinary text. Raises InvalidValue (``bad_format``) where no Envoy version loads it.

    ``in_header`` is for header values (fact 3). What only one version loads, ``why_refused`` tells; the arguments
    of CEL and COALESCE are not looked at. Cost of making one: O(length), of ``render``: O(pieces times fields).

    >>> FormatString("%REQ(x-user?x-guest):8% 100%%").commands
    (Command(name='REQ', argument='x-user?x-guest', length=8),)
    >>> FormatString("100%")
    Traceback (most recent call last):
    canarysim.errors.InvalidValue: '100%': a % at 3 begins no command; a percent sign is written %%
    """

    text: str
    in_header: bool = attrs.field(default=True, kw_only=True)
    _pieces: tuple[str | Command, ...] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        text = _STATE.sub(r"%FILTER_STATE(\1:PLAIN)%", self.text) if self.in_header else self.text
        object.__setattr__(self, "_pieces", tuple(_parsed(text)))
        if why := self.why_refused("1.40") and self.why_refused("1.36"):
            raise InvalidValue("bad_format", f"{self.text!r}: {self.why_refused('1.40') or why}")

    @property
    def commands(self) -> tuple[Command, ...]:
        return tuple(piece for piece in self._pieces if isinstance(piece, Command))

    def why_refused(self, envoy: str) -> str | None:
        """Why this version of Envoy (like 1.40) does not load it; None where it does."""
        return next(filter(None, (_why_refused(command, envoy) for command in self.commands)), None)

    @property
    def why_unknown(self) -> str | None:
        """The first command that no request determines, in a sentence; None where ``render`` mostly answers."""
        for piece in self._pieces:
            if isinstance(piece, Command):
                name, argument = piece.name, piece.argument
                changed = (argument and name == _ADDRESS) or (argument == "DECODED" and name == "QUERY_PARAMS")
                if changed or name not in _DETERMINED:
                    return f"{piece} is known only when Envoy runs"
            elif self.in_header and _TRANSLATED.search(piece):
                return f"what becomes of {piece!r} in a header value is not simulated"
        return None

    def render(
        self,
        seen: Routed,
        fields: Fields,
        *,
        response: Fields | None = None,
        missing: str = "",
    ) -> str | Undetermined:
        """The text as octets, or why it is open.

        ``fields`` are all headers of the request as they stand now, names in lower case, Invented values included;
        pseudo headers come from ``seen``. ``response`` are those of the response (``:status`` among them), None
        before there is one. ``missing`` is what a missing value prints (fact 6).
        """
        if why := self.why_unknown:
            return Undetermined(why)
        found: list[str] = []
        for piece in self._pieces:
            if isinstance(piece, str):
                found.append(octets(piece))
                continue
            value = _value(piece, seen, fields, response)
            if isinstance(value, Undetermined):
                return value
            found.append(missing if value is None else value[: piece.length])
        return "".join(found)

    def __str__(self) -> str:
        return self.text


def _parsed(text: str) -> list[str | Command]:
    """Literal text and commands in turn (fact 1)."""
    pieces: list[str | Command] = []
    literal = ""
    place = 0
    while (percent := text.find("%", place)) >= 0:
        literal += text[place:percent]
        if text.startswith("%%", percent):
            literal += "%"
            place = percent + 2
            continue
        match = _COMMAND.match(text, percent)
        length = None if match is None or match[3] is None else match[3].lstrip("0") or "0"
        if match is None or len(length or "") > 20 or int(length or "0") >= 2**64:
            raise InvalidValue(
                "bad_format",
                f"{text!r}: a % at {percent} begins no command; a percent sign is written %%",
                place=percent,
            )
        if literal:
            pieces.append(literal)
            literal = ""
        pieces.append(Command(match[1], match[2] or "", None if length is None else int(length)))
        place = match.end()
    literal += text[place:]
    return [*pieces, literal] if literal else pieces


def _value(command: Command, seen: Routed, fields: Fields, response: Fields | None) -> Value:
    """What one of the commands in _DETERMINED prints; None where that is missing."""
    name = command.name
    if name in _OF_REQUEST:
        return _header(command, fields, seen)
    if name in _OF_RESPONSE:
        return _header(command, response or (), None)
    if name == "PATH":
        return _path(command, seen, fields)
    if name == "QUERY_PARAM":
        return _query_parameter(command, seen.path)
    if name == "QUERY_PARAMS":
        return seen.path.partition("?")[2]
    if name == _ADDRESS:
        return seen.address or Undetermined(f"{command} is the client's address, which is not known")
    return None


def _header(command: Command, fields: Fields, seen: Routed | None) -> Value:
    """Fact 4. Pseudo headers are those of ``seen``, or None where they are among ``fields``."""
    for name in filter(None, command.argument.lower().split("?")):
        if name == "x-envoy-expected-rq-timeout-ms":
            return Undetermined(f"{command} is a timeout that Envoy writes down at its own time")
        if seen is not None and (name == "host" or name[0] == ":"):
            value = next(iter(seen.values(":authority" if name == "host" else name)), None)
        else:
            value = first_of(name, fields)
        if isinstance(value, Invented):
            return Undetermined(f"{command} is a value that Envoy makes up")
        if value is not None:
            return value
    return None


def _path(command: Command, seen: Routed, fields: Fields) -> Value:
    """Fact 5."""
    query, source, *_ = [*command.argument.split(":"), ""]
    original = None if source == "PATH" else first_of("x-envoy-original-path", fields)
    if isinstance(original, Invented):
        return Undetermined(f"{command} is a value that Envoy makes up")
    if not original and source == "ORIG":
        return None
    path = original or seen.path
    return path.partition("?")[0] if query == "NQ" else path


def _query_parameter(command: Command, path: str) -> Value:
    query = path.partition("?")[2]
    if "%" in query:
        return Undetermined(f"{command} decodes the query, which is not simulated")
    wanted = octets(command.argument)
    for piece in query.split("&"):
        key, _, value = piece.partition("=")
        if piece and key == wanted:
            return value
    return None
