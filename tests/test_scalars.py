"""Scalars by the type of their field: Go's YAML and protobuf's JSON, as Kubernetes reads manifests."""

from __future__ import annotations

import pytest

from canarysim.manifests.document import Mapping, Scalar, read_documents
from canarysim.manifests.scalars import WrongType, is_null, to_bool, to_int, to_text


def scalar(text: str) -> Scalar:
    (document,), problems = read_documents(f"k: {text}\n", "f")
    assert not problems
    assert isinstance(document, Mapping)
    value = document.get("k")
    assert isinstance(value, Scalar)
    return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("abc", "abc"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("1.2.3", "1.2.3"),
        ("v1", "v1"),
        ("'~'", "~"),
        ("!!str 12", "12"),
        ("=", "="),
        ("1e", "1e"),
        ("''", ""),
    ],
)
def test_text_stays_text(text: str, value: str) -> None:
    assert to_text(scalar(text)) == value


@pytest.mark.parametrize(
    "text",
    [
        *("1", "-1", "+1", "1.5", "1e3", ".5", "010", "0x1f", "0b1", "1_000", ".inf", ".nan", "1."),
        *("y", "N", "yes", "No", "on", "OFF", "true", "False"),
    ],
)
def test_numbers_and_booleans_where_text_belongs_are_to_be_quoted(text: str) -> None:
    with pytest.raises(WrongType) as caught:
        to_text(scalar(text))
    assert caught.value.hint == f'quote it: "{text}"'


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null_is_absent(text: str) -> None:
    assert is_null(scalar(text))


@pytest.mark.parametrize("text", ["'null'", "'~'", "''", "none", "nil"])
def test_other_text_is_not_null(text: str) -> None:
    assert not is_null(scalar(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("True", True),
        ("yes", True),
        ("on", True),
        ("y", True),
        ("false", False),
        ("off", False),
    ],
)
def test_booleans(text: str, value: bool) -> None:
    assert to_bool(scalar(text)) is value


@pytest.mark.parametrize("text", ["'true'", "1", "0", "tRUE", "x"])
def test_other_values_are_no_booleans(text: str) -> None:
    with pytest.raises(WrongType):
        to_bool(scalar(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("10.0", 10),
        ("'10'", 10),
        ("1e2", 100),
        ("010", 8),
        ("0x10", 16),
        ("1_000", 1000),
        ("+5", 5),
        ("0", 0),
        ("4294967295", 4294967295),
    ],
)
def test_whole_numbers(text: str, value: int) -> None:
    assert to_int(scalar(text), 0, 2**32 - 1) == value


@pytest.mark.parametrize(
    "text",
    [
        "10.5",
        "-1",
        "4294967296",
        "99999999999999999999",
        "1e400",
        "'x'",
        "true",
        "ten",
        "' 1'",
        ".inf",
        ".nan",
    ],
)
def test_what_is_no_whole_number_in_range_is_refused(text: str) -> None:
    with pytest.raises(WrongType):
        to_int(scalar(text), 0, 2**32 - 1)
