"""Requests as values, and the grammar people write them in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import canarysim as cs
from canarysim.request import octets, readable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET /findPets", cs.Request("/findPets")),
        ("/findPets", cs.Request("/findPets")),
        ("POST /x?y=1 a:b", cs.Request("/x?y=1", method="POST", headers={"a": "b"})),
        ("GET /x 'x-user:a b'", cs.Request("/x", headers={"x-user": "a b"})),
        ("GET /x x-user:", cs.Request("/x", headers={"x-user": ""})),
        ("GET /x a:1 A:2", cs.Request("/x", headers=[("a", "1"), ("a", "2")])),
        ("GET /x host:shop.example", cs.Request("/x", authority="shop.example")),
        ("GET http://shop.example/x", cs.Request("/x", authority="shop.example", scheme="http")),
        ("GET https://shop.example:8443", cs.Request("/", authority="shop.example:8443", scheme="https")),
        ("GET http://a/x host:b", cs.Request("/x", authority="a", scheme="http")),
        ("OPTIONS *", cs.Request("*", method="OPTIONS")),
        ("GET /a:b", cs.Request("/a:b")),
    ],
)
def test_text_is_read_as_the_request_it_names(text: str, expected: cs.Request) -> None:
    assert cs.Request.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "GET", "findPets", "GET findPets", "GET /x header", "GET /x :v", "GET '/x", "x:y"]
)
def test_text_that_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(cs.InvalidValue) as caught:
        cs.Request.parse(text)
    assert caught.value.code in ("bad_request_text", "bad_header_name")


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"headers": {"x": 1}}, TypeError, "write '1'"),
        ({"headers": "x:1"}, TypeError, "Request.parse"),
        ({"headers": [("a", "b", "c")]}, TypeError, "pairs"),
        ({"headers": {":path": "/"}}, cs.InvalidValue, "path="),
        ({"headers": {"": "x"}}, cs.InvalidValue, "header"),
        ({"headers": {"host": "a"}, "authority": "b"}, cs.InvalidValue, "once"),
        ({"method": 7}, TypeError, "method"),
        ({"scheme": 7}, TypeError, "scheme"),
    ],
)
def test_a_wrong_part_is_named(arguments: dict[str, object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        cs.Request("/", **arguments)  # type: ignore[arg-type]


def test_a_path_must_be_text() -> None:
    with pytest.raises(TypeError, match="path"):
        cs.Request(5)  # type: ignore[arg-type]


_text = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\x85"), max_size=8)
_name = st.text("abcXYZ-_09", min_size=1, max_size=6)


@given(
    path=_text.map(lambda t: "/" + "".join(t.split())),
    method=st.sampled_from(["GET", "POST", "M-SEARCH"]),
    authority=st.text("abc.:0", max_size=5),
    scheme=st.sampled_from([None, "http", "https"]),
    headers=st.lists(st.tuples(_name.filter(lambda n: n.lower() != "host"), _text.map(str.strip)), max_size=3),
)
def test_a_request_reads_back_from_its_own_text(
    path: str, method: str, authority: str, scheme: str | None, headers: list[tuple[str, str]]
) -> None:
    request = cs.Request(path, method=method, authority=authority, scheme=scheme, headers=headers)
    assert cs.Request.parse(str(request)) == request


@given(st.text())
def test_octets_are_the_bytes_of_the_text(text: str) -> None:
    try:
        expected = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        with pytest.raises(cs.InvalidValue):
            octets(text)
        return
    assert octets(text).encode("latin-1") == expected


def test_octets_are_shown_as_the_text_they_came_from() -> None:
    assert readable(octets("/é\u20ac")) == "/é\u20ac"
    assert readable("\xe9") == "\\xe9"
    assert readable("a\x00b") == "a\\x00b"
