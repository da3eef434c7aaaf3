"""From Envoy's RouteMatch, as it was read, to the conditions of a route.

What declarations cannot say (a regex that RE2 refuses, ``ignore_case`` beside one) the values themselves refuse,
and the refusal is reported at the field that is to blame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from canarysim.errors import InvalidValue
from canarysim.table.conditions import (
    CookieMatcher,
    GrpcMatcher,
    RuntimeFraction,
    TlsContextMatcher,
    UnsimulatedMatcher,
)
from canarysim.table.matchers import (
    ConnectMatcher,
    HeaderMatcher,
    PathExact,
    PathPrefix,
    PathRegex,
    PathSeparatedPrefix,
    QueryParameterMatcher,
    Range,
)
from canarysim.table.metadata import ListValue, MetadataMatcher, NumberValue, OrValue, ValueMatcher
from canarysim.table.routes import RouteMatch
from canarysim.table.runtime import DENOMINATORS
from canarysim.table.strings import Kind, StringMatcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarysim.manifests.fields import Record
    from canarysim.table.matchers import PathMatcher

__all__ = ["fraction", "header_matchers", "refused", "route_match"]

#: The fields of HeaderMatcher that are older than ``string_match``, and what they mean.
_OLD_FIELDS: dict[str, Kind] = {
    "exact_match": "exact",
    "prefix_match": "prefix",
    "suffix_match": "suffix",
    "contains_match": "contains",
}

_TEXTS = {"prefix": PathPrefix, "path": PathExact, "path_separated_prefix": PathSeparatedPrefix}

T = TypeVar("T")


def refused(record: Record, field: str | None, make: Callable[..., T], /, *args: Any, **named: Any) -> T | None:
    """What ``make`` makes; None, after a problem at a field, where it refuses."""
    try:
        return make(*args, **named)
    except InvalidValue as wrong:
        record.wrong(wrong, field)
        return None


def route_match(record: Record) -> RouteMatch | None:
    """The conditions of a route; None, after a problem, where one of them is wrong."""
    unsimulated: list[UnsimulatedMatcher] = []
    path = _path(record, unsimulated)
    headers = header_matchers(record.get("headers", ()), unsimulated)
    queries = [_query(each, unsimulated) for each in record.get("query_parameters", ())]
    cookies = [_cookie(each, unsimulated) for each in record.get("cookies", ())]
    metadata = [_metadata(each, unsimulated) for each in record.get("dynamic_metadata", ())]
    tls: Record | None = record.get("tls_context")
    if "filter_state" in record:
        unsimulated.append(UnsimulatedMatcher("filter state", "what filters noted of the connection is not known"))
    if path is None or record.damaged:
        return None
    return RouteMatch(
        path,
        [each for each in headers if each is not None],
        [each for each in queries if each is not None],
        cookies=[each for each in cookies if each is not None],
        grpc=GrpcMatcher() if "grpc" in record else None,
        tls_context=None if tls is None else TlsContextMatcher(tls.get("presented"), tls.get("validated")),
        dynamic_metadata=[each for each in metadata if each is not None],
        runtime_fraction=fraction(record, "runtime_fraction"),
        unsimulated=unsimulated,
    )


def fraction(record: Record, name: str) -> RuntimeFraction | None:
    """A RuntimeFractionalPercent."""
    told: Record | None = record.get(name)
    if told is None or "default_value" not in told:
        return None
    default = told["default_value"]
    denominator = DENOMINATORS[default.get("denominator", "HUNDRED")]
    return RuntimeFraction(default.get("numerator", 0), denominator, told.get("runtime_key", ""))


def _path(record: Record, unsimulated: list[UnsimulatedMatcher]) -> PathMatcher | None:
    case: bool = record.get("case_sensitive", True)
    for name, make in _TEXTS.items():
        if name in record:
            return refused(record, name, make, record[name], case_sensitive=case)
    if "safe_regex" in record:
        regex = record["safe_regex"].get("regex", "")
        return refused(record, "safe_regex", PathRegex, regex, case_sensitive=case)
    if "connect_matcher" in record:
        return ConnectMatcher()
    if "path_match_policy" in record:
        return _path_policy(record, unsimulated)
    return None


def _path_policy(record: Record, unsimulated: list[UnsimulatedMatcher]) -> PathMatcher | None:
    packed = record["path_match_policy"].get("typed_config")
    if packed is None:
        return None
    if packed.record is None:
        unsimulated.append(UnsimulatedMatcher("path", f"an extension matches it: {packed.type}"))
        return PathPrefix("")
    from canarysim.table.templates import PathTemplate

    return refused(packed.record, "path_template", PathTemplate, packed.record.get("path_template", ""))


def header_matchers(
    records: list[Record], unsimulated: list[UnsimulatedMatcher] | None = None
) -> list[HeaderMatcher | None]:
    """The header matchers of a list, None for each that is wrong or is one of ``unsimulated``."""
    return [_header(record, unsimulated if unsimulated is not None else []) for record in records]


def _header(record: Record, unsimulated: list[UnsimulatedMatcher]) -> HeaderMatcher | None:
    name: str = record.get("name", "")
    named: dict[str, Any] = {
        "invert": record.get("invert_match", False),
        "missing_as_empty": record.get("treat_missing_header_as_empty", False),
    }
    value: StringMatcher | Range | None = None
    where: str | None = None
    for field, kind in _OLD_FIELDS.items():
        if field not in record:
            continue
        if field == "exact_match" and not record[field]:
            named["any_value"] = True
        else:
            value, where = StringMatcher(kind, record[field]), field
    if "safe_regex_match" in record:
        where = "safe_regex_match"
        value = refused(record, where, StringMatcher, "safe_regex", record[where].get("regex", ""))
        if value is None:
            return None
    elif "range_match" in record:
        told: Record = record["range_match"]
        value = Range(told.get("start", 0), told.get("end", 0))
    elif "string_match" in record:
        value = _string(record, f"header {name}", unsimulated)
        if value is None:
            return None
    elif "present_match" in record:
        named["present"] = record["present_match"]
    if not name:
        return None
    return refused(record, where, HeaderMatcher, name, value, **named)


def _string(record: Record, what: str, unsimulated: list[UnsimulatedMatcher]) -> StringMatcher | None:
    """The StringMatcher of a condition; None where it is wrong, or not simulated."""
    told: Record = record["string_match"]
    if "custom" in told:
        unsimulated.append(UnsimulatedMatcher(what, "an extension matches the text"))
        return None
    for kind in ("exact", "prefix", "suffix", "contains"):
        if kind in told:
            return refused(told, kind, StringMatcher, kind, told[kind], ignore_case=told.get("ignore_case", False))
    if "safe_regex" in told:
        regex = told["safe_regex"].get("regex", "")
        name = "ignore_case" if told.get("ignore_case") else "safe_regex"
        return refused(told, name, StringMatcher, "safe_regex", regex, ignore_case=told.get("ignore_case", False))
    return None


def _query(record: Record, unsimulated: list[UnsimulatedMatcher]) -> QueryParameterMatcher | None:
    name: str = record.get("name", "")
    value = None
    if "string_match" in record:
        value = _string(record, f"query parameter {name}", unsimulated)
        if value is None:
            return None
    if not name or "name" in record.damaged:
        return None
    return refused(record, "name", QueryParameterMatcher, name, value, present=record.get("present_match", True))


def _cookie(record: Record, unsimulated: list[UnsimulatedMatcher]) -> CookieMatcher | None:
    name: str = record.get("name", "")
    if "string_match" not in record or not name or "name" in record.damaged:
        return None
    value = _string(record, f"cookie {name}", unsimulated)
    if value is None:
        return None
    return refused(record, "name", CookieMatcher, name, value, record.get("invert_match", False))


def _metadata(record: Record, unsimulated: list[UnsimulatedMatcher]) -> MetadataMatcher | None:
    keys = [segment.get("key", "") for segment in record.get("path", ())]
    if "value" not in record or record.damaged:
        return None
    value = _value(record["value"], f"metadata {record.get('filter', '')}", unsimulated)
    if value is None:
        return None
    return refused(
        record, None, MetadataMatcher, record.get("filter", ""), keys, value, record.get("invert", False)
    )


def _value(record: Record, what: str, unsimulated: list[UnsimulatedMatcher]) -> ValueMatcher | None:
    told: Record
    if "null_match" in record:
        return ValueMatcher("null")
    if "present_match" in record:
        return ValueMatcher("present" if record["present_match"] else "never")
    if "bool_match" in record:
        return ValueMatcher(record["bool_match"])
    if "string_match" in record:
        text = _string(record, what, unsimulated)
        return None if text is None else ValueMatcher(text)
    if "double_match" in record:
        told = record["double_match"]
        if "exact" in told:
            return ValueMatcher(NumberValue(told["exact"]))
        edges: Record = told["range"]
        return ValueMatcher(NumberValue(edges.get("start", 0.0), edges.get("end", 0.0)))
    if "list_match" in record:
        item = (
            _value(record["list_match"]["one_of"], what, unsimulated) if "one_of" in record["list_match"] else None
        )
        return None if item is None else ValueMatcher(ListValue(item))
    if "or_match" in record:
        items = [_value(each, what, unsimulated) for each in record["or_match"].get("value_matchers", ())]
        return None if None in items else ValueMatcher(OrValue([item for item in items if item is not None]))
    return None
