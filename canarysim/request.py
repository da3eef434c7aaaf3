"""A request as a client sends it, and the one grammar in which people write it down."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, Literal

import attrs

from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Headers = Mapping[str, str] | Iterable[tuple[str, str]]

__all__ = ["LOOKS_LIKE_REQUEST", "Request", "as_name", "octets", "readable"]

_METHOD = r"[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*"
_TARGET = re.compile(r"[/*?]|[A-Za-z][A-Za-z0-9+.-]*://")
_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)
#: What tells a request from a file name on a command line: a method, a blank and a target.
LOOKS_LIKE_REQUEST = re.compile(rf"\s*{_METHOD}\s+(?:/|\*|[A-Za-z][A-Za-z0-9+.-]*://|\?)")


def octets(text: str) -> str:
    """The UTF-8 bytes of a text as a str with one character a byte: the form in which text is matched.

    ASCII text is its own form. A lone surrogate from ``os.fsdecode`` stands for the byte it was made of.
    """
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    except UnicodeEncodeError as error:
        raise InvalidValue("not_unicode", f"{text!r} holds a lone surrogate, which is no text") from error


def _text(value: object, what: str) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"{what} must be a str, not {type(value).__name__}: write {str(value)!r}")


def _header_pairs(headers: Headers | None) -> tuple[tuple[str, str], ...]:
    if headers is None:
        return ()
    if isinstance(headers, str):
        raise TypeError("headers is a mapping or (name, value) pairs, not one str; Request.parse reads text")
    items: Iterable[Any] = headers.items() if hasattr(headers, "items") else headers
    if not hasattr(items, "__iter__"):
        raise TypeError(f"headers is a mapping or (name, value) pairs, not {type(headers).__name__}")
    pairs = []
    for item in items:
        try:
            name, value = [] if isinstance(item, str) else item
        except (TypeError, ValueError):
            raise TypeError(f"headers is a mapping or (name, value) pairs; {item!r} is neither") from None
        pairs.append((_text(name, "a header name").lower(), _text(value, f"the value of header {name!r}")))
    return tuple(pairs)


def _certificate(value: str) -> str:
    if value not in ("presented", "validated"):
        raise InvalidValue("bad_certificate", f"a certificate is 'presented' or 'validated', not {value!r}")
    return value


def _bytes(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return octets(body).encode("latin-1")
    raise TypeError(f"the body must be a str or bytes, not {type(body).__name__}")


def _json(metadata: Mapping[str, Any]) -> str:
    import json

    try:
        return json.dumps(dict(metadata), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidValue("bad_metadata", f"metadata is what JSON can write: {error}") from None


_EVERYDAY_NAME = re.compile(r"[a-z0-9-]+")
_EVERYDAY_VALUE = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")


def _everyday(pairs: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, ...]] | None:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if name in found or not (_EVERYDAY_NAME.fullmatch(name) and _EVERYDAY_VALUE.fullmatch(value)):
            return None
        found[name] = (value,)
    return found


@attrs.frozen(init=False, repr=False)
class Request:
    """A request: path with query, and by keyword ``method``, ``authority``, ``scheme`` and ``headers``.

    ``scheme=None`` means the one of the listener. ``headers`` is a mapping or (name, value) pairs, in which
    names may repeat; names are kept in lower case. A ``host`` header is the authority, as in HTTP/1. Text is
    matched as its UTF-8 bytes.

    What else Envoy knows of a request, few routes ask for: ``metadata``, its dynamic metadata as a mapping from
    filters to what ``json`` can write; ``certificate``, None, "presented" or "validated"; ``address``, that of
    the client without a port; ``internal``, whether Envoy counts it as coming from inside. ``body`` is bytes, or
    text in UTF-8; only functions look at it.

    >>> Request("/findPets", headers={"X-Canary": "true"})
    Request('GET /findPets x-canary:true')
    """

    path: str
    method: str
    authority: str
    scheme: str | None
    headers: tuple[tuple[str, str], ...]
    certificate: str | None
    address: str
    internal: bool
    body: bytes
    _metadata: str
    #: The headers by name where each stands once and is text that needs no treatment; else None.
    everyday_headers: dict[str, tuple[str, ...]] | None = attrs.field(eq=False, repr=False)

    def __init__(
        self,
        path: str,
        *,
        method: str = "GET",
        authority: str = "",
        scheme: str | None = None,
        headers: Headers | None = None,
        metadata: Mapping[str, Any] | None = None,
        certificate: Literal["presented", "validated"] | None = None,
        address: str = "",
        internal: bool = False,
        body: str | bytes | None = None,
    ) -> None:
        pairs = _header_pairs(headers)
        hosts = [value for name, value in pairs if name in ("host", ":authority")]
        if hosts:
            if authority and hosts != [authority]:
                raise InvalidValue(
                    "two_hosts", f"authority={authority!r} and a host header {hosts[0]!r}: give the host once"
                )
            authority = ",".join(filter(None, hosts))  # how Envoy reads repeated Host headers on HTTP/1
            pairs = tuple(pair for pair in pairs if pair[0] not in ("host", ":authority"))
        for name, _ in pairs:
            if not name or name.startswith(":"):
                raise InvalidValue(
                    "bad_header_name",
                    f"{name!r} cannot be sent as a header; use path=, method=, authority= and scheme=",
                )
        self.__attrs_init__(
            _text(path, "the path"),
            _text(method, "the method"),
            _text(authority, "the authority"),
            None if scheme is None else _text(scheme, "the scheme"),
            pairs,
            certificate if certificate is None else _certificate(certificate),
            _text(address, "the address"),
            bool(internal),
            _bytes(body) if body else b"",
            "" if not metadata else _json(metadata),
            _everyday(pairs),
        )

    @property
    def metadata(self) -> dict[str, Any]:
        """The dynamic metadata by filter."""
        if not self._metadata:
            return {}
        import json

        found: dict[str, Any] = json.loads(self._metadata)
        return found

    @classmethod
    def parse(cls, text: str) -> Request:
        """Reads ``[METHOD] TARGET [name:value ...]``, the form that the command line takes too.

        TARGET is a path with its query, or a whole URL. Quotes as in a shell keep blanks together. Raises
        InvalidValue for anything else.

        >>> Request.parse("GET http://shop.example/findPets x-canary:true 'x-user:a b'").headers
        (('x-canary', 'true'), ('x-user', 'a b'))
        """
        splitter = shlex.shlex(text, posix=True, punctuation_chars=False)
        splitter.whitespace_split, splitter.commenters, splitter.escape = True, "", ""
        try:
            words = list(splitter)
        except ValueError as error:
            raise InvalidValue("bad_request_text", f"{text!r}: {error}") from error
        method = "GET"
        if len(words) > 1 and re.fullmatch(_METHOD, words[0]):
            method = words.pop(0)
            if not method.isupper():
                raise InvalidValue(
                    "bad_request_text", f"{method!r} is no method; methods are upper case, as in 'GET /path'"
                )
        if not words or not _TARGET.match(words[0]):
            raise InvalidValue(
                "bad_request_text", f"{text!r} names no path; write for instance 'GET /path x-header:value'"
            )
        target, *rest = words
        authority, scheme = "", None
        if absolute := _ABSOLUTE.fullmatch(target):
            scheme, authority, target = absolute[1].lower(), absolute[2], absolute[3]
            if not target.startswith("/"):
                target = f"/{target}"  # as every client does
            authority = authority.rpartition("@")[2]  # a user name is no part of the host
        headers: list[tuple[str, str]] = []
        for word in rest:
            name, colon, value = word.partition(":")
            if not colon or not name:
                hint = "write name:value, and quote blanks"
                if headers and not headers[-1][1]:
                    hint = f"write {headers[-1][0]}:{word}, without a blank behind the colon"
                raise InvalidValue("bad_request_text", f"{word!r} is no header; {hint}")
            if not (authority and name.lower() == "host"):  # an absolute target overrides Host
                headers.append((name, value.strip(" \t")))
        return cls(target, method=method, authority=authority, scheme=scheme, headers=headers)

    def __str__(self) -> str:
        words = [self.method]
        pairs = list(self.headers)
        if self.scheme is not None:
            words.append(f"{self.scheme}://{self.authority}{self.path}")
        else:
            words.append(self.path)
            if self.authority:
                pairs.insert(0, ("host", self.authority))
        words += [f"{name}:{value}" for name, value in pairs]
        return " ".join(word if _PLAIN.fullmatch(word) else _quoted(word) for word in words)

    def __repr__(self) -> str:
        told = {
            "metadata": self.metadata,
            "certificate": self.certificate,
            "address": self.address,
            "internal": self.internal,
            "body": self.body,
        }
        more = "".join(f", {name}={value!r}" for name, value in told.items() if value)
        return f"{type(self).__name__}({str(self)!r}{more})"


_PLAIN = re.compile(r"[^\s'\"]+")


def _quoted(word: str) -> str:
    """In quotes as parse reads them, which knows no escapes: a quote stands in quotes of the other kind."""
    return "".join(f'"{part}"' if part == "'" else f"'{part}'" for part in re.split("(')", word) if part)


def readable(text: str) -> str:
    """Octets as a person reads them: UTF-8 decoded where it is that, bytes and control characters escaped."""
    if text.isascii() and text.isprintable():
        return text
    decoded = text.encode("latin-1").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in decoded)


def as_name(text: str) -> str | None:
    """Octets as the name of a cluster; None for what is no UTF-8, which no cluster is called."""
    if text.isascii():
        return readable(text)
    try:
        text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return None
    return readable(text)
