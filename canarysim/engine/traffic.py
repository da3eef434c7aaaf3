"""Traffic: many requests, as columns, repetitions and mixes, each distinct one kept once."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from canarysim.engine.rng import whole_number
from canarysim.engine.split import as_random_values
from canarysim.engine.steps import smallest_unsigned
from canarysim.errors import InvalidValue
from canarysim.request import Request

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from canarysim.engine.access_log import LoggedTraffic

    Texts: TypeAlias = "str | Column | Sequence[str | None] | NDArray[Any] | None"
    Share: TypeAlias = "int | float | str | Fraction | Decimal"

__all__ = ["Column", "Mix", "Rows", "Traffic"]

SUM_OF_FLOATS = Fraction(1, 10**9)
"""How far from 1 the sum of shares may be if floats, which are rounded themselves, are among them."""


@attrs.frozen(eq=False, init=False)
class Column:
    """Texts by code: row i has the text ``categories[codes[i]]``, as in a pandas or Arrow dictionary column.

    ``codes`` are integers from 0 to len(categories) - 1, kept as the smallest unsigned dtype that holds them;
    ``categories`` are str, or None for what is missing: a missing header is not an empty one.

    Raises InvalidValue (``bad_codes``, ``unknown_code``, ``not_text``). Cost: a pass over the codes.

    >>> Column([0, 1, 1], [None, "true"])
    <Column 3 rows, 2 categories>
    """

    codes: NDArray[np.unsignedinteger[Any]]
    categories: tuple[str | None, ...]

    def __init__(self, codes: ArrayLike, categories: Iterable[str | None]) -> None:
        if isinstance(categories, str):
            raise InvalidValue("not_text", f"categories are a list of texts, not the one text {categories!r}")
        texts = tuple(categories)
        for text in texts:
            if not (text is None or isinstance(text, str)):
                raise InvalidValue("not_text", f"a category is a str or None, not {text!r}", value=text)
        array = np.asarray(codes)
        if array.ndim != 1 or not (array.dtype.kind in "iu" or array.size == 0):
            raise InvalidValue(
                "bad_codes",
                f"codes are a one-dimensional array of integers, not {array.dtype} of shape {array.shape}",
            )
        if array.size:
            for code in (int(array.min()), int(array.max())):
                if not 0 <= code < len(texts):
                    hint = "; for rows without a value add None to the categories" if code < 0 else ""
                    raise InvalidValue(
                        "unknown_code", f"code {code} names none of the {len(texts)} categories{hint}", value=code
                    )
        kept = array.astype(smallest_unsigned(max(0, len(texts) - 1)))  # a copy: nobody else can change it
        kept.flags.writeable = False
        self.__attrs_init__(kept, texts)

    @classmethod
    def from_arrow(cls, values: Any) -> Column:
        """Text of anything with ``__arrow_c_stream__`` or ``__arrow_c_array__``: a series, an array.

        Dictionary columns (categoricals, enums) keep their codes, other text is encoded as a dictionary. Rows
        without a value get None for their category. Raises MissingExtra without pyarrow, InvalidValue
        (``not_text``), TypeError. Cost: a pass over the codes, or one of Arrow's ``dictionary_encode``.
        """
        from canarysim.engine.arrow import column_from_arrow

        return column_from_arrow(values)

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        return f"<Column {len(self):,} rows, {len(self.categories):,} categories>"


@attrs.frozen(eq=False)
class Rows:
    """Requests in a given order: row i is ``requests[codes[i]]``, ``counts[i]`` times, with its random value."""

    requests: tuple[Request, ...]
    codes: NDArray[np.integer[Any]]
    counts: NDArray[np.int64] | None = None
    random_values: NDArray[np.uint64] | None = None
    n: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        n = len(self.codes) if self.counts is None else sum(self.counts.tolist())
        object.__setattr__(self, "n", n)

    def blocks(self, size: int) -> Iterator[tuple[NDArray[np.integer[Any]], NDArray[np.uint64] | None]]:
        """Codes and random values of every single request, rows with counts repeated, ``size`` at a time."""
        values = self.random_values
        ends = None if self.counts is None else np.cumsum(self.counts)
        for start in range(0, self.n, size):
            stop = min(start + size, self.n)
            at: slice | NDArray[np.intp] = slice(start, stop)
            if ends is not None:
                at = ends.searchsorted(np.arange(start, stop), side="right")
            yield self.codes[at], None if values is None else values[at]


@attrs.frozen(eq=False)
class Mix:
    """``n`` independent draws: each is ``requests[i]`` with the exact share ``shares[i]``."""

    requests: tuple[Request, ...]
    shares: tuple[Fraction, ...]
    n: int


@attrs.frozen(eq=False, repr=False)
class Traffic:
    """Many requests. Made by ``repeat``, ``mix``, ``from_columns`` and ``concat``; len() is their number.

    A traffic is immutable and knows no table. ``parts`` are what it is composed of, in order: ``Rows`` or
    ``Mix``.

    >>> pets, pet = Request("/findPets"), Request("/findPetWithId/1")
    >>> Traffic.concat(Traffic.repeat(pet, 900), Traffic.mix({pets: 0.9, pet: 0.1}, 100))
    <Traffic 1,000 requests, 2 distinct, 100 of them drawn>
    """

    parts: tuple[Rows | Mix, ...]

    def __attrs_post_init__(self) -> None:
        whole_number(self.n)  # which refuses too many

    @classmethod
    def repeat(cls, request: Request | str, n: int) -> Traffic:
        """The same request ``n`` times. It may be text as Request.parse reads it. Cost: none, whatever n.

        Raises TypeError for a wrong ``n`` or request, InvalidValue (``negative_count``, ``count_too_large``).
        """
        counts = np.array([whole_number(n)], np.int64)
        return cls((Rows((_request(request),), np.zeros(1, np.uint8), counts),))

    @classmethod
    def mix(cls, shares: Mapping[Any, Share] | Iterable[tuple[Request | str, Share]], n: int) -> Traffic:
        """``n`` independent draws from requests with given shares, drawn when the traffic is simulated.

        ``shares`` is a mapping or pairs. Shares add to 1: ints, Fractions, Decimals, floats, texts such as
        ``"10%"`` or ``"1/3"``. A float means the decimal number it prints as; where floats are among them the
        sum may be off by 10^-9, and is made 1. If all are ints they may be weights instead: 9 and 1 mean 9/10
        and 1/10. A request that stands twice has the sum. For exact compositions concat repetitions.

        Raises InvalidValue (``bad_share``, ``negative_share``, ``shares_do_not_add_to_1``, ``no_request`` and
        those of ``repeat``).

        >>> Traffic.mix({"GET /a": "90%", "GET /b": "10%"}, 1000).requests()
        {Request('GET /a'): Fraction(900, 1), Request('GET /b'): Fraction(100, 1)}
        """
        if isinstance(shares, str | Request):
            raise TypeError(
                "a mix is a mapping from requests to shares, or pairs; Traffic.repeat takes one request"
            )
        pairs = list(shares.items() if isinstance(shares, Mapping) else shares)
        found: dict[Request, Fraction] = {}
        for request, share in pairs:
            asked = _request(request)
            found[asked] = found.get(asked, Fraction(0)) + _share(asked, share)
        if not found:
            raise InvalidValue("no_request", "a mix needs at least one request")
        total = sum(found.values(), Fraction(0))
        ints = all(isinstance(share, int | np.integer) for _, share in pairs)
        floats = any(isinstance(share, float | np.floating) for _, share in pairs)
        if total != 1 and not (ints and total) and not (floats and abs(total - 1) <= SUM_OF_FLOATS):
            raise InvalidValue(
                "shares_do_not_add_to_1",
                f"the shares add up to {total if total.denominator < 1000 else float(total)}, not to 1; "
                "ints of any sum are taken as weights",
                total=total,
            )
        return cls((Mix(tuple(found), tuple(share / total for share in found.values()), whole_number(n)),))

    @classmethod
    def concat(cls, *traffics: Traffic) -> Traffic:
        """One after the other: exact compositions, such as 900 of this and 100 of that."""
        for traffic in traffics:
            if not isinstance(traffic, Traffic):
                raise TypeError(f"concat takes traffics, not {type(traffic).__name__}; Traffic.repeat makes one")
        return cls(tuple(part for traffic in traffics for part in traffic.parts))

    @classmethod
    def from_columns(
        cls,
        *,
        path: Texts,
        method: Texts = "GET",
        authority: Texts = "",
        scheme: Texts = None,
        headers: Mapping[str, Texts] | Iterable[tuple[str, Texts]] = (),
        counts: ArrayLike | None = None,
        random_values: ArrayLike | None = None,
    ) -> Traffic:
        """A request a row. A column is a list, tuple or array of str, a Column, or one text for every row.

        None in a header's column: the row lacks the header, which is not the same as an empty one; in
        ``scheme``: the listener's. ``headers`` is a mapping or pairs, in which names may repeat. ``counts`` says
        how often each row occurs, one after the other (integers, by default once). ``random_values`` are the
        64-bit values that Envoy drew: such rows are replayed exactly, and nothing is drawn for them.

        Raises InvalidValue: ``lengths_differ``, ``not_text``, ``missing_text``, ``bad_column``, ``bad_counts``,
        ``negative_count``, ``unknown_code``, and what Request and Split.pick refuse.
        Cost: O(rows) a column, and a Request for each distinct row.

        >>> traffic = Traffic.from_columns(path="/", headers={"x-canary": [None, "true", "true"]})
        >>> traffic.requests()
        {Request('GET /'): 1, Request('GET / x-canary:true'): 2}
        """
        texts: list[tuple[str, Texts]] = [("path", path), ("method", method), ("authority", authority)]
        texts.append(("scheme", scheme))
        if isinstance(headers, str):
            raise TypeError("headers is a mapping from names to columns, or pairs, not one str")
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        names = [name for name, _ in pairs]
        Request("/", headers=[(name, "") for name in names])  # which refuses names that no header has
        columns = [(what, _column(what, given)) for what, given in texts]
        columns += [(f"header {name}", _column(f"header {name}", given)) for name, given in pairs]
        for what, column in columns[:3]:
            if None in (column.categories if isinstance(column, Column) else (column,)):
                raise InvalidValue("missing_text", f"{what} has None; only headers and the scheme may be missing")
        occurs = None if counts is None else _counts(counts)
        values = None if random_values is None else _values(random_values)
        lengths = {what: len(column) for what, column in columns if isinstance(column, Column)}
        lengths |= {"counts": len(occurs)} if occurs is not None else {}
        lengths |= {"random_values": len(values)} if values is not None else {}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{what} {length:,}" for what, length in lengths.items())
            raise InvalidValue("lengths_differ", f"columns of one traffic are equally long: {listed}", **lengths)
        requests, codes = _distinct([c for _, c in columns], names, next(iter(lengths.values()), 1))
        return cls((Rows(requests, codes, occurs, values),))

    @classmethod
    def from_arrow(
        cls, data: Any, *, fields: Mapping[str, str] | None = None, columns: Iterable[str] | None = None
    ) -> Traffic:
        """A request a row of anything with ``__arrow_c_stream__`` or ``__arrow_c_array__``: a frame, a relation.

        Its columns are called path, method, authority, scheme, "header x-canary" for each header, counts and
        random_values, as in ``from_columns``; ``fields`` says which are called otherwise, such as
        ``{"path": "uri", "header x-canary": "canary"}``. Others are not looked at. ``columns`` are the only ones
        to be taken, besides the path and the numbers. Text is read as Column.from_arrow does.

        Raises MissingExtra without pyarrow, TypeError, UnknownName for a column that is not there, InvalidValue
        (``no_path``, ``unknown_column``, ``ambiguous_field``, ``not_text``, ``missing_number`` and those of
        ``from_columns``).
        """
        from canarysim.engine.arrow import traffic_from_arrow

        return traffic_from_arrow(data, fields=fields, columns=columns)

    @classmethod
    def from_access_log(
        cls,
        log: str | os.PathLike[str] | IO[bytes],
        *,
        fields: Mapping[str, str] | None = None,
        format: Literal["json", "text"] | None = None,  # noqa: A002
        columns: Iterable[str] | None = None,
    ) -> LoggedTraffic:
        r"""A request a row of an access log of Envoy: JSON lines or the default text format, plain or gzip.

        ``log`` is a path, or a file opened in binary mode. Gzip is told by its first bytes, ``format`` by how the
        log begins, and the fields of JSON by their usual names, those within objects too. ``fields`` names
        others: ``{"path": "uri", "header x-canary": "request.headers.canary"}``. ``columns`` are the only ones to
        be read besides the path; by default method, authority, scheme, and of the headers user-agent,
        x-forwarded-proto and those in ``fields``. "-" and null say that a value is missing.

        The path is the one that the client sent, before rewrites, but after the connection manager has normalized
        it. A log does not have all of a request: headers that it lacks count as missing, a missing method as GET,
        and of a header that came twice JSON and text have the first value. What was read, and which rows were left
        out and why, is in ``traffic.log``.

        JSON is read by pyarrow where it is installed and the log is long, else by the standard library, with the
        same answer. ``canarysim.read_access_log`` reads logs of any length in pieces. Raises OSError, TypeError,
        InvalidValue: ``no_path`` with the fields that were found, ``ambiguous_field``, ``no_row`` where no row can
        be read, ``empty_log``, ``compressed``, ``unknown_column``, ``bad_format``, ``fields_of_text``.

        >>> import io
        >>> log = io.BytesIO(b'{"path": "/pets", "method": "GET", "authority": "shop"}\noops\n')
        >>> traffic = Traffic.from_access_log(log)
        >>> traffic.requests()
        {Request('GET /pets host:shop'): 1}
        >>> print(traffic.log.first_skipped[0])
        line 2: is no JSON
        """
        from canarysim.engine.access_log import from_access_log

        return from_access_log(log, fields=fields, format=format, columns=columns)

    def requests(self) -> dict[Request, int | Fraction]:
        """The distinct requests, in the order in which they first stand there, and how often each occurs.

        For requests of a mix that is the average, a Fraction. The numbers add up to len(). Cost: O(rows).
        """
        found: dict[Request, int | Fraction] = {}
        for part in self.parts:
            if isinstance(part, Mix):
                numbers: Iterable[int | Fraction] = [share * part.n for share in part.shares]
            else:
                numbers = tally(part.codes, part.counts, len(part.requests)).tolist()
            for request, number in zip(part.requests, numbers, strict=True):
                found[request] = found.get(request, 0) + number
        return found

    def __len__(self) -> int:
        return self.n

    @property
    def n(self) -> int:
        """The number of requests."""
        return sum(part.n for part in self.parts)

    def __repr__(self) -> str:
        distinct = len({request for part in self.parts for request in part.requests})
        drawn = sum(part.n for part in self.parts if isinstance(part, Mix))
        chosen = f", {drawn:,} of them drawn" if drawn else ""
        return f"<Traffic {self.n:,} requests, {distinct:,} distinct{chosen}>"


def tally(codes: NDArray[np.integer[Any]], counts: NDArray[np.int64] | None, size: int) -> NDArray[np.int64]:
    """How often each code from 0 to size - 1 occurs: int64, exact also where floats would not be."""
    if counts is None:
        return np.bincount(codes, minlength=size).astype(np.int64, copy=False)
    numbers = np.zeros(size, np.int64)
    np.add.at(numbers, codes, counts)
    return numbers


def _request(request: Request | str) -> Request:
    if isinstance(request, str):
        return Request.parse(request)
    if not isinstance(request, Request):
        raise TypeError(f"a request is a Request or text such as 'GET /path', not {type(request).__name__}")
    return request


def _share(request: Request, share: object) -> Fraction:
    try:
        exact = _number(share)
    except (ValueError, OverflowError, ZeroDivisionError):
        exact = None
    if exact is None:
        raise InvalidValue(
            "bad_share", f"the share of '{request}' is {share!r}; write 0.1, '10%' or Fraction(1, 10)", share=share
        )
    if exact < 0:
        raise InvalidValue("negative_share", f"the share of '{request}' is {share}, below 0", share=share)
    return exact


def _number(share: object) -> Fraction | None:
    """The exact number that a share says; None, or an error of Fraction, where it says none."""
    match share:
        case bool() | np.bool_():
            return None
        case int() | np.integer():
            return Fraction(int(share))
        case float() | np.floating():
            return Fraction(repr(float(share)))
        case str() if share.rstrip().endswith("%"):
            return Fraction(share.rstrip().removesuffix("%").strip()) / 100
        case Fraction() | Decimal() | str():
            return Fraction(share)
        case _:
            return None


# Columns


def _column(what: str, given: Texts) -> Column | str | None:
    """A column as codes; a single text, or None, stands for every row and stays as it is."""
    if given is None or isinstance(given, str | Column):
        return given
    values: Any = given
    if not isinstance(values, list | tuple) and hasattr(values, "__array__"):
        array = np.asarray(values)
        if array.ndim != 1:
            raise InvalidValue(
                "bad_column", f"{what} is an array of shape {array.shape}; a column has one dimension"
            )
        values = array.tolist()
    if not isinstance(values, list | tuple):
        raise InvalidValue(
            "bad_column",
            f"{what} is a list, tuple or array of str, a Column or one str, not {type(given).__name__}",
        )
    for row, value in enumerate(values):
        if not (value is None or isinstance(value, str)):
            hint = "; write None for what is missing" if isinstance(value, float) else ""  # pandas has NaN there
            raise InvalidValue(
                "not_text", f"row {row} of {what} is {value!r}, not a str{hint}", row=row, value=value
            )
    known: dict[str | None, int] = {}
    codes = np.fromiter((known.setdefault(value, len(known)) for value in values), np.int64, len(values))
    return Column(codes, known)


def _counts(counts: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(counts)
    if array.ndim != 1 or not (array.dtype.kind in "iu" or array.size == 0):
        raise InvalidValue(
            "bad_counts", f"counts are an integer for each row, not {array.dtype} of shape {array.shape}"
        )
    if array.size:
        whole_number(int(array.min()))
        whole_number(int(array.max()))
    return array.astype(np.int64)


def _values(random_values: ArrayLike) -> NDArray[np.uint64]:
    array = as_random_values(random_values)
    if array.ndim != 1:
        raise InvalidValue("bad_column", f"random_values have shape {array.shape}; a column has one dimension")
    return array.astype(np.uint64)


def _distinct(
    columns: Sequence[Column | str | None], names: Sequence[str], length: int
) -> tuple[tuple[Request, ...], NDArray[np.integer[Any]]]:
    """The distinct requests in order of appearance, and which of them each row is."""
    code, size = np.zeros(length, np.int64), 1
    for column in columns:
        if isinstance(column, Column):
            # Numbered anew after each column, so that the product of all categories never overflows.
            joint = code * len(column.categories) + column.codes
            code, size = _numbered(joint, size * len(column.categories))
    # Of what is written to one place the last stays, and going backwards that is the first row.
    first = np.zeros(size if length else 0, np.int64)
    first[code[::-1]] = np.arange(length - 1, -1, -1)
    known: dict[Request, int] = {}
    number = np.zeros(len(first), np.int64)
    for at in np.argsort(first).tolist():
        row = int(first[at])
        texts = [c.categories[c.codes[row]] if isinstance(c, Column) else c for c in columns]
        request = _built(texts, names)
        # Different rows may make the same request: a category that stands twice, a name in capitals.
        number[at] = known.setdefault(request, len(known))
    return tuple(known), number.astype(smallest_unsigned(max(0, len(known) - 1)))[code]


def _numbered(values: NDArray[np.int64], bound: int) -> tuple[NDArray[np.int64], int]:
    """Values below a bound numbered without gaps, and how many different ones there are."""
    if bound > 4 * len(values) + 1024:
        found, numbers = np.unique(values, return_inverse=True)
        return numbers.astype(np.int64, copy=False), len(found)
    there = np.zeros(bound, np.bool_)  # a table beats sorting
    there[values] = True
    rank = np.cumsum(there, dtype=np.int64) - 1
    return rank[values], int(there.sum())


def _built(texts: Sequence[str | None], names: Sequence[str]) -> Request:
    path, method, authority, scheme, *values = texts
    assert path is not None
    assert method is not None
    assert authority is not None
    headers = [(name, value) for name, value in zip(names, values, strict=True) if value is not None]
    return Request(path, method=method, authority=authority, scheme=scheme, headers=headers)
