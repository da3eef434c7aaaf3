"""The automaton for what ``re`` must not run: how fast, with how much memory, and that it forgets well."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from random import Random

import pytest

from canarysim.table import regex
from canarysim.table.regex import _dfa
from canarysim.table.regex._dfa import InUtf8, Matcher, prepare
from canarysim.table.regex._syntax import Encoding

from .test_regex import BOTH, EVERYDAY, HARMLESS_IN_RE2, LATIN, UTF8
from .test_regex_laws import judge

HOSTILE = [
    *HARMLESS_IN_RE2,
    r"(a?){30}a{30}",
    r"(\w+\s?)*$",
    r"(a{100}){10}",
    r"(.{100}){10}",
    r"(?i)(.*(foo|bar|baz))*z",
    r"([^/]+/?)*x",
    r"((ab)*|(ba)*)*c",
    r"(?:a|b|ab|ba|aa)*$",
    r"(.*a){20}b",
    r"(\d+|\w+|\d\w)*;",
    r"(?m)(^.*$\n?)*x",
    r"(\b\w+\b\W*)*\B",
    r"((a*)*|(b*)*)*$",
    r"(a|\C)*\C{3}b",
    r"(?:(?:(?:a*)*)*)*b",
    r"(\pL+\pN?)*$",
    r"(?i)(é|É|[à-ö]+)*x",
    r".*a.{12}b",
    r"(.*)(.*)(.*)(.*)(.*)[^ab]",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(?:[ab]{1,5}){1,20}$",
    r"(?s)(.|\n)*x",
]


def texts() -> list[str]:
    random = Random(5)
    words = ["a", "ab", "/", "foo bar ", "a1", "\n", "\xc3\xa9", "a/b-", "\xff", "x\n"]
    found = [(word * 10_000)[:9_999] + "!" for word in words]
    found += ["".join(random.choices(chars, k=10_000)) for chars in ("ab", "ab/x0.\n", "a \xc3\xa9")]
    return [*found, "", "a" * 1000, "ab" * 500]


def forced(pattern: str, encoding: Encoding) -> Matcher | InUtf8:
    matcher = prepare(regex.Regex(pattern, encoding).tree, encoding)
    assert not isinstance(matcher, str)
    return matcher


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage of other tests is cleared away while time is taken."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize("pattern", HOSTILE)
def test_hostile_patterns_are_answered_in_milliseconds(pattern: str, encoding: Encoding) -> None:
    theirs = judge(pattern, encoding)
    assert theirs is not None
    for runner in (regex.Regex(pattern, encoding), forced(pattern, encoding)):
        for text in texts():
            expected = theirs.fullmatch(text.encode("latin-1")) is not None
            start = time.process_time()
            assert runner.fullmatch(text) == expected, text[:20]
            assert time.process_time() - start < 0.1, text[:20]
            start = time.process_time()
            runner.fullmatch(text)
            assert time.process_time() - start < 0.05, text[:20]


@pytest.mark.parametrize("encoding", BOTH)
def test_everyday_patterns_match_the_same_in_both_ways(encoding: Encoding) -> None:
    random = Random(9)
    for pattern in EVERYDAY:
        compiled, matcher = regex.compile(pattern, encoding), forced(pattern, encoding)
        for _ in range(20):
            text = "".join(random.choices(["/", "api", "v1", "a", "foo", "bot", ".", "7", "\n", "\xe9"], k=6))
            assert matcher.fullmatch(text) == compiled.fullmatch(text)


@pytest.mark.parametrize(
    "pattern", [r"(?:[ab]*a[ab]{18}\b)*", r"(?:.*a.{60}b?)*", r"(?:\pL*a\pL{12}b?)*", r"(?:(?:a|b)?c?){200}x"]
)
def test_what_is_remembered_has_a_limit_and_does_not_matter(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random texts make hardly any step twice; and those of a matcher that forgets all the time are the same."""
    random = Random(7)
    long = "".join(random.choices("abbc", k=20_000))
    found = [long, long[:300], long[300:600], long[:500] + "\xc3\xa9" + long[500:1000]]
    theirs = judge(pattern, UTF8)
    assert theirs is not None
    tracemalloc.start()
    matcher = forced(pattern, UTF8)
    answers = [matcher.fullmatch(text) for text in found]
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 12_000_000
    expected = [theirs.fullmatch(text.encode("latin-1")) is not None for text in found]
    assert answers == expected
    monkeypatch.setattr(_dfa, "_MOST_CELLS", 1000)
    forgetful = forced(pattern, UTF8)
    assert [forgetful.fullmatch(text) for text in found[1:3]] == expected[1:3]


def test_large_programs_run() -> None:
    for pattern in (r"(\pL{100}){5}\C?", r"(?:(?:\PL){12}(?:[^/])*[\x{7f}-\x{10ffff}]){0,40}\C?"):
        theirs, compiled = judge(pattern, UTF8), regex.Regex(pattern)
        assert theirs is not None
        for text in ("é" * 500, "é" * 499, "a" * 480, "1é" * 250, "-" * 600):
            assert compiled.fullmatch(text.encode().decode("latin-1")) == bool(theirs.fullmatch(text.encode()))


def test_texts_that_are_no_octets_are_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        forced("a", LATIN).fullmatch("€")


def test_a_regex_that_ran_is_pickled_without_what_it_remembers() -> None:
    compiled = regex.Regex(r"(\w+\s?)*$")
    fresh = len(pickle.dumps(compiled))
    assert compiled.fullmatch("a b " * 100)
    assert len(pickle.dumps(compiled)) == fresh
    assert pickle.loads(pickle.dumps(compiled)).fullmatch("a b")


def test_it_is_loaded_where_a_pattern_needs_it() -> None:
    program = (
        "import sys; from canarysim.table import regex\n"
        "def loaded(): print('canarysim.table.regex._dfa' in sys.modules)\n"
        "assert regex.compile('/api/v[0-9]+/.*').fullmatch('/api/v1/x'); loaded()\n"
        "assert not regex.compile('([a-z]+ ?)*!').fullmatch('ab'); loaded()"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]
