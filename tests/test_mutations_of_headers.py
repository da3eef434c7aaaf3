"""Format strings and header mutations; the cases here are run on Envoy by tests/envoy/test_header_mutations.py."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from canarysim.errors import InvalidValue
from canarysim.table.formats import Command, FormatString
from canarysim.table.http import Invented
from canarysim.table.mutations import (
    AppendAction,
    HeaderMutations,
    HeaderToAdd,
    apply_all,
    direct_response_headers,
    in_order,
    sent_upstream,
)
from canarysim.table.values import Undetermined

from .envoy.questions import Raw

Pair = tuple[str, str]


class Stand:
    """A request as the router sees it, as far as formats look at it; ``fields`` are its headers."""

    def __init__(
        self,
        path: str = "/",
        authority: str = "h",
        fields: Iterable[Pair] = (),
        *,
        method: str = "GET",
        address: str = "",
    ) -> None:
        self.path = path
        self.address = address
        self.fields = tuple(fields)
        self._pseudo = {":path": path, ":authority": authority, ":method": method, ":scheme": "http"}

    def values(self, name: str) -> tuple[str, ...]:
        if name in self._pseudo:
            return (self._pseudo[name],)
        return tuple(value for field, value in self.fields if field == name)


def add(
    name: str, value: str, action: AppendAction = "APPEND_IF_EXISTS_OR_ADD", *, keep: bool = False
) -> HeaderToAdd:
    return HeaderToAdd(name, FormatString(value), action, keep)


ABSENT: AppendAction = "ADD_IF_ABSENT"
SET: AppendAction = "OVERWRITE_IF_EXISTS_OR_ADD"
REPLACE: AppendAction = "OVERWRITE_IF_EXISTS"


def level(*added: HeaderToAdd, remove: Iterable[str] = ()) -> HeaderMutations:
    return HeaderMutations(added, tuple(remove))


#: Format strings that 1.40 loads, some of which 1.36 does not know.
ACCEPTED = [
    *("", "%%", "x%%y", "%REQ(a)%%%", "%REQ(a)%%REQ(b)%", "é%REQ(a)%é", "%REQ(a?b)%", "%REQ(a?)%", "%REQ(?)%"),
    *("%REQ(:foo)%", "%REQ(a%b)%", "%REQ(a):0%", "%REQ(a):007%", "%REQ(a):18446744073709551615%"),
    *("%PROTOCOL()%", "%START_TIME(%Y)%", "%GRPC_STATUS(NUMBER)%", "%GRPC_STATUS_NUMBER%", "%PATH(NQ:PATH:X)%"),
    *("%PATH(:ORIG):3%", "%PATH:3%", "%FILTER_STATE(a)%", "%FILTER_STATE(a:):3%", "%FILTER_STATE(a:TYPED:)%"),
    *("%FILTER_STATE(a:FIELD:b:c)%", "%PER_REQUEST_STATE(a)%", "%PER_REQUEST_STATE(a:TYPED:)%"),
    *("%METADATA(ROUTE)%", "%METADATA(LISTENER_FILTER_CHAIN:a)%", "%COMMON_DURATION(a:b)%"),
    *(
        "%COMMON_DURATION(::us)%",
        '%UPSTREAM_METADATA(["a","b"])%',
        "%DYNAMIC_METADATA(a:b):3%",
        "%QUERY_PARAM(a):3%",
    ),
    *(
        "%QUERY_PARAMS(DECODED)%",
        "%QUERY_PARAMS:3%",
        "%REQUEST_HEADER(a?b)%",
        "%RESPONSE_TRAILER(a):2%",
        "%SPAN_ID%",
    ),
    *(
        "%REQUESTED_SERVER_NAME(SNI_FIRST:HOST:x)%",
        "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(a)%",
        "%LISTENER_NAME%",
    ),
]
#: Format strings that neither version loads.
REFUSED = [
    *("%", "a%b", "%%%", "%req(a)%", "%REQ (a)%", "%REQ(a)", "%REQ(a)x%", "%REQ(a):%", "%REQ(a):-1%", "%REQ(a)%%"),
    *("%REQ%", "%REQ()%", "%REQ(a?b?c)%", "%REQ(a b)%", "%REQ(a:b)%", "%REQ(:)%", "%REQ(é)%", "%REQ((a))%"),
    *("%REQ(a):18446744073709551616%", "%FOO%", "%1%", "%PROTOCOL(a)%", "%PROTOCOL:5%", "%START_TIME():5%"),
    *("%START_TIME(%-_3En)%", "%GRPC_STATUS(X)%", "%PATH(X)%", "%PATH(WQ:X)%", "%FILTER_STATE()%"),
    *("%FILTER_STATE(a:X)%", "%FILTER_STATE(a:FIELD)%", "%FILTER_STATE(a:PLAIN:b)%", "%PER_REQUEST_STATE%"),
    *("%PER_REQUEST_STATE(a):3%", "%METADATA(X:a)%", "%COMMON_DURATION(a)%", "%COMMON_DURATION(a:b:s)%"),
    *("%RESPONSE_FLAGS(a)%", "%ENVIRONMENT%", "%UPSTREAM_METADATA(a):3%", "%QUERY_PARAM()%", "%QUERY_PARAMS(X)%"),
    *("%REQUESTED_SERVER_NAME(X)%", "%VIRTUAL_HOST_NAME%"),
]
RENDERED_FROM = Raw(
    "/p/q?k=v1&z&e=",
    host="HoSt:80",
    headers=[
        *(("a", "abc"), ("r", "r1"), ("r", "r2"), ("e", ""), ("u", "\xc3\xa9\xe9"), ("a%b", "pc")),
        *(("user-agent", "1"), ("user-agent", "2")),
    ],
)
#: What a request determines.
RENDERED = [
    *("%REQ(a)%", "[%REQ(none)%]", "%REQ(none)%", "%REQ(a):2%", "%REQ(a):0%", "[%REQ(e)%]", "[%REQ(e?a)%]"),
    *("[%REQ(none?a)%]", "[%REQ(none?e)%]", "[%REQ(none?none2)%]", "[%REQ(a?)%]", "[%REQ(?a)%]", "%REQ(r)%"),
    *(
        "%REQ(A)%",
        "[%REQ(HOST)%]",
        "[%REQ(:authority)%]",
        "[%REQ(:path)%]",
        "[%REQ(:method)%]",
        "[%REQ(:scheme)%]",
    ),
    *("[%REQ(:foo)%]", "[%REQ(user-agent)%]", "[%REQ(a%b)%]", "%%", "a%%b", "100%%%%", "[x]", "é", "[%PATH%]"),
    *("[%PATH()%]", "[%PATH(NQ)%]", "[%PATH(WQ:PATH):3%]", "[%PATH(NQ:ORIG)%]", "[%PATH(WQ:ORIG_OR_PATH)%]"),
    *("[%PATH(:PATH)%]", "[%PATH:3%]", "[%QUERY_PARAM(k)%]", "[%QUERY_PARAM(none)%]", "[%QUERY_PARAM(k):1%]"),
    *("[%QUERY_PARAM(z)%]", "[%QUERY_PARAM(e)%]", "[%STREAM_INFO_REQ(a)%]", "[%RESP(a)%]", "[%TRAILER(a)%]"),
    *("[%REQ(x-forwarded-proto)%]", "[%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%]", "%REQ(a):1%%REQ(r):1%"),
]

#: Mutations of one level, the headers before, and those after.
CASES: list[tuple[HeaderMutations, list[Pair], list[Pair]]] = [
    (level(add("a", "n", SET)), [("a", "1"), ("b", "2"), ("a", "3")], [("b", "2"), ("a", "n")]),
    (level(add("a", "n", REPLACE)), [("a", "1"), ("b", "2"), ("a", "3")], [("b", "2"), ("a", "n")]),
    (level(add("a", "n", REPLACE)), [("b", "2")], [("b", "2")]),
    (level(add("a", "1", ABSENT), add("a", "2", ABSENT)), [], [("a", "1"), ("a", "2")]),
    (level(add("a", "1"), add("a", "2", ABSENT)), [], [("a", "1"), ("a", "2")]),
    (level(add("a", "1", ABSENT)), [("a", "")], [("a", "")]),
    (level(add("a", "1"), add("a", "2", SET)), [], [("a", "2"), ("a", "1")]),
    (level(add("a", "1", SET), add("a", "2", SET)), [], [("a", "2")]),
    (level(add("b", "w", REPLACE), add("b", "y", SET)), [("b", "2")], [("b", "y")]),
    (
        level(add("a", "%REQ(b)%"), add("b", "%REQ(a)%", SET)),
        [("a", "1"), ("b", "2")],
        [("a", "1"), ("b", "1"), ("a", "2")],
    ),
    (level(add("d", "[%REQ(a)%]"), remove=["a"]), [("a", "1"), ("b", "2")], [("b", "2"), ("d", "[]")]),
    (level(add("a", "x"), remove=["A"]), [("a", "1"), ("b", "2")], [("b", "2"), ("a", "x")]),
    (level(add("a", "", SET)), [("a", "1"), ("b", "2")], [("a", "1"), ("b", "2")]),
    (level(add("a", "%REQ(none)%", SET)), [("a", "1")], [("a", "1")]),
    (level(add("a", "", SET, keep=True)), [("a", "1"), ("b", "2")], [("b", "2"), ("a", "")]),
    (level(add("User-Agent", "x")), [("user-agent", "1"), ("b", "2")], [("user-agent", "1,x"), ("b", "2")]),
    (level(add("User-Agent", "x")), [("user-agent", ""), ("b", "2")], [("user-agent", "x"), ("b", "2")]),
    (level(add("User-Agent", "", keep=True)), [("user-agent", "1")], [("user-agent", "1")]),
    (level(add("User-Agent", "x", SET)), [("user-agent", "1"), ("b", "2")], [("b", "2"), ("user-agent", "x")]),
    (level(add("via", "x", ABSENT), add("via", "y", ABSENT)), [], [("via", "x,y")]),
    (
        level(add("cookie", "z=1")),
        [("cookie", "a=1"), ("b", "2")],
        [("cookie", "a=1"), ("b", "2"), ("cookie", "z=1")],
    ),
    (level(remove=["cookie"]), [("cookie", "a=1"), ("b", "2"), ("cookie", "c=2")], [("b", "2")]),
    (level(add("e", " sp ace ")), [], [("e", " sp ace ")]),
]


@pytest.mark.parametrize("mutations, before, after", CASES)
def test_one_level(mutations: HeaderMutations, before: list[Pair], after: list[Pair]) -> None:
    found = apply_all([mutations], before, Stand(fields=before))
    assert (list(found.fields), found.open) == (after, {})


def test_a_format_is_text_and_commands() -> None:
    found = FormatString("a%%%REQ(x?y):3%%PATH%")
    assert found.commands == (Command("REQ", "x?y", 3), Command("PATH"))
    assert [str(command) for command in found.commands] == ["%REQ(x?y):3%", "%PATH%"]


@pytest.mark.parametrize("text", REFUSED)
def test_bad_formats_are_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        FormatString(text)
    assert caught.value.code == "bad_format"


@pytest.mark.parametrize("text", ACCEPTED)
def test_good_formats_load(text: str) -> None:
    assert FormatString(text).why_refused("1.40") is None


def test_what_only_one_version_loads() -> None:
    assert FormatString("%SPAN_ID%").why_refused("1.36") == "Envoy 1.36 knows no command SPAN_ID"
    assert FormatString("%DYNAMIC_METADATA(a):3%").why_refused("1.36") == "DYNAMIC_METADATA takes no length"
    with pytest.raises(InvalidValue):
        FormatString("%PER_REQUEST_STATE(a)%", in_header=False)


@pytest.mark.parametrize(
    "text, named",
    [
        ("%REQ(a)% %START_TIME% %HOSTNAME%", "%START_TIME%"),
        ("%QUERY_PARAMS(DECODED)%", "%QUERY_PARAMS(DECODED)%"),
        ("%PER_REQUEST_STATE(a)%", "%FILTER_STATE(a:PLAIN)%"),
        ('%%UPSTREAM_METADATA(["a","b"])%%', "UPSTREAM_METADATA"),
    ],
)
def test_a_format_tells_which_command_it_does_not_know(text: str, named: str) -> None:
    found = FormatString(text)
    assert named in (found.why_unknown or "")
    assert found.render(Stand(), ()) == Undetermined(found.why_unknown or "")


@pytest.mark.parametrize(
    "text, path",
    [
        ("%REQ(x-request-id)%", "/"),
        ("%REQ(none?x-request-id):3%", "/"),
        ("%RESP(date)%", "/"),
        ("%PATH%", "/"),
        ("%QUERY_PARAM(k)%", "/?k=%41"),
        ("%REQ(x-envoy-expected-rq-timeout-ms)%", "/"),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "/"),
    ],
)
def test_values_that_envoy_makes_up_are_not_rendered(text: str, path: str) -> None:
    fields = [("x-request-id", Invented("<uuid>")), ("x-envoy-original-path", Invented("?"))]
    found = FormatString(text)
    assert found.why_unknown is None
    assert isinstance(found.render(Stand(path), fields, response=[("date", Invented("<now>"))]), Undetermined)


@pytest.mark.parametrize(
    "code, make",
    [
        ("bad_header_name", lambda: add("", "x")),
        ("bad_header_name", lambda: add(":path", "x")),
        ("bad_header_name", lambda: add("Host", "x")),
        ("bad_header_name", lambda: add("a\n", "x")),
        ("bad_header_name", lambda: add("é" * 8193, "x")),
        ("bad_header_name", lambda: HeaderMutations(remove=["hOst"])),
        ("bad_header_name", lambda: HeaderMutations(remove=[""])),
        ("bad_header_value", lambda: add("a", "x\r")),
        ("bad_header_value", lambda: add("a", "é" * 8193)),
        ("bad_header_value", lambda: HeaderToAdd("a", FormatString("x", in_header=False))),
        ("bad_append_action", lambda: add("a", "x", "APPEND")),  # type: ignore[arg-type]
        ("too_many_headers", lambda: level(*[add("a", "x")] * 1001)),
    ],
)
def test_what_envoy_refuses_cannot_be_made(code: str, make: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        make()
    assert caught.value.code == code


def test_levels_are_in_envoys_order() -> None:
    entry, route, host, table = (level(add("o", name)) for name in ("entry", "route", "host", "table"))
    assert in_order(entry, route, host, table) == (entry, route, host, table)
    assert in_order(entry, route, host, table, most_specific_wins=True) == (entry, table, host, route)
    assert in_order(None, route, level(), None) == (route,)


def test_to_envoy() -> None:
    found = level(add("X-A", "%%"), add("b", "", SET, keep=True), remove=["C"]).to_envoy("response")
    assert found == {
        "response_headers_to_add": [
            {"header": {"key": "X-A", "value": "%%"}},
            {"header": {"key": "b", "value": ""}, "append_action": SET, "keep_empty_value": True},
        ],
        "response_headers_to_remove": ["C"],
    }
    assert level().to_envoy() == {}


class TestOpen:
    """Headers whose values no request tells."""

    @staticmethod
    def after(
        *levels: HeaderMutations, fields: Iterable[Pair] = (("a", "1"), ("b", "2"))
    ) -> tuple[list[Pair], set[str]]:
        found = apply_all(levels, tuple(fields), Stand())
        return list(found.fields), set(found.open)

    def test_only_the_header_named_is_open(self) -> None:
        assert self.after(level(add("a", "%HOSTNAME%"))) == ([("b", "2")], {"a"})

    def test_what_is_made_of_it_is_open_too(self) -> None:
        levels = level(add("a", "%HOSTNAME%")), level(add("c", "x%REQ(a)%"), add("d", "%REQ(b)%"))
        assert self.after(*levels) == ([("b", "2"), ("d", "2")], {"a", "c"})

    def test_it_is_known_once_removed_or_overwritten(self) -> None:
        assert self.after(level(add("a", "%HOSTNAME%")), level(remove=["a"])) == ([("b", "2")], set())
        assert self.after(level(add("a", "%HOSTNAME%")), level(add("a", "n", SET))) == (
            [("b", "2"), ("a", "n")],
            set(),
        )

    def test_it_stays_open_where_its_presence_decides(self) -> None:
        for action in (ABSENT, REPLACE, "APPEND_IF_EXISTS_OR_ADD"):
            assert self.after(level(add("a", "%HOSTNAME%")), level(add("a", "n", action)))[1] == {"a"}

    def test_an_action_that_does_nothing_leaves_nothing_open(self) -> None:
        assert self.after(level(add("a", "%HOSTNAME%", ABSENT), add("c", "%HOSTNAME%", REPLACE)))[1] == set()

    def test_what_envoy_writes_itself_is_open_once_it_is_changed(self) -> None:
        assert self.after(level(remove=["content-length"]))[1] == {"content-length"}
        assert self.after(level(add("x-envoy-expected-rq-timeout-ms", "1")))[1] == {
            "x-envoy-expected-rq-timeout-ms"
        }

    def test_a_later_call_goes_on(self) -> None:
        first = apply_all([level(add("a", "%HOSTNAME%"))], [("a", "1")], Stand())
        then = apply_all([level(add("b", "%REQ(a)%"))], first, Stand())
        assert (then.fields, set(then.open)) == ((), {"a", "b"})
        response = apply_all(
            [level(add("r", "%REQ(a)%"), add("s", "%RESP(t)%"))], [("t", "u")], Stand(), request=first
        )
        assert (response.fields, set(response.open)) == ((("t", "u"), ("s", "u")), {"r"})

    def test_an_invented_value_stays_one(self) -> None:
        own = ("x-request-id", Invented("<uuid>"))
        found = apply_all([level(add("x-request-id", "x"))], [own], Stand())
        assert found.fields == (("x-request-id", "<uuid>,x"),)
        assert isinstance(found.fields[0][1], Invented)

    def test_headers_for_envoy_itself_are_dropped(self) -> None:
        found = apply_all([level(add("x-envoy-retry-on", "%HOSTNAME%"), add("b", "1"))], [], Stand())
        assert set(found.open) == {"x-envoy-retry-on"}
        assert sent_upstream(found, "1.40").fields == (("b", "1"),)
        assert sent_upstream(found, "1.40").open == {}


def test_direct_responses() -> None:
    def of(
        status: int, body: str, location: str | None, *levels: HeaderMutations, method: str = "GET"
    ) -> list[Pair]:
        found = direct_response_headers(status, body, location, levels, Stand(), (), "1.40", method=method)
        assert found.open == {}
        return list(found.fields)

    own = [("date", "<now>"), ("server", "envoy")]
    plain = [("content-length", "2"), ("content-type", "text/plain"), *own]
    location = ("location", "http://h/n")
    assert of(200, "hi", None) == plain
    assert of(200, "", None) == [*own, ("content-length", "0")]
    assert of(200, "", None, method="HEAD") == [*own, ("transfer-encoding", "chunked")]
    assert of(204, "", None) == own
    assert of(301, "", location[1]) == [location, *own, ("content-length", "0")]
    assert of(303, "é", location[1]) == [location, *plain]
    html = level(add("content-type", "text/html"))
    assert of(200, "hi", None, html) == [("content-type", "text/html"), ("content-length", "2"), *own]
    assert of(200, "", None, html) == [*own, ("content-length", "0")]
    appended = level(add("location", "zz"), add("s", "%RESP(:status)%"), add("server", "me"), add("date", "d"))
    assert of(301, "", location[1], appended) == [
        ("location", "http://h/n,zz"),
        *(("s", "301"), ("server", "envoy"), ("date", "d"), ("content-length", "0")),
    ]
