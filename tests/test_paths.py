"""Paths as the connection manager hands them to the router; `envoy/test_paths.py` asks Envoy the same."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarysim.table.paths import merge_slashes, normalize

# path, what 1.36 makes of it, what 1.40 makes of it (where that differs); None: 400
NORMALIZED: list[tuple[str, str | None] | tuple[str, str | None, str | None]] = [
    ("/", "/"),
    ("/a/b.c/d..e/...", "/a/b.c/d..e/..."),
    ("/a?b", "/a?b"),
    ("/a?", "/a?"),
    # the query is not the path's
    ("/a/..?/../%62{\\", "/?/../%62{\\"),
    ("/?/../a", "/?/../a"),
    # escapes
    ("/%61%5A%30%2d%2E%5F%7e", "/aZ0-._~"),
    ("/%2f%2F%5c%5C%25%3b%3F%23%20", "/%2f%2F%5c%5C%25%3b%3F%23%20"),
    ("/%c3%A9%ff%80%7f%01", "/%c3%A9%ff%80%7f%01"),
    ("/%2561", "/%2561"),
    ("/%zz%", "/%zz%"),
    ("/%2", "/%2"),
    ("/%2/%61", "/%2/a"),
    ("/%2%61", "/%252a"),
    ("/%%61b", "/%25ab"),
    ("/%%61g", "/%ag"),
    ("/%%30%30", "/%2500"),
    ("/%%%41b", "/%%25Ab"),
    ("/%/../a%61b", "/aab"),
    ("/%00", None),
    ("/a/%00/../b", None),
    ("/a?%00", "/a?%00"),
    # bytes that are not at home in a path
    ('/"<>^`{|}', "/%22%3C%3E%5E%60%7B%7C%7D"),
    ("/[]!$&'()*+,;=:@", "/[]!$&'()*+,;=:@"),
    # slashes
    ("//a///b//", "//a///b//"),
    ("/a\\b\\\\c", "/a/b//c"),
    # dot segments
    ("/.", "/"),
    ("/..", "/"),
    ("/./", "/"),
    ("/../../a", "/a"),
    ("/a/.", "/a/"),
    ("/a/..", "/"),
    ("/a/b/..", "/a/"),
    ("/a/./b/../c", "/a/c"),
    ("/a//../b", "/a/b"),
    ("/..//a", "//a"),
    ("/a/%2e", "/a/"),
    ("/a/.%2E/b", "/b"),
    ("/a/%2e./b", "/b"),
    ("/a\\..\\b", "/b"),
    ("/a/..%2fb", "/a/..%2fb"),
    ("/a/...", "/a/..."),
    ("/a/..b/.c", "/a/..b/.c"),
    # parameters
    ("/a;p/../b;q", "/b;q"),
    ("/a/..;x/b", "/a/..;x/b", "/b"),
    ("/a/..;", "/a/..;", "/"),
    ("/a/.;x/b", "/a/.;x/b", "/a/b"),
    ("/a/b/..;x/..;y;z/c", "/a/b/..;x/..;y;z/c", "/c"),
    ("/a/..;x\\b", "/a/..;x/b", "/"),
    ("/a/..;%00/b", None, "/b"),
    ("/a/..;x?/..;y", "/a/..;x?/..;y", "/?/..;y"),
    ("/a/.%2e;x/b", "/a/..;x/b"),
    ("/a\\..;x\\b", "/a/..;x/b"),
    ("/a/...;x/b..;y", "/a/...;x/b..;y"),
    ("/a/..%3bx/b", "/a/..%3bx/b"),
    # fragments
    ("/a#b", None),
    ("/a?b#c", None),
]

MERGED = [
    ("/", "/"),
    ("/a/b/", "/a/b/"),
    ("//a///b//", "/a/b/"),
    ("//", "//"),
    ("///", "//"),
    ("//?//", "//?//"),
    ("/a//b?c//d", "/a/b?c//d"),
    ("/?//", "/?//"),
    ("/a/%2f/\\\\b", "/a/%2f/\\\\b"),
]

octets = st.text(st.characters(max_codepoint=255), max_size=30)
nasty = st.lists(
    st.sampled_from(["/", "//", ".", "..", "%2e", "%", "%2", "%61", "3", "a", ";", "\\", "?", "{", "%00"]),
    max_size=20,
)
paths = st.one_of(octets, nasty.map("".join)).map("/{}".format)


@pytest.mark.parametrize("case", NORMALIZED, ids=lambda case: repr(case[0]))
def test_a_path_is_normalized_as_envoy_does(case: tuple[str, ...]) -> None:
    path, old, new = case if len(case) == 3 else (*case, case[1])
    assert normalize(path) == old
    assert normalize(path, strip_dot_parameters=True) == new


@pytest.mark.parametrize("path, merged", MERGED)
def test_runs_of_slashes_are_merged_before_the_query(path: str, merged: str) -> None:
    assert merge_slashes(path) == merged


def test_bytes_beyond_ascii_are_escaped_one_by_one() -> None:
    # seen over HTTP/2, which lets them through; the judge speaks HTTP/1
    assert normalize("/\xc3/../\xe9\xff?\xe9") == "/%E9%FF?\xe9"
    assert normalize("/ \x01\x7f\t") == "/%20%01%7F%09"
    assert normalize("/\0") is None


def test_what_http_1_would_refuse_still_gets_a_path() -> None:
    assert [normalize(path) for path in ("", "?x", "a/../b", "\\a")] == ["/", "/?x", "/b", "/a"]


@given(paths)
def test_normalizing_twice_changes_nothing_more(path: str) -> None:
    once = normalize(path)
    assert once is None or normalize(once) == once


@given(paths)
def test_a_normalized_path_has_no_dot_segment_and_keeps_its_query(path: str) -> None:
    for strip in (False, True):
        normal = normalize(path, strip_dot_parameters=strip)
        if normal is not None:
            head, _, query = normal.partition("?")
            assert head.startswith("/")
            assert not {".", ".."} & set(head.split("/"))
            assert query == path.partition("?")[2]


@given(paths, st.booleans())
def test_only_paths_with_a_fragment_or_a_zero_byte_are_refused(path: str, strip: bool) -> None:
    if normalize(path, strip_dot_parameters=strip) is None:
        assert "#" in path or "%00" in path or "\0" in path


@given(paths)
def test_dot_parameters_matter_only_where_there_are_some(path: str) -> None:
    if ".;" not in path:
        assert normalize(path) == normalize(path, strip_dot_parameters=True)


@given(paths)
def test_merging_leaves_single_slashes_and_the_query(path: str) -> None:
    head, mark, query = path.partition("?")
    merged = merge_slashes(path)
    assert merge_slashes(merged) == merged
    assert merged.endswith(mark + query)
    assert head.strip("/") == "" or "//" not in merged.partition("?")[0]


@pytest.mark.parametrize(
    "piece", ["/..", "a/", "//", "%", "%2", "%%30", "/.;", "..;", "a", "/a/..", "%61", "\\..", "/a/..;x"]
)
def test_the_time_grows_with_the_length_and_no_faster(piece: str) -> None:
    def seconds(length: int) -> float:
        path = "/" + piece * length
        start = time.perf_counter()
        for strip in (False, True):
            merge_slashes(normalize(path, strip_dot_parameters=strip) or "")
        return time.perf_counter() - start

    # 64 times the text: quadratic work would take 4096 times as long
    short = min(seconds(500) for _ in range(5))
    assert min(seconds(32_000) for _ in range(2)) < 600 * max(short, 1e-5)
