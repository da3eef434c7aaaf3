"""RE2's dialect: what is refused and how it is said, what each construct means, what is run and how fast."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time

import pytest

from canarysim.errors import CanarysimError
from canarysim.table import regex
from canarysim.table.regex._parse import parse
from canarysim.table.regex._syntax import (
    MAX_DEPTH,
    NEVER,
    OVERLONG,
    Alternate,
    AnyByte,
    Assertion,
    CharClass,
    Concat,
    Empty,
    Encoding,
    Group,
    Literal,
    Node,
    Opaque,
    Repeat,
)

LATIN: Encoding = "latin-1"
UTF8: Encoding = "utf-8"


def octets(text: str) -> str:
    return text.encode().decode("latin-1")


@pytest.mark.parametrize(
    "pattern, position, advice",
    [
        ("/api(?!/v1).*", 4, "look-around"),
        ("(?=a)", 0, "look-around"),
        ("(?<!a)b", 0, "look-around"),
        ("(?>a)", 0, "atomic"),
        ("(?#note)", 0, "comment"),
        ("(?x)a b", 0, "flags"),
        ("(a)(?P=a)", 3, "backreference"),
        ("(a)(?(1)b)", 3, "backreference"),
        ("(a)\\1", 3, "backreference"),
        ("a++", 1, "possessive"),
        ("a**", 1, "inner"),
        ("a{2}{3}", 1, "inner"),
        ("*a", 0, "\\*"),
        ("a|*", 2, "\\*"),
        ("(?i)*", 4, "\\*"),
        ("a{1001}", 1, "1000"),
        ("a{2,1}", 1, "least"),
        ("(a{100}){11}", 8, "multiply"),
        ("a\\Z", 1, "\\z"),
        ("\\u0041", 0, "\\x{41}"),
        ("[\\b]", 1, "\\x08"),
        ("\\x4", 0, "hexadecimal"),
        ("\\x{110000}", 0, "above"),
        ("\\é", 0, "backslash"),
        ("a\\", 1, "backslash"),
        ("[a", 0, "Close"),
        ("[]", 0, "first place"),
        ("[[:foo:]]", 1, "alnum"),
        ("[z-a]", 1, "Exchange"),
        ("\\p{Klingon}", 0, "scripts"),
        ("(a", 0, "Close"),
        ("a)", 1, "Open"),
        ("(?P<a b>x)", 4, "letters"),
        ("é(?P<n", 1, ""),
    ],
)
@pytest.mark.parametrize("encoding", [UTF8, LATIN])
def test_a_refusal_names_the_place_and_the_remedy(
    pattern: str, position: int, advice: str, encoding: Encoding
) -> None:
    with pytest.raises(regex.RegexError) as caught:
        regex.compile(pattern, encoding)
    error = caught.value
    assert isinstance(error, CanarysimError)
    assert isinstance(error, ValueError)
    assert (error.pattern, error.position) == (pattern, position)
    assert advice in error.advice
    _, shown, caret, *rest = str(error).split("\n")
    assert shown == f"  {pattern}"
    assert caret.index("^") == position + 2
    assert rest == ([error.advice] if error.advice else [])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_long_pattern_is_shown_in_part() -> None:
    with pytest.raises(regex.RegexError) as caught:
        regex.compile("a" * 500 + "\n(?=b)" + "c" * 500)
    _, shown, caret, *_ = str(caught.value).split("\n")
    assert len(shown) < 120
    assert shown[caret.index("^") :].startswith("(?=b)ccc")


def test_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(regex.RegexError) as caught:
        regex.compile("ab\udc80")
    assert caught.value.position == 2
    assert str(caught.value).isprintable() is False  # three lines, and nothing else that is not printable
    assert str(caught.value).replace("\n", "").isprintable()


def test_bytes_above_255_are_refused_where_patterns_are_bytes() -> None:
    assert regex.compile("\\x{100}").tree == Literal("\u0100")
    with pytest.raises(regex.RegexError, match="bytes"):
        regex.compile("\\x{100}", LATIN)
    with pytest.raises(regex.RegexError, match="bytes"):
        regex.compile("\\777", LATIN)


def test_only_two_encodings_exist() -> None:
    with pytest.raises(ValueError, match="latin-1"):
        regex.compile("a", "ascii")  # type: ignore[arg-type]


BOTH = (UTF8, LATIN)


@pytest.mark.parametrize(
    "pattern, encodings, matched, unmatched",
    [
        # full match, anchors harmless, empty alternatives fine
        ("/a(b|bc)", BOTH, ["/ab", "/abc"], ["/abcd", "x/ab"]),
        ("^/x$", BOTH, ["/x"], ["/x\n", "/x/"]),
        ("/x\\z", BOTH, ["/x"], ["/x\n"]),
        ("|/alt", BOTH, ["", "/alt"], ["/"]),
        (".", (UTF8,), ["a", octets("é"), octets("😀")], ["", "\n", "ab", "\xe9", "\xff"]),
        ("..", (UTF8,), ["ab", octets("éé")], [octets("é")]),
        (".", (LATIN,), ["a", "\xe9", "\xff"], ["\n", octets("é")]),
        ("[é]", (UTF8,), [octets("é")], ["\xc3", "\xa9", "\xe9"]),
        ("[é]", (LATIN,), ["\xc3", "\xa9"], ["\xe9", octets("é")]),
        ("é", BOTH, [octets("é")], ["\xe9"]),
        ("\\p{Greek}", (LATIN,), [], ["a", "\xe9", "\xff"]),
        ("\\pL", (LATIN,), ["\xe9", "\xc9", "\xb5", "a"], ["\xd7", "1"]),
        ("\\PL", (LATIN,), ["\xd7", "1"], ["\xe9"]),
        ("(?i)\\xe9", (LATIN,), ["\xe9"], ["\xc9"]),
        ("(?i)k", (LATIN,), ["k", "K"], [octets("\N{KELVIN SIGN}")]),
        ("(?i)k", (UTF8,), ["k", "K", octets("\N{KELVIN SIGN}")], ["s"]),
        ("(?i)[r-t]", (UTF8,), ["S", "t", octets("ſ")], ["u"]),
        ("(?i)[^s]", (UTF8,), ["a", octets("\N{KELVIN SIGN}")], ["s", "S", octets("ſ")]),
        ("(?i)\\W", (UTF8,), ["-"], ["k", octets("ſ"), octets("\N{KELVIN SIGN}")]),
        # what Python's re refuses
        ("a(?i)b", BOTH, ["ab", "aB"], ["Ab"]),
        ("(?i)a(?-i)b", BOTH, ["Ab"], ["AB"]),
        ("(?i:a)b", BOTH, ["Ab"], ["AB"]),
        ("(?U)a*", BOTH, ["", "aa"], ["b"]),
        ("\\Qa.b*\\E*", BOTH, ["a.b", "a.b**"], ["axb"]),
        ("\\Qa.b", BOTH, ["a.b"], ["axb"]),
        ("\\x{41}\\x41\\101", BOTH, ["AAA"], ["A"]),
        ("(?<n>a)(?P<n>b)(?P<1>c)", BOTH, ["abc"], ["ab"]),
        ("^*a$*", BOTH, ["a"], ["aa"]),
        ("[\\w-a]+", BOTH, ["a-_9"], ["."]),
        ("\\C", (LATIN,), ["a", "\n", "\xff"], ["ab"]),
        ("()", BOTH, [""], ["a"]),
        # what Python's re reads otherwise
        ("a{,3}", BOTH, ["a{,3}"], ["", "aa"]),
        ("a{01}|{|a{1", BOTH, ["a{01}", "{", "a{1"], ["a"]),
        ("[[:alpha:]]", BOTH, ["a"], [":", "[", ":]"]),
        ("[[:a]+", BOTH, ["[:a"], ["b"]),
        ("\\s", BOTH, [" ", "\t", "\n", "\f", "\r"], ["\v", "\xa0"]),
        ("[[:space:]]\\v\\a\\f", BOTH, ["\v\v\a\f"], ["\v"]),
        ("a$", BOTH, ["a"], ["a\n"]),
        ("(?m)a$\\n^b", BOTH, ["a\nb"], ["ab"]),
        ("(?s)a.b", BOTH, ["a\nb"], ["ab"]),
        ("(?s-s)a.b", BOTH, ["axb"], ["a\nb"]),
        ("\\B", BOTH, [""], ["a"]),
        ("\\bé\\b", BOTH, [], [octets("é")]),
        ("a\\b.", BOTH, ["a-"], ["ab"]),
        ("[^\\x00-\\x{ff}]", (LATIN,), [], ["a", "\xff", ""]),
        ("a|[^\\x00-\\x{10ffff}]", (UTF8,), ["a"], ["", "b"]),
        # bytes that are not UTF-8 (google-re2): overlong forms pass where all beyond ASCII does
        (
            ".",
            (UTF8,),
            ["\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xed\xa0\x80"],
            ["\xc0\x80"],
        ),
        ("[^é]", (UTF8,), ["\xed\xa0\x80"], ["\xe0\x80\x80", "\xf4\x90\x80\x80", "\xff"]),
        ("é|[^é]", (UTF8,), ["\xe0\x80\x80"], ["\x80"]),
        ("\\x{d800}", (UTF8,), ["\xed\xa0\x80"], ["\xed\xa0\x81", "?"]),
        (".*/[a-z]+", (UTF8,), ["\xe0\x80\x80/a"], ["\xe0\x80/a", "\xf5\x80\x80\x80/a"]),
    ],
)
def test_quirks(pattern: str, encodings: tuple[Encoding, ...], matched: list[str], unmatched: list[str]) -> None:
    for encoding in encodings:
        compiled = regex.compile(pattern, encoding)
        assert compiled.simulated, compiled.why_not
        assert [text for text in matched if not compiled.fullmatch(text)] == []
        assert [text for text in unmatched if compiled.fullmatch(text)] == []


@pytest.mark.parametrize(
    "pattern, tree",
    [
        ("", Empty()),
        ("abc", Literal("abc")),
        ("a[b]c", Literal("abc")),
        ("ab*", Concat((Literal("a"), Repeat(Literal("b"), 0, None)))),
        ("(?U)a+?", Repeat(Literal("a"), 1, None, greedy=True)),
        ("a??", Repeat(Literal("a"), 0, 1, greedy=False)),
        ("a{1}(?:){3}", Literal("a")),
        ("a{0}", Empty()),
        ("(?:a|b)|c", CharClass(((0x61, 0x63),))),
        ("(?i)x", CharClass(((0x58, 0x58), (0x78, 0x78)))),
        ("x|(?P<n>yz)", Alternate((Literal("x"), Group(Literal("yz"), 1, "n")))),
        (".", CharClass(((0, 9), (11, OVERLONG)))),
        ("(?s).", CharClass(((0, OVERLONG),))),
        ("[^é]", CharClass(((0, 0xE8), (0xEA, 0x10FFFF)))),
        ("\\P{Any}", NEVER),
        ("\\C", AnyByte()),
        ("(?m)^$", Concat((Assertion("begin_line"), Assertion("end_line")))),
        ("^\\z", Concat((Assertion("begin_text"), Assertion("end_text")))),
        ("\\b\\B", Concat((Assertion("word_boundary"), Assertion("no_word_boundary")))),
    ],
)
def test_the_tree_is_normal_and_has_no_flags_left(pattern: str, tree: Node) -> None:
    assert regex.compile(pattern).tree == tree
    assert hash(regex.compile(pattern).tree) == hash(tree)
    assert pickle.loads(pickle.dumps(tree)) == tree


def test_nodes_are_values() -> None:
    node = Literal("a")
    assert node != CharClass(((0x61, 0x61),))
    assert repr(Repeat(node, 0, None)) == "Repeat(body=Literal(text='a'), min=0, max=None, greedy=True)"
    with pytest.raises(AttributeError):
        node.text = "b"
    with pytest.raises(AttributeError):
        del node.text


def test_a_regex_is_a_value() -> None:
    one, other = regex.compile("/a.*"), regex.Regex("/a.*")
    assert one is regex.compile("/a.*")
    assert one == other != regex.compile("/a.*", LATIN)
    assert one != "/a.*"
    assert len({one, other, regex.compile("/a.*", LATIN)}) == 2
    assert pickle.loads(pickle.dumps(one)) == one
    assert eval(repr(one), {"regex": regex}) == one  # noqa: S307 (our own)
    with pytest.raises(AttributeError):
        one.pattern = "b"
    with pytest.raises(AttributeError):
        del one.pattern
    assert regex.compile("(a)(?:b)(?<n>c)").groups == 2


def test_what_is_not_simulated_says_so_for_every_text() -> None:
    for pattern, why in [
        ("\\C(?:\\pL{40}){25}\\pL{300}", "memory"),
        ("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1), "deep"),
    ]:
        compiled = regex.compile(pattern)
        assert not compiled.simulated
        assert why in (compiled.why_not or "")
        for text in ("", "a", "\xff"):
            with pytest.raises(regex.NotSimulated) as caught:
                compiled.fullmatch(text)
            assert caught.value.why == compiled.why_not
            assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_nesting_has_no_limit_and_no_recursion() -> None:
    for opened in ("(", "(?:", "(?i:"):
        deep = opened * 4_000 + "a" + ")" * 4_000
        assert regex.Regex(deep).groups == (4_000 if opened == "(" else 0)
        assert regex.Regex(f"{deep}|b").tree is not None
        with pytest.raises(regex.RegexError):
            regex.Regex(deep + ")")
    assert regex.compile("(?:" * 4_000 + "a" + ")" * 4_000).fullmatch("a")
    assert isinstance(regex.compile("(" * 4_000 + "a" + ")" * 4_000).tree, (Group, Opaque))
    assert regex.compile("|".join("a" * length for length in range(1, 120))).why_not or True
    assert regex.compile(f"{'x' * 3000}a|{'x' * 3000}b").fullmatch("x" * 3000 + "b")


EVERYDAY = r"""
true
.*
/foo/.*
/foo(/.*)?
/foo/?
^/x$
/api/v[0-9]+/.*
/api/v\d+/users/\d+
/users/\d+(/.*)?
/users/[^/]+/orders/[^/]+
/(foo|bar)/.*
[a-z]+
[A-Za-z0-9_-]{1,64}
[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}
(GET|POST)
.*@example\.com
^[^@]+@[^@]+\.[a-z]{2,}$
.*\.(js|css|png|jpg|jpeg|gif|svg|woff2?)$
([a-z0-9-]+\.)*example\.com
(.*\.)?example\.com(:[0-9]+)?
^(.*?;)?(user=jason)(;.*)?$
^(.*?; ?)?(canary=true)(;.*)?$
.*canary=always.*
.*(canary|beta).*
.*(iPhone|iPad|Android).*
.*(Chrome|Firefox)/[0-9]+\.[0-9]+.*
.*MSIE.*|.*Trident.*
(?i).*bot.*
(?i)bearer .+
^Bearer\s+.*$
application/(json|xml)(;.*)?
/([a-z]+\.)+[A-Za-z]+/[A-Za-z]+
[^/]*/x.*
/.*/x/.*
.*/v[0-9]+/.*
/files/(.+)/(.+)
^/api/v1/(?P<tenant>[^/]+)/.*$
(\d{1,3}\.){3}\d{1,3}
10\..*|192\.168\..*
v[0-9]+(\.[0-9]+)*
(a|b)*c
.*\.svc\.cluster\.local(:\d+)?
\w+(-\w+)*
(.*,)?admin(,.*)?
.*foo.*bar.*
/v1/.*/items/[0-9]+
(/[^/]+)*/edit
(.*&)?debug=1(&.*)?
.*\bmaintenance\b.*
""".strip().split("\n")


@pytest.mark.parametrize("encoding", BOTH)
def test_everyday_patterns_are_simulated(encoding: Encoding) -> None:
    assert [pattern for pattern in EVERYDAY if not regex.compile(pattern, encoding).simulated] == []


def test_a_pinned_pattern_still_finds_the_later_match() -> None:
    cookie = regex.compile("^(.*?;)?(user=jason)(;.*)?$")
    for text in (
        "user=jason",
        "a=b;user=jason",
        "user=jason;a=b",
        "user=jasonx;user=jason",
        ";user=jason;\r",
    ):
        assert cookie.fullmatch(text)
    for text in ("user=jasonx", "xuser=jason", "user=jason;\n", ""):
        assert not cookie.fullmatch(text)
    # "o" is the shorter word, and stands inside the longer: leftmost and first to end are not the same here
    assert regex.compile(".*(foo|o).*oo").fullmatch("foooo")
    assert regex.compile(".*(ab|b).*b").fullmatch("abb")
    assert regex.compile("\\s+.*").fullmatch(" \n  a")
    assert regex.compile("(\\s+.*)?x").fullmatch("\n x")


HARMLESS_IN_RE2 = [
    r"(a*)*b",
    r"(a|a)*$",
    r"(.*)*x",
    r"a*a*b",
    r"(a+)+$",
    r"(a|aa)+$",
    r".*.*=.*",
    r"(x+x+)+y",
    r"([a-z]+)*1",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(?:a?){30}a{30}",
    r"(a{0,100}){0,10}",
    r"(?:a?b?){30}c",
    r"(?:a{1,20}b?){1,20}c",
    r".*a.*a.*a.*b",
    r"(a|b|ab)*c",
    r"(a|ab)(c|bcd)(d*)",
    r"((a|b)*/)+z",
    r".*(a|b)(a|ab)(a|ab)(a|ab)c",
    r".*aaaaaaaaaaaaaaaaaaaaaaaab",
    r".*[a-z]{3,200}z",
    r".{0,50}a.*b",
    r".{0,15}(?:[a-z]+/)*[0-9]",
    r".{0,15}(?:(?:[a-z]+/)+-)*[0-9]",
    r".{0,30}(?:ab)*c",
    r"[a-z]{0,60}[a-y]*[0-9]",
    r"(/[^/]+)*/x",
    r"\s+.*x",
    r"(?s).*\b.*\B.*!",
    r"(?:a?a?a?a?a?a?a?a?)*b",
    r"(\w+\s?)*!",
    r"(.*?,){11}P",
]


@pytest.mark.parametrize("pattern", [*HARMLESS_IN_RE2, *EVERYDAY])
def test_no_text_takes_long(pattern: str) -> None:
    compiled = regex.compile(pattern)
    words = [
        "a",
        "x",
        "z",
        "/",
        "=",
        "!",
        ",",
        "\n",
        " ",
        "ab",
        "aab",
        "a/",
        "xa",
        "user=jason;",
        "/v1",
        "a\n",
        "b-",
        "\xc3\xa9",
    ]
    texts = [(word * 10_000)[:10_000] + end for word in words for end in ("", "\n", "!")]
    texts += [one * 2_500 + other * 2_500 for one in words[:9] for other in words[:9]]

    def seconds(text: str) -> float:
        start = time.process_time()
        compiled.fullmatch(text[:10_001])
        return time.process_time() - start

    slowest = max(texts, key=seconds)
    assert min(seconds(slowest) for _ in range(5)) < 0.010, slowest[:20]


def test_importing_costs_little() -> None:
    program = (
        "import sys, canarysim.table; before = set(sys.modules); import canarysim.table.regex\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "canarysim.table.regex" in loaded
    assert not {"unicodedata", "numpy", "attr", "canarysim.table.regex._names"}.intersection(loaded)
    apart = {"_python", "_safety", "_program", "_dfa", "_unicode", "_size"}
    assert not {f"canarysim.table.regex.{name}" for name in apart}.intersection(loaded)


@pytest.mark.parametrize("text", ["true", "a", "/api/v1", "x-y_Z9", "0"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_plain_pattern_is_what_the_parser_makes_of_it(text: str, encoding: Encoding) -> None:
    tree, groups = parse(text, encoding)
    compiled = regex.compile(text, encoding)
    assert (repr(compiled.tree), compiled.groups) == (repr(tree), groups)
