"""Where several things of a request are refused before routing, Envoy says which comes first."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

import canarysim as cs
from canarysim.table.http import EscapedSlashes

from .judge import VERSIONS, Version
from .parity import disagreements

TABLE = {
    "name": "t",
    "virtual_hosts": [
        {"name": "h", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "c"}}]}
    ],
}
TOO_MANY = ("connection", "a,b,c,d,e,f,g,h,i,j")
HEADERS: list[list[tuple[str, str]]] = [
    [],
    [TOO_MANY],
    [("connection", "a,x-forwarded-for")],
    [("x-forwarded-proto", "")],
    [("x-forwarded-proto", ""), TOO_MANY],
    [("content-type", "application/grpc")],
]
REQUESTS = [
    cs.Request(path, authority="h", scheme=scheme, headers=headers)
    for scheme, path, headers in product(
        ("https", "http", "ftp", None), ("/a", "/a#f", "/a%2fb", "/%", "/a/../b"), HEADERS
    )
]
SETTINGS = [
    cs.HttpSettings(use_remote_address=remote, path_with_escaped_slashes_action=action, normalize_path=normalize)
    for remote, action, normalize in product((True, False), get_args(EscapedSlashes), (True, False))
]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_first_of_several_refusals_is_that_of_envoy(version: Version) -> None:
    tables = [cs.from_envoy(TABLE, envoy=version, http=settings) for settings in SETTINGS]
    questions = [[(request, 0) for request in REQUESTS] for _ in tables]
    assert disagreements(version, tables, questions) == []
