"""Changes of a request that narrowly miss one condition, or that look as if they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.table.conditions import CookieMatcher, GrpcMatcher
from canarysim.table.matchers import HeaderMatcher, PathMatcher, QueryParameterMatcher
from canarysim.table.metadata import MetadataMatcher
from canarysim.table.strings import StringMatcher
from canarysim.testing.strategies.pools import KEYS, METHODS, PATHS, VALUES
from canarysim.testing.strategies.texts import recased

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.table.matchers import Matcher
    from canarysim.testing.strategies.choices import Choices
    from canarysim.testing.strategies.drafts import Draft
    from canarysim.testing.strategies.reads import Read

__all__ = ["spoil"]

#: Headers that the connection manager drops, changes, joins or refuses.
_TREATED = (
    ("x-forwarded-proto", "https"),
    ("x-forwarded-proto", "HTTPS"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-proto", ""),
    ("x-forwarded-for", "192.0.2.1"),
    ("user-agent", "a"),
    ("accept", "b"),
    ("accept", ""),
    ("content-type", "application/grpc"),
    ("connection", "keep-alive, X-B"),
    ("connection", "x-a"),
    ("connection", "te"),
    ("connection", "close, HTTP2-Settings"),
    ("connection", "a,b,c,,d,e,f,g,h,i,"),
    ("http2-settings", "AAMAAABkAAQAAP__"),
    ("close", "1"),
    ("connection", "cookie"),
    ("connection", "x-request-id"),
    ("connection", "x-forwarded-for"),
    ("connection", "host"),
    ("connection", ":path"),
    ("connection", "a,b,c,d,e,f,g,h,i"),
    ("connection", "a,b,c,d,e,f,g,h,i,j"),
    ("keep-alive", "1"),
    ("te", "trailers"),
    ("te", "gzip, trailers"),
    ("te", "gzip"),
    ("referer", "https://shop.example/a?b"),
    ("referer", "https://shop.example/#f"),
    ("referer", "/a:b"),
    ("x-request-id", ""),
    ("x-request-id", "mine"),
    ("expect", "something"),
    ("upgrade", "x"),
    ("x-envoy-original-path", "/o"),
    ("x-envoy-original-url", "/o"),
    ("x-envoy-retry-on", "5xx"),
    ("x-envoy-upstream-stream-duration-ms", "1"),
    ("x-envoy-anything", "1"),
)
_TARGETS = (
    "/a/../b",
    "/./a",
    "//a",
    "/%2e%2e/a",
    "/a\\b",
    "/a..",
    "/a/..;v=1/b",
    "/%00",
    "/a?q=a#f",
    "/%61",
    "/a%5cb",
)


def spoil(choices: Choices, conditions: Sequence[Matcher], draft: Draft, named: Sequence[Read] = ()) -> None:
    """Changes one thing: most often what one of the conditions looks at, now and then what else is looked at."""
    if named and choices.chance(12):
        kind, name = choices.pick(named)
        {"header": _values, "cookie": _cookie, "query": _query}[kind](choices, draft, name)
        return
    if not conditions or choices.chance(25):
        choices.pick((_noise, _upgrade, _host, _path, _proto, _connect))(choices, draft)
        return
    asked = choices.pick(conditions)
    if isinstance(asked, PathMatcher):
        (_path if draft.method != "CONNECT" else _connect)(choices, draft)
    elif isinstance(asked, HeaderMatcher):
        _header(choices, draft, asked)
    elif isinstance(asked, GrpcMatcher):
        _values(choices, draft, "content-type")
    elif isinstance(asked, QueryParameterMatcher):
        _query(choices, draft, asked.name)
    elif isinstance(asked, CookieMatcher):
        _cookie(choices, draft, asked.name)
    elif isinstance(asked, MetadataMatcher):
        draft.metadata = choices.pick(({}, {asked.filter: {}}, {asked.filter: {asked.path[0]: "other"}}))
    else:
        _noise(choices, draft)


def _near(choices: Choices, text: str) -> str:
    """A text almost like another one."""
    kind = choices.integer(0, 7)
    if kind == 0:
        return text[:-1]
    if kind == 1:
        return recased(text)
    if kind == 2:
        return text[1:]
    if kind == 3:
        return choices.pick(("x", ",", "b", "%", '"')) + text
    if kind == 4:
        return choices.pick(VALUES)
    if kind == 5:
        at = choices.integer(0, len(text))
        return f"{text[:at]} {text[at:]}"
    return text + choices.pick(("x", ",b", "/", "a", ";", " b"))


def _path(choices: Choices, draft: Draft) -> None:
    path = draft.path
    at = choices.integer(0, max(0, len(path) - 1))
    kind = choices.integer(0, 13)
    if kind <= 1:
        draft.path = path[:-1] or "/b"
    elif kind <= 3:
        draft.path = path + choices.pick(("x", "/", "/b", "//", "%2F", ".", ";v=1", "%20", "\\b", "/.", "/x/.."))
    elif kind == 4:
        draft.path = recased(path)
    elif kind == 5:  # the same path for who decodes
        draft.path = (
            f"{path[:at]}%{ord(path[at]) & 255:02{choices.pick('Xx')}}{path[at + 1 :]}" if path[at:] else "/%61"
        )
    elif kind == 6:  # parameters of a segment in the middle
        end = path.find("/", at + 1)
        draft.path = path + ";v=1" if end < 0 else path[:end] + ";v=1" + path[end:]
    elif kind == 7:  # segments that come to nothing
        draft.path = choices.pick(("/.", "/x/..", "/%2e", "/x/%2E.", "/", "/x/..;v")) + path
    elif kind == 8:
        draft.path = path.replace("/", choices.pick(("//", "/./", "%2f", "%5C", "\\")), 2 - choices.integer(0, 1))
    elif kind == 9:
        draft.path = path[:at] + path[at + 1 :]
    elif kind == 10:
        draft.tail = choices.pick(("?", "?x", "#f"))
    elif kind == 11:
        draft.path = choices.pick(_TARGETS)
    elif kind == 12 and draft.method == "OPTIONS":
        draft.path = "*"
    else:
        draft.path = choices.pick(PATHS)
    draft.path = draft.path or "/"


def _header(choices: Choices, draft: Draft, asked: HeaderMatcher) -> None:
    name = asked.view.header
    if name == ":method":
        told = asked.value.value if asked.invert and isinstance(asked.value, StringMatcher) else ""
        draft.method = told if told in METHODS and choices.chance(50) else choices.pick(METHODS)
    elif name == ":authority":
        _host(choices, draft)
    elif name == ":path":
        choices.pick((_path, _query_of))(choices, draft)
    elif name == ":scheme" or (name == "x-forwarded-proto" and choices.chance(50)):
        _proto(choices, draft)
    elif asked.invert and isinstance(asked.value, StringMatcher) and choices.chance(80):
        text = choices.pick((asked.value.value, asked.value.value, f"x{asked.value.value}", "a", "ab"))
        draft.set(name, choices.pick(((text,), (text,), ("zz", text))))
    else:
        _values(choices, draft, name)


def _values(choices: Choices, draft: Draft, name: str) -> None:
    """Other values of a header, or lines."""
    before = draft.values(name)
    if before is None:
        draft.set(name, choices.pick(((choices.pick(VALUES),), ("",), ("a",), ("a", "b"))))
        return
    value = before[0]
    kind = choices.integer(0, 8)
    if kind <= 1:
        draft.set(name, None)
    elif kind == 2:
        draft.set(name, ("",))
    elif kind == 3:
        other = choices.pick((choices.pick(VALUES), "", value, "zz"))
        draft.set(name, choices.pick(((*before, other), (other, *before))))
    elif kind == 4:  # blanks around are no part of it
        draft.set(name, (f" {value}\t",))
    elif kind == 5 and choices.chance(40):
        draft.headers.append(("connection", name))
    else:
        draft.set(name, (_near(choices, value),))


def _query_of(choices: Choices, draft: Draft) -> None:
    _query(choices, draft, choices.pick(KEYS))


def _query(choices: Choices, draft: Draft, name: str) -> None:
    at = next((i for i, piece in enumerate(draft.queries) if piece.partition("=")[0] == name), None)
    other = choices.pick(("", "zz", *VALUES[:5]))
    if at is None:
        draft.queries.insert(0, choices.pick((f"{name}={other}", name)))
        return
    piece = draft.queries[at]
    value = piece.partition("=")[2]
    kind = choices.integer(0, 11)
    if kind <= 1:
        del draft.queries[at]
    elif kind == 2:
        draft.queries[at] = choices.pick((f"{name}=", name))
    elif kind == 3:
        draft.queries.insert(0, f"{name}={other}")
    elif kind == 4:
        draft.queries.append(f"{name}={other}")
    elif kind == 5:  # the same for who decodes
        draft.queries[at] = f"{name}=" + "".join(f"%{ord(char) & 255:02x}" for char in value[:1]) + value[1:]
    elif kind == 6:
        draft.queries[at] = f"%{ord(name[0]) & 255:02X}{name[1:]}={value}"
    elif kind == 7:
        draft.queries[at] = choices.pick((f"z;{piece}", f"{piece};z=1", f"?{piece}", f"{piece}="))
    elif kind == 8:
        draft.queries[at] = f"{recased(name)}={value}"
    elif kind == 9:
        draft.queries.reverse()
        draft.queries.append("")
    else:
        draft.queries[at] = f"{name}={_near(choices, value)}"


def _cookie(choices: Choices, draft: Draft, name: str) -> None:
    found = [
        (pieces, at)
        for pieces in draft.cookies
        for at, piece in enumerate(pieces)
        if piece.partition("=")[0] == name
    ]
    other = choices.pick(("", "zz", *VALUES[:5]))
    if not found:
        draft.cookies.append([choices.pick((f"{name}={other}", name, f'{name}="{other}"'))])
        return
    pieces, at = found[0]
    value = pieces[at].partition("=")[2]
    kind = choices.integer(0, 9)
    if kind <= 1:
        del pieces[at]
    elif kind == 2:
        pieces.insert(0, f"{name}={other}")
    elif kind == 3:
        draft.cookies.insert(0, [choices.pick((f"{name}={other}", name, f"{name.swapcase()}={value}"))])
    elif kind == 4:
        pieces[at] = choices.pick(
            (f'{name}="{value}"', f'{name}="{value}', f"{name}= {value}", f"{name} ={value}")
        )
    elif kind == 5:
        pieces[at] = choices.pick((name, f"{name}=", f"{recased(name)}={value}"))
    elif kind == 6:
        pieces[at] += choices.pick((";", ",x", "; z", " ", "=1"))
    else:
        pieces[at] = f"{name}={_near(choices, value)}"


def _host(choices: Choices, draft: Draft) -> None:
    host = draft.authority
    if draft.host_header and choices.chance(50):
        _values(choices, draft, draft.host_header)
        return
    kind = choices.integer(0, 8)
    if kind <= 1:
        draft.authority = host + choices.pick((":80", ":8080", ":", ":a", ":+80"))
    elif kind == 2:
        name, colon, port = host.rpartition(":")
        draft.authority = f"{name}.:{port}" if colon else f"{host}."
    elif kind == 3:
        draft.authority = recased(host)
    elif kind == 4:
        draft.authority = choices.pick(("x", "a.", "x-", ".")) + host
    elif kind == 5:
        draft.authority = host[1:]
    elif kind == 6:
        draft.authority = host[:-1]
    elif kind == 7:
        draft.authority = host.partition(":")[0]
    else:
        draft.authority = choices.pick(("", "unknown", f"{host},b"))


def _proto(choices: Choices, draft: Draft) -> None:
    kind = choices.integer(0, 6)
    if kind == 0:
        draft.set("x-forwarded-proto", None)
    elif kind == 1:
        draft.set("x-forwarded-proto", ("https", choices.pick(("http", "https", ""))))
    elif kind == 2:
        draft.scheme = choices.pick(("http", "https"))
    else:
        draft.set("x-forwarded-proto", (choices.pick(("https", "http", "HTTPS", "", "ftp")),))


def _upgrade(choices: Choices, draft: Draft) -> None:
    kind = choices.pick(("websocket", "x", "WebSocket", "h2c", "y"))
    draft.set("connection", choices.pick((("upgrade",), ("keep-alive, Upgrade",), ("close",))))
    draft.set("upgrade", (kind,))
    if kind == "h2c":
        draft.set("http2-settings", ("AAMAAABkAAQAAP__",))


def _connect(choices: Choices, draft: Draft) -> None:
    if draft.method == "CONNECT":
        draft.method = choices.pick(METHODS)
    elif choices.chance(50):
        draft.method = "CONNECT"
    else:
        _noise(choices, draft)


def _noise(choices: Choices, draft: Draft) -> None:
    """A header that is treated before routing, or one that some other route may ask for."""
    if choices.chance(65):
        name, value = choices.pick(_TREATED)
        if not (draft.internal and name == "x-forwarded-for"):  # with a second address it would not be from inside
            draft.headers.append((name, value))
    else:
        draft.headers.append((choices.pick(("x-a", "x-b", "x-canary", "x-user")), choices.pick(VALUES)))
