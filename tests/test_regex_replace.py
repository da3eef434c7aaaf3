"""Replacing as RE2 does: the rules one by one, google-re2 as the judge of matches and captures, the time it takes.

``CANARYSIM_SOAK=50000 pytest tests/test_regex_replace.py`` tries that many patterns.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from random import Random

import pytest
import re2  # type: ignore[import-untyped]
from hypothesis import example, given
from hypothesis import strategies as st

from canarysim.table import regex
from canarysim.table.regex._syntax import Encoding

from .test_regex import BOTH, EVERYDAY, HARMLESS_IN_RE2, LATIN, UTF8, octets
from .test_regex_laws import ATOMS, COUNTS, ENCODINGS, FRAMES, asked, examples, judge, ours

# pattern, substitution, path, what becomes of it in both encodings
REWRITES = [
    # everyday
    (r"^/api/v1/(.*)$", r"/\1", "/api/v1/pets/7", "/pets/7"),
    (r"^/api/v1/(.*)$", r"/\1", "/api/v2/pets", "/api/v2/pets"),
    (r"/stores/(.*)", r"/shops/\1", "/eu/stores/1", "/eu/shops/1"),
    (r"^/(.*)$", r"/v2/\1", "/x/y", "/v2/x/y"),
    (r"/foo/([^/]+)/bar", r"/bar/\1/foo", "/foo/a/bar/foo/b/bar", "/bar/a/foo/bar/b/foo"),
    (r"(.*)/old(.*)", r"\1/new\2", "/old/a/old/b", "/old/a/new/b"),
    (r"/v[0-9]+/", "/", "/v1/v2/v30/x", "/v2/x"),
    (r"a|b", "-", "/abc", "/--c"),
    (r"(?i)/A", "/z", "/a/A/b", "/z/z/b"),
    (r"^/service/([^/]+)(/.*)$", r"\2/instance/\1", "/service/foo/v1/api", "/v1/api/instance/foo"),
    (r"/+", "/", "//a///b", "/a/b"),
    (r"[^/]*$", "x", "/a/b", "/a/x"),
    (r"(/[^/]*)?", r"<\1>", "/a/b", "</a></b>"),
    (r"(/[^/]*)*", r"<\1>", "/a/b", "</b>"),
    # an empty match behind another is none, but for the end of the text where the last was not
    (r"x*", "-", "/axb", "-/-a-b-"),
    (r"(a*)", r"<\1>", "/baac", "<>/<>b<aa>c<>"),
    (r"[^/]*", "<\\0>", "/a/b", "<>/<a>/<b>"),
    (r"$", "!", "/a", "/a!"),
    (r"^", "!", "/a/a", "!/a/a"),
    (r"\b", "|", "/ab/c", "/|ab|/|c|"),
    # anchors and boundaries look at the whole text
    (r"^/a", "", "/a/a/a", "/a/a"),
    (r"\Ba", "-", "aaa", "a--"),
    (r"(?m)^a", "-", "a\na", "-\n-"),
    # the rewrite
    (r"a", r"\0\0", "/a", "/aa"),
    (r"(a)", r"\10", "/a", "/a0"),
    (r"a", r"&$1", "/a", "/&$1"),
    (r"a", r"\\1\\", "/a/", "/\\1\\/"),
    (r"a", r"x\1", "/a", "/a"),
    (r"a", r"x\q\1", "/a", "/a"),
    (r"a", r"x\qy", "/ab", "/xb"),
    (r"(a)", r"x\q\1", "/ab", "/xb"),
    (r"a", "x\\", "/ab", "/xb"),
    (r"a", r"\n", "/ab", "/b"),
    (r"a", "é", "/ab", octets("/éb")),
    (r"a", "", "aa", ""),
    (r"(a)|b", r"<\1>", "ab", "<a><>"),
    (r"(?:(a)|(b))+", r"<\1\2>", "ab", "<ab>"),
    (r"()" * 12 + "(a)", r"<\9\1>", "/a", "/<>"),
    # leftmost, then first: not longest
    (r"(a|ab)(c|bcd)?", r"<\1,\2>", "abcd", "<a,bcd>"),
    (r"(a|ab)(c|bcd)", r"<\1,\2>", "abc", "<ab,c>"),
    (r"a+?", "<\\0>", "aaa", "<a><a><a>"),
    (r"(a{2}){1,3}?b?", r"<\0,\1>", "aaaab", "<aa,aa><aab,aa>"),
    (r"(a??)(a?)", r"<\1,\2>", "a", "<,a>"),
    (r"(|a)(a*)", r"<\1,\2>", "aa", "<,aa>"),
    (r"foo|foobar|fox|f", "<\\0>", "foobar fox f fob", "<foo>bar <fox> <f> <f>ob"),
]

# the same where the encodings differ: pattern, substitution, text, in UTF-8, in Latin-1
CHARACTERS = [
    ("x*", "-", octets("é€😀"), "-{}-{}-{}-".format(*map(octets, "é€😀")), "-" + "-".join(octets("é€😀")) + "-"),
    ("x*", "-", "\xed\xa0\x80", "-\xed\xa0\x80-", "-\xed-\xa0-\x80-"),  # a surrogate is a character
    ("x*", "-", "\xe0\x80\x80\xc0\x80", *["-\xe0-\x80-\x80-\xc0-\x80-"] * 2),  # overlong forms are not
    ("x*", "-", "\xf4\x90\x80\x80\xf8", *["-\xf4-\x90-\x80-\x80-\xf8-"] * 2),  # nor what is too large
    ("x*", "-", "\xe2\x82", *["-\xe2-\x82-"] * 2),  # nor what is cut off
    ("x*", "-", "\xa9é", *["-\xa9-é-"] * 2),
    (".", "-", octets("é"), "-", "--"),
    (".", "-", "\xed\xa0\x80\xf4\x90\x80\x80\xff", "--\xff", "--------"),
    ("[^é]", "-", octets("éx€"), octets("é") + "--", "\xc3\xa9----"),
    ("é", "-", octets("xéx"), *["x-x"] * 2),
    (r"\C", "-", octets("é"), *["--"] * 2),
    (r"\B", "-", octets("aé"), *["a\xc3-\xa9-"] * 2),  # even within a character
    ("(?i)k", "-", octets("kK\N{KELVIN SIGN}"), "---", "--" + octets("\N{KELVIN SIGN}")),
]


@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize("pattern, substitution, text, expected", REWRITES)
def test_rewrites(pattern: str, substitution: str, text: str, expected: str, encoding: Encoding) -> None:
    rewriter = regex.compile(pattern, encoding)
    assert rewriter.why_not_replaced is None
    assert rewriter.replace_all(text, substitution) == expected


@pytest.mark.parametrize("pattern, substitution, text, utf8, latin", CHARACTERS)
def test_characters_are_those_of_the_encoding(
    pattern: str, substitution: str, text: str, utf8: str, latin: str
) -> None:
    assert regex.compile(pattern, UTF8).replace_all(text, substitution) == utf8
    assert regex.compile(pattern, LATIN).replace_all(text, substitution) == latin


def test_what_is_not_replaced_says_so_for_every_text() -> None:
    for pattern, why in [
        (r"\pL", "larger"),
        ("(a*)*", "without limit"),
        ("(|a)*", "without limit"),
        ("(a*)+", "without limit"),
        ("/(a?b??)+?/", "without limit"),
        (r"(?:^|\b)*", "without limit"),
        ("[a-z]{200}", "larger"),
        ("/" * 200, "larger"),
        ("(){1000}", "larger"),
        ("(" * 101 + "a" + ")" * 101, "deep"),
    ]:
        compiled = regex.compile(pattern)
        assert not compiled.replaces
        assert why in (compiled.why_not_replaced or "")
        for text in ("", "a", "\xff"):
            with pytest.raises(regex.NotSimulated) as caught:
                compiled.replace_all(text, "")
            assert caught.value.why == compiled.why_not_replaced
            assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_text_that_is_no_octet_text_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        regex.compile("a").replace_all("€", "")
    with pytest.raises(UnicodeEncodeError):
        regex.compile("a").replace_all("a", "\ud800")


def test_what_envoy_takes_by_default_is_not_too_large() -> None:
    paths = [f"/p/{number:03}" for number in range(400)]
    large = ["|".join(paths), f"^(?:{'|'.join(paths)})/(.*)$", "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", "/.{80}x"]
    for pattern in [*EVERYDAY, *large]:
        for encoding in ENCODINGS:
            theirs = judge(pattern, encoding)
            assert theirs is not None
            assert theirs._regexp.ProgramSize() > 100 or regex.compile(pattern, encoding).replaces, (
                pattern,
                encoding,
            )
    assert all(regex.compile(pattern, LATIN).replaces for pattern in large)


def global_replace(theirs: re2._Regexp, encoding: Encoding, text: bytes, rewrite: bytes) -> bytes:
    """RE2::GlobalReplace, from its source, upon google-re2's search."""
    named = [rewrite[at + 1 : at + 2] for at in _escapes(rewrite)]
    if any(name.isdigit() and int(name) > theirs.groups for name in named):
        return text
    written, place, last_end = b"", 0, -1
    while place <= len(text):
        found = theirs.search(text, place)
        if found is None:
            break
        begin, end = found.span()
        written += text[place:begin]
        if begin == end == last_end:
            step = rune_length(text[place:]) if encoding == "utf-8" else 1
            written += text[place : place + step]
            place += step
            continue
        at = 0
        for escape in _escapes(rewrite):
            written += rewrite[at:escape]
            at = escape + 2
            name = rewrite[escape + 1 : at]
            if name.isdigit():
                written += found.group(int(name)) or b""
            elif name == b"\\":
                written += name
            else:
                at = len(rewrite)
                break
        written += rewrite[at:]
        place = last_end = end
    return written + text[place:]


def _escapes(rewrite: bytes) -> list[int]:
    found, at = [], rewrite.find(b"\\")
    while at >= 0:
        found.append(at)
        at = rewrite.find(b"\\", at + 2)
    return found


def rune_length(text: bytes) -> int:
    """chartorune of re2/util/rune.cc."""
    lead, *tail = text[:4] or b"\0"
    for length, first, last, least in ((2, 0xC0, 0xDF, 0x80), (3, 0xE0, 0xEF, 0x800), (4, 0xF0, 0xF7, 0x10000)):
        if first <= lead <= last:
            code = lead - first
            following = tail[: length - 1]
            for byte in following:
                code = code << 6 | byte & 0x3F
            whole = len(following) == length - 1 and all(byte & 0xC0 == 0x80 for byte in following)
            return length if whole and least <= code <= 0x10FFFF else 1
    return 1


def agree(pattern: str, texts: list[bytes], substitution: str) -> None:
    for encoding in ENCODINGS:
        mine, theirs = ours(pattern, encoding), judge(pattern, encoding)
        if mine is None or not mine.replaces:
            continue
        for text in texts:
            expected = global_replace(theirs, encoding, text, substitution.encode())
            found = mine.replace_all(text.decode("latin-1"), substitution)
            assert found.encode("latin-1") == expected, (encoding, text)


GROUPS = ["\\0", "\\1", "\\2", "\\3", "\\4", "\\9", "\\\\", "\\q", "\\", "1", "<", ">", "$1", "&", "é", "\n"]
substitutions = st.one_of(
    st.sampled_from(["-", "<\\0>", "<\\1>", "<\\1|\\2>", "[\\0|\\1|\\2|\\3]", "\\2\\1"]),
    st.lists(st.sampled_from(GROUPS), max_size=6).map("".join),
)


@examples(200)
@given(asked(), substitutions)
@example(("(|a)(b*)*?c|\\1", [b"ab"]), "\\1")
@example(("((?:(b*)*?)+|c)", [b"bb"]), "<\\1>")
def test_google_re2_replaces_the_same(question: tuple[str, list[bytes]], substitution: str) -> None:
    pattern, texts = question
    agree(pattern, texts, substitution)


SIMPLE = [
    *"aab/xy",
    "",
    "(a)",
    "(b*)",
    "(|a)",
    "(a|b)",
    ".",
    "[^/]",
    "x*",
    "^",
    "$",
    r"\b",
    "()",
    "(a|ab)",
    "(?:a|)",
]
ROUNDS = [*COUNTS, "*", "+", "?", "*?", "{2,4}", "{0,3}?", "{1,}?"]
PIECES = [*map(chr, b"aaaabbbcc//xykKsS01_.A")]


def random_pattern(random: Random, depth: int) -> str:
    """A pattern rich in captures, empty matches and choices."""
    kind = random.random()
    if depth == 0 or kind < 0.2:
        atom: str = random.choice(ATOMS if random.random() < 0.5 else SIMPLE)
        return atom
    inner = [random_pattern(random, depth - 1) for _ in range(random.randint(1, 4))]
    if kind < 0.5:
        return "".join(inner)
    if kind < 0.75:
        return random.choice([*FRAMES, *["(%s)"] * 6]) % "|".join(inner[:3])
    return f"(?:{inner[0]}){random.choice(ROUNDS)}"


def test_google_re2_replaces_the_same_where_captures_are_many() -> None:
    random = Random(20)
    for _ in range(400):
        pattern = random_pattern(random, random.randint(0, 4))
        texts = ["".join(random.choices([*PIECES, "\n", "é", "€"], k=random.randrange(12))) for _ in range(4)]
        agree(pattern, [text.encode() for text in texts], random.choice(["<\\0>", "<\\1|\\2|\\3>", "-"]))


def test_what_is_remembered_has_a_limit_and_does_not_matter() -> None:
    random = Random(3)
    text = "".join(random.choices("ab", k=30_000))  # hardly a step is made twice
    for pattern in ("(a)[ab]{70}b", "(a|b[ab]{30}a)(?:b|$)"):
        agree(pattern, [text.encode(), text[:1000].encode()], "<\\1>")


WORDS = [*"ax/\n", "ab", "aab", "a/", "xa", "/v1", "/foo/a/bar", "a\n", "b-", "\xc3\xa9", "\xe2\x82\xac"]
STRESS = [
    "a.{90}b",
    "a[ab]{90}b",
    r"\b[ab]{90}\B.{50}",
    "(?:(a)?){80}",
    "(?:a?b?){60}$",
    "(?:(a[ab]{20})|(b[ab]{20})|([ab]{30}))*",
    f"(?:{'|'.join(char + 'a' for char in map(chr, range(0x30, 0x5B)) if char.isalnum())})*",
    "x*",
    "(a*)",
    "(/[^/]*)?",
    "a|b",
    "[^é].{15}a",
    "()" * 3000,
]


def yardstick() -> float:
    """The time of a million rounds of a plain loop, which is 30 ms and more."""
    start, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number & 7
    return time.process_time() - start


@pytest.mark.parametrize("pattern", [*STRESS, *HARMLESS_IN_RE2, *EVERYDAY[::4]])
def test_no_text_takes_long(pattern: str) -> None:
    rewriter = regex.Regex(pattern)
    if not rewriter.replaces:
        return
    random = Random(1)
    texts = [(word * 10_000)[:9_999] + "!" for word in WORDS]
    texts += ["".join(random.choices(chars, k=10_000)) for chars in ("ab", "a/", "ab/x0.\xc3\xa9\xe2\x82\xac")]

    def seconds(text: str) -> float:
        start = time.process_time()
        rewriter.replace_all(text, "<\\0>")
        return time.process_time() - start

    slowest = max(texts, key=seconds)
    assert min(seconds(slowest) for _ in range(3)) < yardstick(), slowest[:20]


def test_importing_regex_does_not_import_it() -> None:
    program = "import sys, canarysim.table.regex; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {f"canarysim.table.regex.{name}" for name in ("_program", "_replace")} & {*loaded.stdout.split()}
