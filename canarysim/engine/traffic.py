"""Traffic: many requests, as columns, repetitions and mixes, each distinct one kept once."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from canarysim.engine.columns import Column, Raw, as_column, has_missing, tally
from canarysim.engine.rng import whole_number
from canarysim.engine.rows import Columns, Rows, with_hosts
from canarysim.engine.split import as_random_values
from canarysim.errors import InvalidValue
from canarysim.request import Request

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from canarysim.engine.access_log import LoggedTraffic

    Texts: TypeAlias = "str | Column | Sequence[str | None] | NDArray[Any] | None"
    Share: TypeAlias = "int | float | str | Fraction | Decimal"

__all__ = ["Column", "Mix", "Rows", "Traffic"]

SUM_OF_FLOATS = Fraction(1, 10**9)
"""How far from 1 the sum of shares may be if floats, which are rounded themselves, are among them."""

FEW_ROWS = 100_000
"""Rows of columns that are searched for what only a reader wants to know."""


@attrs.frozen(eq=False)
class Mix:
    """``n`` independent draws: each is ``requests[i]`` with the exact share ``shares[i]``."""

    requests: tuple[Request, ...]
    shares: tuple[Fraction, ...]
    n: int


@attrs.frozen(eq=False, repr=False)
class Traffic:
    """Many requests. Made by ``repeat``, ``mix``, ``from_columns`` and ``concat``; len() is their number.

    A traffic is immutable and knows no table. ``parts`` are what it is composed of, in order: ``Rows``
    (with ``Columns`` among them) or ``Mix``.

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
        Lists are copied, and numbered only if the table that is asked looks at them (RouteTable.columns_needed).
        Cost: O(rows) a column. No Request is made before somebody asks for one.

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
        columns = [(what, as_column(what, given)) for what, given in texts]
        columns += [(f"header {name}", as_column(f"header {name}", given)) for name, given in pairs]
        for what, column in columns[:3]:
            if has_missing(column):
                raise InvalidValue("missing_text", f"{what} has None; only headers and the scheme may be missing")
        occurs = None if counts is None else _counts(counts)
        values = None if random_values is None else _values(random_values)
        lengths = {what: len(column) for what, column in columns if isinstance(column, Column | Raw)}
        lengths |= {"counts": len(occurs)} if occurs is not None else {}
        lengths |= {"random_values": len(values)} if values is not None else {}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{what} {length:,}" for what, length in lengths.items())
            raise InvalidValue("lengths_differ", f"columns of one traffic are equally long: {listed}", **lengths)
        size = next(iter(lengths.values()), 1)
        labels = [*(what for what, _ in texts), *(name.lower() for name in names)]
        labels, given = with_hosts(labels, [column for _, column in columns], size)
        return cls((Columns(labels, given, size, occurs, values),))

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
        distinct = self.distinct
        told = "" if distinct is None else f", {distinct:,} distinct"
        drawn = sum(part.n for part in self.parts if isinstance(part, Mix))
        chosen = f", {drawn:,} of them drawn" if drawn else ""
        return f"<Traffic {self.n:,} requests{told}{chosen}>"

    @property
    def distinct(self) -> int | None:
        """The number of distinct requests; None where columns of more than 100,000 rows would have to be searched.

        ``len(requests())`` counts them whatever it costs.
        """
        if any(isinstance(part, Columns) and part.size > FEW_ROWS for part in self.parts):
            return None
        return len({request for part in self.parts for request in part.requests})


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
