"""What `normalize_path` and `merge_slashes` do: `canarysim.table.paths` against Envoy itself."""

import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from canarysim.table.paths import merge_slashes, normalize
from tests.envoy.judge import Judge, Raw, Table, Version
from tests.test_paths import MERGED, NORMALIZED

EVERYTHING = {
    "virtual_hosts": [
        {
            "name": "v",
            "domains": ["*"],
            "routes": [{"match": {"prefix": ""}, "direct_response": {"status": 200}}],
        }
    ]
}
SETTINGS = [
    {"normalize_path": True},
    {"merge_slashes": True},
    {"normalize_path": True, "merge_slashes": True},
]
NORMALIZE, MERGE, BOTH = range(3)

BYTES = [chr(byte) for byte in range(0x21, 0x7F)]
ESCAPES = [f"%{byte:{case}}" for byte in range(256) for case in ("02x", "02X")]
PLACES = ["/{}", "/a{}b", "/{}/b", "/a/.{}/b", "/a/{}./b", "/a/..{}x/b", "/a?{}", "/%{}0", "/a/{}{}"]
ALPHABET = [
    *(
        "/",
        "/",
        "//",
        "/.",
        "/..",
        "/../",
        "/..;x",
        "/.;",
        ".",
        "..",
        "..;",
        ";",
        "\\",
        "%2e",
        "%2E",
        "%5c",
        "%2F",
    ),
    *("%", "%2", "%zz", "%61", "%66", "%30", "%25", "%00", "%3b", "%3f", "%23", "%7E", "%C3%a9"),
    *("0", "3", "a", "f", "g", "?", "&", "=", "{", '"', "~", "+", "["),
]


@pytest.fixture(scope="module")
def judge(envoy: Version) -> Iterator[Judge]:
    tables: list[Table] = [(EVERYTHING, settings) for settings in SETTINGS]
    with Judge(envoy, tables) as judge:
        yield judge


def seen_by_routes(judge: Judge, which: int, paths: Sequence[str]) -> list[str | None]:
    verdicts = judge.ask(which, [Raw(path) for path in paths])
    assert {(verdict.status, verdict.details) for verdict in verdicts} <= {
        (200, "direct_response"),
        (400, "path_normalization_failed"),
    }
    return [verdict.path if verdict.status == 200 else None for verdict in verdicts]


def predicted(version: str, which: int) -> Callable[[str], str | None]:
    def predict(path: str) -> str | None:
        seen = path if "#" not in path else None
        if seen is not None and which in (NORMALIZE, BOTH):
            seen = normalize(seen, strip_dot_parameters=version == "1.40")
        return seen if seen is None or which == NORMALIZE else merge_slashes(seen)

    return predict


def differences(judge: Judge, which: int, paths: Sequence[str]) -> list[tuple[str, str | None, str | None]]:
    predict = predicted(judge.version, which)
    envoys = seen_by_routes(judge, which, paths)
    return [(path, seen, predict(path)) for path, seen in zip(paths, envoys, strict=True) if seen != predict(path)]


def test_the_cases_are_what_envoy_does(judge: Judge) -> None:
    column = 1 if judge.version == "1.36" else -1
    seen = seen_by_routes(judge, NORMALIZE, [case[0] for case in NORMALIZED])
    assert seen == [case[column] for case in NORMALIZED]
    assert seen_by_routes(judge, MERGE, [path for path, _ in MERGED]) == [merged for _, merged in MERGED]


@pytest.mark.parametrize("place", PLACES)
def test_every_byte_and_every_escape_is_treated_alike(judge: Judge, place: str) -> None:
    paths = [place.replace("{}", text) for text in (*BYTES, *ESCAPES)]
    assert differences(judge, NORMALIZE, paths) == []


@pytest.mark.parametrize("which", [NORMALIZE, MERGE, BOTH])
def test_random_nasty_paths_are_treated_alike(judge: Judge, which: int) -> None:
    rng = random.Random(which)
    paths = ["/" + "".join(rng.choices(ALPHABET, k=rng.randrange(14))) for _ in range(2000)]
    assert differences(judge, which, paths) == []
