"""What change of a request would satisfy a condition that refused it: the stuff of which hints are made.

A fix is a proposal until ``near.py`` has changed the request and asked the table. Only one without a request
says all there is: no request can be so (the query is no part of the path), and its claim is tested here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.answers.respell import alike, differs_in_case, example, literal_start, part, recased, unquoted
from canarysim.request import Request, octets, readable
from canarysim.table.matchers import (
    HeaderMatcher,
    PathExact,
    PathPrefix,
    PathRegex,
    PathSeparatedPrefix,
    QueryParameterMatcher,
    Range,
)
from canarysim.table.paths import merge_slashes, normalize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.table.behaviour import Behaviour
    from canarysim.table.http import Seen
    from canarysim.table.matchers import Matcher
    from canarysim.table.route_table import RouteTable
    from canarysim.table.strings import StringMatcher

#: What ends the words of a change that is one of many.
INSTANCE = ", for instance"
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")

__all__ = ["INSTANCE", "Fix", "changed", "fixes", "path_text", "plain_text"]


@attrs.frozen
class Fix:
    """A change after which one condition holds.

    ``change`` goes on after "would match"; ``reason`` says why the condition does not hold now, and is all there
    is to say where ``request`` is None.
    """

    code: str
    request: Request | None
    change: str = ""
    reason: str = ""


def _is_regex(matcher: StringMatcher) -> bool:
    return matcher.kind == "safe_regex"


def changed(request: Request, **parts: Any) -> Request:
    """The request with some of its parts replaced."""
    return Request(
        parts.get("path", request.path),
        method=parts.get("method", request.method),
        authority=parts.get("authority", request.authority),
        scheme=parts.get("scheme", request.scheme),
        headers=parts.get("headers", request.headers),
    )


def plain_text(text: str) -> str:
    """The text whose octets these are."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "surrogateescape")


def path_text(matcher: Matcher, envoy: Behaviour) -> str:
    """The text, as octets, with which every path must begin that the condition takes; as much as is known."""
    if isinstance(matcher, PathPrefix | PathExact | PathSeparatedPrefix):
        return matcher.text
    if isinstance(matcher, PathRegex):
        return octets(literal_start(matcher.regex, envoy.regex_encoding))
    return ""


def fixes(matcher: Matcher, request: Request, seen: Seen, table: RouteTable) -> Iterator[Fix]:
    """Proposals for a condition that refuses, the most telling first. Cost: O(size of the request), squared at
    most for short texts that a regex is held against.
    """
    if matcher.why_unknown(table.behaviour) is not None:
        return
    if isinstance(matcher, HeaderMatcher):
        yield from _header_fixes(matcher, request, seen, table)
    elif isinstance(matcher, QueryParameterMatcher):
        yield from _query_fixes(matcher, request, seen, table)
    elif isinstance(matcher, PathPrefix | PathExact | PathSeparatedPrefix | PathRegex) and seen.route_path:
        yield from _path_fixes(matcher, request, seen, table)


# Paths


def _path_fixes(
    matcher: PathPrefix | PathExact | PathSeparatedPrefix | PathRegex,
    request: Request,
    seen: Seen,
    table: RouteTable,
) -> Iterator[Fix]:
    holds = matcher.test(table.behaviour)
    path, query = seen.route_path, seen.path[len(seen.route_path) :]
    sent = octets(request.path).partition("?")[0]
    if sent != path and holds(sent):
        reason = f"{_quoted(sent)} as it was sent would match, but not what it was normalized to"
        yield Fix("normalized", None, reason=reason)
    if query and holds(seen.path):
        yield Fix(
            "query_in_path", None, reason=f"{_quoted(seen.path)} would match, but the query is no part of the path"
        )
    if path.endswith("/"):
        slash = path[:-1], "without the trailing slash"
    else:
        slash = path + "/", "with a trailing slash"
    if holds(slash[0]):
        yield Fix("trailing_slash", changed(request, path=plain_text(slash[0] + query)), slash[1])
    for code, reason, other in _other_paths(matcher, path, table):
        if other != path and _sendable(other) and holds(other):
            yield Fix(code, changed(request, path=plain_text(other + query)), f"as {_quoted(other)}", reason)


def _other_paths(
    matcher: PathPrefix | PathExact | PathSeparatedPrefix | PathRegex, path: str, table: RouteTable
) -> Iterator[tuple[str, str, str]]:
    if "%" in path:
        yield "escaped_slash", "%2F is no slash", re.sub("%2[Ff]", "/", path)
        yield "percent_encoded", "the path is compared without decoding it", unquoted(path)
    if not table.http.normalize_path:
        yield "not_normalized", "paths are not normalized here", normalize(path) or path
    yield "repeated_slashes", "repeated slashes are not merged", merge_slashes(path)
    if isinstance(matcher, PathRegex):
        yield "path_case", "paths are case-sensitive", recased(path)[0]
        starts = [i for i, char in enumerate(path) if char == "/"]
        found = part(matcher.test(table.behaviour), path, starts)
        if found is not None and len(found) > 1:
            yield "path_part", "the regex must match the whole path", found
        start = path_text(matcher, table.behaviour)
        if len(start) > 1 and (path.startswith(start) or alike(path, start)):
            sample = octets(example(matcher.regex, table.behaviour.regex_encoding) or path)
            yield "path_example", "", sample
        return
    text = path_text(matcher, table.behaviour)
    exact = isinstance(matcher, PathExact)
    if differs_in_case(path[: len(text)], text):
        yield "path_case", "paths are case-sensitive", text + ("" if exact else path[len(text) :])
    if text.startswith(path) and len(path) > 1:
        yield "path_too_short", f"the {'exact path' if exact else 'prefix'} is longer than the path", text
    if exact and 1 < len(text) < len(path) and path.startswith(text) and "/" in (path[len(text)], text[-1]):
        yield "exact_path", "an exact path takes nothing after it", text
    if len(text) > 1 and (at := path.find(text)) > 0:
        yield "not_at_start", f"{_quoted(text)} stands in it, but not at the start", path[at:]
    base = text.rstrip("/")
    head = path if exact else "/".join(path.split("/")[: base.count("/") + 1])
    if alike(head, base):
        yield "typo", "", base + path[len(head) :]
        yield "typo", "", text


def _quoted(text: str) -> str:
    return repr(readable(text))


def _sendable(text: str) -> bool:
    """Whether HTTP/1 takes it in a target."""
    return all("!" <= char <= "~" for char in text) and "#" not in text


# Texts that a StringMatcher takes: (what is wrong with the present one, a text, whether it is but an example)


def _texts(matcher: StringMatcher | Range, now: str | None, envoy: Behaviour) -> Iterator[tuple[str, str, bool]]:
    if isinstance(matcher, Range):
        yield "value", str(matcher.start), True
        return
    holds = matcher.test(envoy)
    if now is not None:
        spellings = list(recased(now)) if _is_regex(matcher) else [octets(matcher.value)]
        for text in spellings:
            if differs_in_case(now, text) and holds(text):
                yield "case", text, False
                break
        if _is_regex(matcher) and (found := part(holds, now, range(len(now)))):
            yield "part", found, False
    if not _is_regex(matcher):
        yield "value", octets(matcher.value), False
        return
    sample = example(matcher.value, envoy.regex_encoding)
    if sample is not None and holds(octets(sample)):
        yield "value", octets(sample), sample != matcher.value


_REASONS = {
    "case": "{} are case-sensitive",
    "part": "the regex must match the whole value",
    "value": "",
}


# Headers


def _header_fixes(matcher: HeaderMatcher, request: Request, seen: Seen, table: RouteTable) -> Iterator[Fix]:
    name = matcher.view.header
    values = seen.header(name)
    sent = [value for known, value in request.headers if known == name]
    holds = matcher.test(table.behaviour)
    if values is None and sent:
        yield Fix("header_dropped", None, reason=f"Envoy drops {readable(name)} before it looks for a route")
        return
    if matcher.present is matcher.invert if matcher.value is None else matcher.invert:
        yield from _inverted_fixes(matcher, request, values)
        return
    if values is None:
        for other, value in request.headers:
            if alike(other.replace("_", "-"), name, same=True):
                text = value if holds((octets(value),)) else _first_text(matcher, table.behaviour)
                words = f"the request has {readable(octets(other))}, which is another header"
                yield from _header_fix("header_name", request, name, text, reason=words)
    if matcher.value is None:
        yield from _header_fix("header_missing", request, name, "1", words=f"with any {readable(name)}")
        return
    if len(sent) > 1 and values is not None and len(values) == 1:
        joined = (
            f"Envoy {'1.36 ' if table.envoy == '1.36' else ''}joins repeated values, here to {_quoted(values[0])}"
        )
        for value in dict.fromkeys(sent):
            if holds((octets(value),)):
                words = f"with only {_field(name, value)}"
                yield from _header_fix("header_joined", request, name, value, reason=joined, words=words)
    now = values[0] if values is not None and len(values) == 1 else None
    if name == ":method":
        yield from _method_fixes(matcher, request, table.behaviour)
        return
    for trouble, text, sample in _texts(matcher.value, now, table.behaviour):
        code = "missing" if values is None else trouble
        words = _with_field(name, plain_text(text)) + (INSTANCE if sample else "")
        reason = _REASONS[trouble].format("header values")
        yield from _header_fix(f"header_{code}", request, name, plain_text(text), reason=reason, words=words)


def _method_fixes(matcher: HeaderMatcher, request: Request, envoy: Behaviour) -> Iterator[Fix]:
    """Methods that HTTP has; no other text is of use, whatever a regex takes."""
    holds = matcher.test(envoy)
    takes = [method for method in _METHODS if holds((method,))]
    if request.method.upper() in takes:
        yield Fix(
            "method_case",
            changed(request, method=request.method.upper()),
            f"with the method {request.method.upper()}",
            "methods are case-sensitive",
        )
    for method in takes[:1]:
        words = f"with the method {' or '.join(takes) if len(takes) < 4 else method + INSTANCE}"
        yield Fix("method_value", changed(request, method=method), words)


def _inverted_fixes(matcher: HeaderMatcher, request: Request, values: tuple[str, ...] | None) -> Iterator[Fix]:
    name = matcher.view.header
    if matcher.value is None:
        if not name.startswith(":"):
            rest = [pair for pair in request.headers if pair[0] != name]
            yield Fix("header_unwanted", changed(request, headers=rest), f"without {readable(name)}")
        return
    reason = "the inverted condition needs the header to be there" if values is None else ""
    for text in ("other", "1", "-", ""):
        code = "header_inverted" if values is None else "header_value"
        words = _with_field(name, text) + INSTANCE
        yield from _header_fix(code, request, name, text, reason=reason, words=words)


def _first_text(matcher: HeaderMatcher, envoy: Behaviour) -> str:
    if matcher.value is None:
        return "1"
    return next((plain_text(text) for _, text, _ in _texts(matcher.value, None, envoy)), "")


def _header_fix(
    code: str, request: Request, name: str, value: str, *, reason: str = "", words: str = ""
) -> Iterator[Fix]:
    words = words or _with_field(name, value)
    if not name.startswith(":"):
        others = [pair for pair in request.headers if pair[0] != name]
        yield Fix(code, changed(request, headers=[*others, (name, value)]), words, reason)
    elif name in (":method", ":path", ":authority", ":scheme") and value:
        yield Fix(code, changed(request, **{name[1:]: value}), words, reason)


def _field(name: str, value: str) -> str:
    shown = readable(octets(value))
    return f"{readable(name)}: {shown if shown == value and value.strip() else repr(shown)}"


def _with_field(name: str, value: str) -> str:
    match name:
        case ":method":
            return f"with the method {readable(octets(value))}"
        case ":authority":
            return f"with the host {readable(octets(value))}"
        case ":path":
            return f"as {_quoted(octets(value))}"
        case _:
            return f"with {_field(name, value)}"


# The query


def _query_fixes(matcher: QueryParameterMatcher, request: Request, seen: Seen, table: RouteTable) -> Iterator[Fix]:
    key = matcher.view.key
    holds = matcher.test(table.behaviour)
    path, _, query = seen.path.partition("?")
    pieces = [piece for piece in query.split("&") if piece]
    names = [piece.partition("=")[0] for piece in pieces]
    now = seen.query.get(key)

    def asking(new: list[str]) -> Request:
        return changed(request, path=plain_text(f"{path}?{'&'.join(new)}"))

    def replaced(at: int, piece: str) -> Request:
        return asking([*pieces[:at], piece, *pieces[at + 1 :]])

    if now is None:
        for at, name in enumerate(names):
            piece = key + pieces[at][len(name) :]
            if differs_in_case(name, key):
                yield Fix(
                    "query_name_case", replaced(at, piece), f"with {readable(piece)}", "names are case-sensitive"
                )
            elif name != key and unquoted(name) == key and _sendable(key):
                reason = "the query is compared without decoding it"
                yield Fix("query_encoded", replaced(at, piece), f"with {readable(piece)}", reason)
        if any(piece.startswith(key) for piece in query.split(";")[1:]):
            reason = "a semicolon does not separate parameters"
            yield Fix("query_separator", asking([query.replace(";", "&")]), "with & in its place", reason)
    else:
        first = names.index(key)
        for at in range(first + 1, len(pieces)):
            if names[at] == key and holds(pieces[at].partition("=")[2]):
                reason = f"only the first {readable(key)} counts"
                rest = [piece for i, piece in enumerate(pieces) if i == at or names[i] != key]
                yield Fix("query_first", asking(rest), f"with only {readable(pieces[at])}", reason)
        if (decoded := unquoted(now.replace("+", " "))) != now and holds(decoded):
            if _sendable(decoded) and "&" not in decoded:
                reason = "the query is compared without decoding it"
                yield Fix(
                    "query_encoded",
                    replaced(first, f"{key}={decoded}"),
                    f"with {readable(key)}={readable(decoded)}",
                    reason,
                )
            else:
                reason = f"the value would be {_quoted(decoded)} if it were decoded, which it is not"
                yield Fix("query_encoded", None, reason=reason)
    if matcher.value is None:
        yield Fix("query_missing", asking([*pieces, key]), f"with {readable(key)} in the query")
        return
    for trouble, text, sample in _texts(matcher.value, now, table.behaviour):
        if not _sendable(key + text) or "&" in text:
            continue
        piece = f"{key}={text}"
        words = f"with {readable(piece)}{' in the query' if now is None else ''}{INSTANCE if sample else ''}"
        code = "missing" if now is None else trouble
        new = asking([*pieces, piece]) if now is None else replaced(names.index(key), piece)
        yield Fix(f"query_{code}", new, words, _REASONS[trouble].format("values"))
