"""What the connection manager makes of a path before any route sees it.

Octet text: each char of a `str` stands for one byte. Paths are those of `:path`, with their query.
"""

import re
from typing import Final

__all__ = ["merge_slashes", "normalize", "unescape_slashes", "without_parameters"]

# Facts.
#
# 1. `normalize_path` works on what stands before the first `?`; the query follows unchanged.
# 2. `%XX` of a letter, a digit or one of `-._~` is decoded; every other one stays, in its own case. What is
#    no `%XX` stays too (`%`, `%2`, `%zz`). There is one pass: `%2561` stays. But where decoding would give
#    such a `%` two hexadecimal digits to escape with, it becomes `%25`: `%2%61` is `%252a`, `%%30%30` is
#    `%2500`.
# 3. `%00` makes the request a 400, wherever it stands before the query.
# 4. `"<>^{|}` and the backquote become `%XX`, in upper case.
# 5. A backslash becomes a slash. `%5C` and `%2F` stay what they are.
# 6. Then segments `.` and `..` are resolved, however their dots were spelled. `..` takes away the segment
#    before it, even an empty one, and stops at the root; a path that ends in either ends in a slash.
# 7. Empty segments stay, as do `...`, `.a`, `a.` and, in 1.36, `..;x`.
# 8. 1.40 first cuts the parameters off segments that are written `.;` or `..;` plainly, between plain
#    slashes: `/a/..;x/b` is `/b`, but `/a/%2e.;x/b` is `/a/..;x/b`. What is cut is not looked at again: a
#    backslash in it is no slash, and a `%00` no 400. (guard strip_dotdot_segments_with_parameters, absent
#    in 1.36)
# 9. A `#` anywhere, the query included, is a 400, with or without `normalize_path`.
# 10. `merge_slashes` comes after normalization and leaves the query alone too. Runs of slashes become one,
#     but a path of nothing but slashes (two or more) becomes `//`.
# 11. Bytes from 0x80 up become `%XX` each, like those of 4. (HTTP/1 refuses them, HTTP/2 does not.)
# 12. So do blanks and control bytes; the byte 0 is a 400 like `%00`. (No request with them gets this far.)
#
# 1 to 11: observed on Envoy 1.36.4 and 1.40.0, which agree but for 8. 12: read in googleurl, whose
# canonicalization of paths Envoy uses.

_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DECODED: Final = {
    f"%{first}{second}": chr(int(first + second, 16))
    for first in "01234567"
    for second in "0123456789abcdefABCDEF"
    if int(first + second, 16) in _UNRESERVED
}
_DECODED["%"] = "%25"
_DIGIT: Final = "(?:[0-9A-Fa-f]|%(?:3[0-9]|[46][1-6]))"  # as it is, or escaped
_DECODABLE: Final = re.compile(f"%(?:[0-9A-Fa-f]{{2}}|(?={_DIGIT}{{2}}))")
_REFUSED: Final = re.compile("%00|\0")
_ESCAPED: Final = {code: f"%{code:02X}" for code in (*range(0x21), *b'"<>^`{|}', *range(0x7F, 0x100))}
_CLEAN: Final = re.compile(r"(?:/(?!\.)[A-Za-z0-9\-._~!$&'()*+,;=:@\[\]]*+)++")
_DOT_PARAMETERS: Final = re.compile(r"(?<=/)(\.\.?);[^/]*")
_SLASHES: Final = re.compile("//+")


def normalize(path: str, *, strip_dot_parameters: bool = False) -> str | None:
    r"""What `normalize_path: true` makes of the path; None when Envoy answers 400.

    `strip_dot_parameters` is what Envoy 1.40 does and 1.36 does not. Linear in the length of the path.

    >>> normalize("/a/../%62?x=/../y")
    '/b?x=/../y'
    >>> normalize(r"/a//..\%2f{b}")
    '/a/%2f%7Bb%7D'
    >>> normalize("/a/..;v=1/b"), normalize("/a/..;v=1/b", strip_dot_parameters=True)
    ('/a/..;v=1/b', '/b')
    >>> normalize("/%00") is None
    True
    """
    if "#" in path:
        return None
    head, mark, query = path.partition("?")
    if _CLEAN.fullmatch(head):
        return path
    if strip_dot_parameters and ".;" in head:
        head = _DOT_PARAMETERS.sub(r"\1", head)
    if _REFUSED.search(head):
        return None
    if not head.startswith(("/", "\\")):
        head = "/" + head  # as googleurl does; Envoy answers before it comes to that
    head = _DECODABLE.sub(lambda found: _DECODED.get(found[0], found[0]), head)
    head = head.translate(_ESCAPED).replace("\\", "/")
    return _resolve_dots(head) + mark + query


def _resolve_dots(head: str) -> str:
    if "/." not in head:
        return head
    kept: list[str] = []
    segments = head.split("/")[1:]  # before the first slash is nothing
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def merge_slashes(path: str) -> str:
    """What `merge_slashes: true` makes of the path, after `normalize` where both are on.

    >>> merge_slashes("//a///b//?x=//")
    '/a/b/?x=//'
    """
    head, mark, query = path.partition("?")
    if "//" not in head:
        return path
    merged = _SLASHES.sub("/", head)
    return ("//" if merged == "/" else merged) + mark + query


_ESCAPED_SLASH = re.compile("%(2[Ff]|5[Cc])")
_PARAMETERS = re.compile(";[^/]*")


def unescape_slashes(path: str) -> str:
    """The path with `%2F` and `%5C` before the query decoded, in one pass."""
    before, mark, query = path.partition("?")
    return _ESCAPED_SLASH.sub(lambda found: "/" if found[1][0] == "2" else "\\", before) + mark + query


def without_parameters(path: str, *, by_segment: bool) -> str:
    """A path without query, its parameters cut: in each segment, or from the first `;` to its end."""
    return _PARAMETERS.sub("", path) if by_segment else path.partition(";")[0]
