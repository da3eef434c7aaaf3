"""Traffic: columns, repetitions and mixes say which requests there are, and refuse what makes no sense."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import canarysim as cs
from canarysim.engine.traffic import Mix, Rows

A, B = cs.Request("/a"), cs.Request("/b", headers={"x-canary": "true"})


def in_order(traffic: cs.Traffic, block: int = 7) -> list[cs.Request]:
    """Every request of a fixed composition, one by one."""
    found = []
    for part in traffic.parts:
        assert isinstance(part, Rows)
        for codes, _ in part.blocks(block):
            assert len(codes) <= block
            found += [part.requests[code] for code in codes.tolist()]
    return found


@contextmanager
def refusal(code: str) -> Iterator[None]:
    with pytest.raises(cs.InvalidValue) as refused:
        yield
    assert refused.value.code == code


# Requests as keys


def test_equal_requests_are_one_key_however_they_were_written() -> None:
    same = [
        cs.Request("/a", headers={"X-A": "1", "x-b": "2"}),
        cs.Request("/a", headers=[("x-a", "1"), ("X-B", "2")]),
        cs.Request.parse("GET /a x-a:1 x-b:2"),
    ]
    assert len(set(same)) == 1
    assert {cs.Request("/a", headers={"x-a": ""}): 1}.get(cs.Request("/a")) is None


# Repetitions, mixes, compositions


@pytest.mark.parametrize("n", [0, 1, 3, np.int64(5), 10**15, 2**63 - 1])
def test_a_repetition_is_its_request_n_times(n: int) -> None:
    traffic = cs.Traffic.repeat(A, n)
    assert len(traffic) == traffic.n == n
    assert traffic.requests() == {A: n}


def test_text_stands_for_the_request_it_spells() -> None:
    assert cs.Traffic.repeat("GET /b x-canary:true", 2).requests() == {B: 2}
    assert cs.Traffic.mix({"GET /a": 1}, 2).requests() == {A: 2}


@pytest.mark.parametrize(
    ("n", "error"),
    [(-1, cs.InvalidValue), (2**63, cs.InvalidValue), (1.0, TypeError), (True, TypeError), ("1", TypeError)],
)
def test_a_number_of_requests_must_make_sense(n: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        cs.Traffic.repeat(A, n)
    with pytest.raises(error):
        cs.Traffic.mix({A: 1}, n)


@pytest.mark.parametrize(
    "shares",
    [
        (0.9, 0.1),  # floats mean what they print, though 0.1 is not 1/10
        ("90%", "10 %"),
        ("9/10", "0.1"),
        (Fraction(9, 10), Decimal("0.1")),
        (0.9, "10%"),
        (9, 1),  # weights
        (np.int64(90), 10),
        (np.float64(0.9), np.float64(0.1)),
    ],
)
def test_shares_may_be_written_in_many_ways(shares: tuple[Any, Any]) -> None:
    expected = {A: Fraction(9), B: Fraction(1)}
    assert cs.Traffic.mix(dict(zip((A, B), shares, strict=True)), 10).requests() == expected
    assert cs.Traffic.mix(list(zip((A, B), shares, strict=True)), 10).requests() == expected


def test_floats_that_miss_1_by_rounding_are_made_to_add_up() -> None:
    thirds = cs.Traffic.mix([("/a", 1 / 3), ("/b", 1 / 3), ("/c", 1 / 3)], 3)
    (part,) = thirds.parts
    assert isinstance(part, Mix)
    assert part.shares == (Fraction(1, 3),) * 3


def test_a_request_that_stands_twice_in_a_mix_has_the_sum() -> None:
    assert cs.Traffic.mix([("/a", "20%"), ("/b", "50%"), ("GET /a", "30%")], 2).requests() == {
        A: 1,
        cs.Request("/b"): 1,
    }


@pytest.mark.parametrize(
    ("shares", "code"),
    [
        ((0.9, 0.2), "shares_do_not_add_to_1"),
        (("1/3", "1/3"), "shares_do_not_add_to_1"),
        ((0.5, 0.499999), "shares_do_not_add_to_1"),
        ((0, 0), "shares_do_not_add_to_1"),
        ((Fraction(9), Fraction(1)), "shares_do_not_add_to_1"),  # only ints are weights
        ((1.1, -0.1), "negative_share"),
        ((2, -1), "negative_share"),
        ((float("nan"), 1), "bad_share"),
        ((float("inf"), 1), "bad_share"),
        ((True, 0), "bad_share"),
        ((None, 1), "bad_share"),
        (("a lot", 1), "bad_share"),
        (("1/0", 1), "bad_share"),
        (("%", 1), "bad_share"),
    ],
)
def test_shares_that_make_no_sense_are_refused(shares: tuple[Any, Any], code: str) -> None:
    with refusal(code):
        cs.Traffic.mix(dict(zip((A, B), shares, strict=True)), 10)


def test_what_is_no_mix_and_no_traffic_is_refused() -> None:
    with refusal("no_request"):
        cs.Traffic.mix({}, 10)
    with pytest.raises(TypeError, match="mapping"):
        cs.Traffic.mix("GET /a", 10)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bytes"):
        cs.Traffic.repeat(b"/a", 10)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Request"):
        cs.Traffic.concat(A)  # type: ignore[arg-type]
    with refusal("count_too_large"):
        cs.Traffic.concat(cs.Traffic.repeat(A, 2**62), cs.Traffic.repeat(B, 2**62))


def test_a_composition_has_the_requests_of_its_pieces_in_order() -> None:
    columns = cs.Traffic.from_columns(path=["/a", "/c", "/a"])
    traffic = cs.Traffic.concat(cs.Traffic.repeat(A, 2), columns, cs.Traffic.repeat(B, 1), cs.Traffic.concat())
    c = cs.Request("/c")
    assert in_order(traffic) == [A, A, A, c, A, B]
    assert list(traffic.requests().items()) == [(A, 4), (c, 1), (B, 1)]
    mixed = cs.Traffic.concat(traffic, cs.Traffic.mix({B: "50%", A: "50%"}, 5))
    assert mixed.requests() == {A: Fraction(13, 2), c: 1, B: Fraction(7, 2)}
    assert sum(mixed.requests().values()) == len(mixed) == 11


def test_a_traffic_says_how_much_of_what_it_is() -> None:
    traffic = cs.Traffic.concat(cs.Traffic.repeat(A, 1200), cs.Traffic.mix({A: 1, B: 1}, 30))
    assert repr(traffic) == "<Traffic 1,230 requests, 2 distinct, 30 of them drawn>"
    assert repr(cs.Traffic.concat()) == "<Traffic 0 requests, 0 distinct>"


# Columns

TEXTS = st.sampled_from(["", "/a", "/b", "true", "é"])


@st.composite
def a_column(draw: st.DrawFn, n: int, *, missing: bool) -> tuple[Any, list[str | None]]:
    """A column in one of the forms it may have, and its texts."""
    texts = TEXTS | st.none() if missing else TEXTS
    form = draw(st.sampled_from(["one text", "list", "tuple", "object array", "text array", "column"]))
    if form == "one text":
        text = draw(texts)
        return text, [text] * n
    if form == "column":
        categories = draw(st.lists(texts, min_size=1, max_size=6))  # a category may stand twice
        codes = draw(st.lists(st.integers(0, len(categories) - 1), min_size=n, max_size=n))
        dtype = draw(st.sampled_from(["i1", ">i8", "u2"]))
        return cs.Column(np.array(codes, dtype), categories), [categories[code] for code in codes]
    if form == "text array":
        found = draw(st.lists(TEXTS, min_size=n, max_size=n))
        return np.array(found, "U9"), list(found)
    values = draw(st.lists(texts, min_size=n, max_size=n))
    if form == "object array":
        return np.array(values, object), values
    return (tuple(values) if form == "tuple" else values), values


@given(st.data(), st.integers(1, 12))
@settings(max_examples=60)
def test_a_row_is_the_request_of_its_texts(data: st.DataObject, n: int) -> None:
    path, paths = data.draw(a_column(n, missing=False))
    method, methods = data.draw(a_column(n, missing=False))
    authority, authorities = data.draw(a_column(n, missing=False))
    scheme, schemes = data.draw(a_column(n, missing=True))
    names = data.draw(st.lists(st.sampled_from(["x-a", "X-A", "x-b"]), max_size=3))
    headers = [(name, data.draw(a_column(n, missing=True))) for name in names]
    counts = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    traffic = cs.Traffic.from_columns(
        path=path,
        method=method,
        authority=authority,
        scheme=scheme,
        headers=[(name, column) for name, (column, _) in headers],
        counts=counts,
    )
    expected = [
        cs.Request(
            str(paths[i]),
            method=str(methods[i]),
            authority=str(authorities[i]),
            scheme=schemes[i],
            headers=[(name, str(texts[i])) for name, (_, texts) in headers if texts[i] is not None],
        )
        for i in range(n)
    ]
    assert in_order(traffic) == [
        request for request, count in zip(expected, counts, strict=True) for _ in range(count)
    ]
    numbers: Counter[cs.Request] = Counter()
    for request, count in zip(expected, counts, strict=True):
        numbers[request] += count
    assert list(traffic.requests().items()) == list(numbers.items())


def test_a_missing_header_is_not_an_empty_one() -> None:
    traffic = cs.Traffic.from_columns(path="/", headers={"x-a": [None, "", "1"]})
    assert [request.headers for request in in_order(traffic)] == [(), (("x-a", ""),), (("x-a", "1"),)]


def test_texts_alone_are_one_row() -> None:
    assert in_order(cs.Traffic.from_columns(path="/a")) == [A]
    assert cs.Traffic.from_columns(path="/a", counts=[2, 3]).requests() == {A: 5}
    assert len(cs.Traffic.from_columns(path=[])) == 0


def test_counts_beyond_what_floats_hold_are_exact() -> None:
    traffic = cs.Traffic.from_columns(path=["/a", "/b", "/a"], counts=[2**53 + 1, 1, 2])
    assert traffic.requests() == {A: 2**53 + 3, cs.Request("/b"): 1}


def test_random_values_stay_with_their_rows() -> None:
    values = [2**64 - 1, 0, 7]
    traffic = cs.Traffic.from_columns(path=["/a", "/b", "/c"], counts=[1, 2, 0], random_values=values)
    (part,) = traffic.parts
    assert isinstance(part, Rows)
    replayed = [given.tolist() for _, given in part.blocks(2) if given is not None]
    assert replayed == [[2**64 - 1, 0], [0]]


@pytest.mark.parametrize(
    ("categories", "dtype"), [(1, "u1"), (256, "u1"), (257, "u2"), (65536, "u2"), (65537, "u4")]
)
def test_codes_take_the_smallest_unsigned_dtype_and_belong_to_the_column(categories: int, dtype: str) -> None:
    codes = np.array([0, categories - 1], np.int64)
    column = cs.Column(codes, map(str, range(categories)))
    assert column.codes.dtype == np.dtype(dtype)
    codes[0] = categories - 1
    assert column.codes.tolist() == [0, categories - 1]
    with pytest.raises(ValueError, match="read-only"):
        column.codes[0] = 1


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"path": ["/a", "/b"], "method": ["GET"]}, "lengths_differ"),
        ({"path": ["/a", "/b"], "headers": {"x": cs.Column([0], ["a"])}}, "lengths_differ"),
        ({"path": ["/a", "/b"], "counts": [1]}, "lengths_differ"),
        ({"path": ["/a", "/b"], "random_values": [1, 2, 3]}, "lengths_differ"),
        ({"path": [b"/a"]}, "not_text"),
        ({"path": np.array([b"/a"])}, "not_text"),
        ({"path": [1]}, "not_text"),
        ({"path": "/", "headers": {"x": ["a", float("nan")]}}, "not_text"),
        ({"path": "/", "headers": {"x": [["a"]]}}, "not_text"),
        ({"path": "/", "headers": {"x": 1}}, "bad_column"),
        ({"path": "/", "headers": {"x": b"a"}}, "bad_column"),
        ({"path": {"/a": 1}}, "bad_column"),
        ({"path": np.array([["/a"]])}, "bad_column"),
        ({"path": ["/a", None]}, "missing_text"),
        ({"path": None}, "missing_text"),
        ({"path": "/", "method": cs.Column([0], ["GET", None])}, "missing_text"),
        ({"path": "/", "authority": None}, "missing_text"),
        ({"path": "/", "headers": {":path": "x"}}, "bad_header_name"),
        ({"path": [], "headers": {"": []}}, "bad_header_name"),
        ({"path": "/", "counts": [1.5]}, "bad_counts"),
        ({"path": "/", "counts": 3}, "bad_counts"),
        ({"path": "/", "counts": [True]}, "bad_counts"),
        ({"path": "/", "counts": [3, -1]}, "negative_count"),
        ({"path": "/", "counts": np.array([2**63], np.uint64)}, "count_too_large"),
        ({"path": "/", "counts": [2**62, 2**62]}, "count_too_large"),
        ({"path": "/", "random_values": [-1]}, "negative_random_value"),
        ({"path": "/", "random_values": [2**64]}, "random_value_too_large"),
        ({"path": "/", "random_values": [[1]]}, "bad_column"),
    ],
)
def test_columns_that_make_no_sense_are_refused(columns: dict[str, Any], code: str) -> None:
    with refusal(code):
        cs.Traffic.from_columns(**columns)


def test_a_refusal_names_the_column_and_the_row() -> None:
    of_pandas: Any = ["", float("nan")]
    with pytest.raises(cs.InvalidValue, match="row 1 of header x-a is nan, not a str; write None") as refused:
        cs.Traffic.from_columns(path="/", headers={"x-a": of_pandas})
    assert refused.value.values["row"] == 1
    with pytest.raises(cs.InvalidValue, match="path 2, header x-a 3"):
        cs.Traffic.from_columns(path=["/a", "/b"], headers={"x-a": ["", "", ""]})
    with pytest.raises(TypeError, match=r"not 1\.0"):
        cs.Traffic.from_columns(path="/", random_values=[1.0])


@pytest.mark.parametrize(
    ("codes", "categories", "code"),
    [
        ([0, 2], ["a", "b"], "unknown_code"),
        ([0, -1], ["a", "b"], "unknown_code"),
        ([0], [], "unknown_code"),
        ([0.0], ["a"], "bad_codes"),
        ([True], ["a"], "bad_codes"),
        ([[0]], ["a"], "bad_codes"),
        ([0], [1], "not_text"),
        ([0], [b"a"], "not_text"),
        ([0], "a", "not_text"),
    ],
)
def test_a_column_whose_codes_and_categories_do_not_fit_is_refused(codes: Any, categories: Any, code: str) -> None:
    with refusal(code):
        cs.Column(codes, categories)


def test_nothing_of_this_is_loaded_before_it_is_used() -> None:
    code = (
        "import canarysim as cs, sys; cs.preview, cs.load; a = 'numpy' in sys.modules; cs.Traffic; "
        "b = 'numpy' in sys.modules; sys.exit(0 if (a, b) == (False, True) else 1)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
