"""From the action of an Envoy route, as it was read, to that of the table.

Facts (source of Envoy 1.40's route configuration; each refusal run on 1.36.4 and 1.40.0, see
tests/envoy/test_refusals.py):

1. Of prefix, regex, policy and format one may rewrite the path. A policy needs a template as the matcher of the
   path, and ``prefix_rewrite``, in a redirect too, must not stand beside one.
2. An entry of a weighted list has a weight, and a name or a cluster header. The weights sum to 1 up to
   2^32 - 1.
3. A kind of upgrade stands once, whatever its case; ``connect_config`` belongs to CONNECT.
4. ``filter_action`` and ``non_forwarding_action`` name no cluster, so that the answer is 503.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarysim.errors import InvalidValue
from canarysim.manifests.envoy.faults import faults_of
from canarysim.manifests.envoy.headers import mutations
from canarysim.manifests.envoy.matches import fraction, refused
from canarysim.manifests.envoy.unknowns import open_fields
from canarysim.table.actions import (
    NOT_FOUND_CODES,
    Destination,
    MirrorPolicy,
    NonForwardingAction,
    RouteAction,
    Unknown,
)
from canarysim.table.redirects import REDIRECT_CODES, DirectResponseAction, RedirectAction
from canarysim.table.rewrites import HostRewrite, PrefixRewrite, RegexRewrite

if TYPE_CHECKING:
    from canarysim.manifests.fields import Record
    from canarysim.table.hash_policies import HashPolicy
    from canarysim.table.matchers import PathMatcher
    from canarysim.table.rewrites import PathRewrite
    from canarysim.table.routes import Action
    from canarysim.table.templates import PathTemplate, TemplateRewrite

__all__ = ["action_of", "mirror_policies", "regex_rewrite"]

_PATH_REWRITES = ("prefix_rewrite", "regex_rewrite", "path_rewrite_policy", "path_rewrite")


def action_of(route: Record, path: PathMatcher, max_body: int) -> tuple[Action | None, tuple[Unknown, ...]]:
    """The action of a route, and what of it is not simulated. None without unknowns where it is wrong."""
    if "redirect" in route:
        record: Record = route["redirect"]
        return _redirect(record, path), tuple(open_fields(record))
    if "direct_response" in route:
        record = route["direct_response"]
        return _direct_response(record, max_body), ()
    for name in ("filter_action", "non_forwarding_action"):
        if name in route:
            return NonForwardingAction(name), ()
    if "route" not in route:
        return None, ()
    record = route["route"]
    return _forward(record, path), tuple(open_fields(record))


# Forwarding


def _forward(record: Record, path: PathMatcher) -> RouteAction | None:
    destinations: list[Destination] = []
    weighted: Record | None = record.get("weighted_clusters")
    if weighted is not None:
        destinations = _entries(weighted)
    elif "cluster" in record:
        destinations = [Destination(record["cluster"], source=None)]
    elif "cluster_header" not in record:
        return None  # said already, or a plugin chooses
    rewrite = _path_rewrite(record, path)
    host = _host_rewrite(record)
    hashes = [policy for each in record.get("hash_policy", ()) if (policy := _hash_policy(each)) is not None]
    mirrors = mirror_policies(record)
    upgrades = _upgrades(record)
    if record.damaged or (weighted is not None and (weighted.damaged or not destinations)):
        return None
    named: dict[str, Any] = {}
    if weighted is not None:
        named["header_name"] = weighted.get("header_name", "")
        named["use_hash_policy"] = weighted.get("use_hash_policy", False)
        named["runtime_key_prefix"] = weighted.get("runtime_key_prefix", "")
    timeout = record.get("timeout")
    if timeout is not None and timeout < 0:
        record.report("negative_timeout", "a timeout is not negative", "timeout")
        return None
    return refused(
        record,
        "weighted_clusters" if weighted is not None else None,
        RouteAction,
        destinations,
        weighted=weighted is not None,
        cluster_header=record.get("cluster_header", ""),
        hash_policies=hashes,
        cluster_not_found_status=NOT_FOUND_CODES[
            record.get("cluster_not_found_response_code", "SERVICE_UNAVAILABLE")
        ],
        path_rewrite=rewrite,
        host_rewrite=host,
        mirrors=mirrors,
        upgrades=upgrades,
        timeout=None if timeout is None else timeout / 1e9,
        **named,
    )


def _entries(record: Record) -> list[Destination]:
    """The entries of a weighted list (fact 2); none, after a problem, where one is wrong."""
    found: list[Destination] = []
    records: list[Record] = record.get("clusters", [])
    for entry in records:
        name, header = entry.get("name", ""), entry.get("cluster_header", "")
        if bool(name) is bool(header) and not entry.damaged:
            both = "both name and cluster_header" if name else "neither name nor cluster_header"
            entry.report("bad_entry", f"the entry has {both}", None, "give it one of the two")
        elif "weight" not in entry and not entry.damaged:
            entry.report("no_weight", "the entry has no weight", None, "add weight:")
        elif not entry.damaged:
            destination = refused(
                entry,
                None,
                Destination,
                name,
                weight=entry["weight"],
                cluster_header=header,
                host_rewrite=entry.get("host_rewrite_literal", ""),
                mutations=mutations(entry),
                faults=faults_of(entry),
                unknowns=tuple(open_fields(entry)),
                source=entry.where(),
            )
            if destination is not None:
                found.append(destination)
    return found if len(found) == len(records) else []


def _path_rewrite(record: Record, path: PathMatcher) -> PathRewrite | None:
    """Fact 1."""
    told = [name for name in _PATH_REWRITES if record.get(name)]
    if len(told) > 1:
        record.report(
            "two_rewrites",
            f"{' and '.join(told)} stand together; one of them may rewrite the path",
            told[1],
            "keep one of them",
        )
        return None
    templates = type(path).__name__ == "PathTemplate"
    if "prefix_rewrite" in told:
        if templates:
            record.report(
                "prefix_rewrite_of_template",
                "prefix_rewrite cannot stand beside path_match_policy",
                "prefix_rewrite",
                "use path_rewrite_policy or regex_rewrite",
            )
            return None
        return PrefixRewrite(record["prefix_rewrite"])
    if "regex_rewrite" in record:
        return regex_rewrite(record, "regex_rewrite")
    if "path_rewrite" in told:
        from canarysim.table.templates import FormatRewrite

        return refused(record, "path_rewrite", FormatRewrite, record["path_rewrite"])
    return _template_rewrite(record, path) if "path_rewrite_policy" in record else None


def _template_rewrite(record: Record, path: PathMatcher) -> PathRewrite | None:
    packed = record["path_rewrite_policy"].get("typed_config")
    if packed is None or packed.record is None:
        return None  # an extension that is not simulated: unknowns.py says so
    from canarysim.table.templates import PathTemplate, TemplateRewrite

    if not isinstance(path, PathTemplate):
        record.report(
            "no_template",
            "path_rewrite_policy needs a path_match_policy in match",
            "path_rewrite_policy",
            "match by a template, or rewrite by regex_rewrite",
        )
        return None
    text = packed.record.get("path_template_rewrite", "")
    return _checked(packed.record, refused(packed.record, "path_template_rewrite", TemplateRewrite, text), path)


def _checked(record: Record, rewrite: TemplateRewrite | None, path: PathTemplate) -> TemplateRewrite | None:
    """The rewrite, if the template of the matcher has all its variables."""
    if rewrite is None:
        return None
    try:
        rewrite.rewrite.check(path.template)
    except InvalidValue as wrong:
        record.wrong(wrong, "path_template_rewrite")
        return None
    return rewrite


def regex_rewrite(record: Record, name: str) -> RegexRewrite | None:
    """A RegexMatchAndSubstitute; None, after a problem, where it is wrong."""
    told: Record | None = record.get(name)
    if told is None or "pattern" not in told:
        return None
    regex = told["pattern"].get("regex", "")
    return refused(told, "pattern", RegexRewrite, regex, told.get("substitution", ""))


def _host_rewrite(record: Record) -> HostRewrite | None:
    named: dict[str, Any] = {"append_x_forwarded_host": record.get("append_x_forwarded_host", False)}
    if "host_rewrite_literal" in record:
        named["literal"] = record["host_rewrite_literal"]
    elif "host_rewrite_header" in record:
        named["header"] = record["host_rewrite_header"]
    elif "host_rewrite_path_regex" in record:
        named["path_regex"] = regex_rewrite(record, "host_rewrite_path_regex")
        if named["path_regex"] is None:
            return None
    elif "host_rewrite" in record:
        from canarysim.table.formats import FormatString

        named["format"] = refused(record, "host_rewrite", FormatString, record["host_rewrite"], in_header=False)
        if named["format"] is None:
            return None
    else:
        return None
    return HostRewrite(**named)


def _hash_policy(record: Record) -> HashPolicy | None:
    from canarysim.table.hash_policies import (
        ConnectionHash,
        CookieHash,
        FilterStateHash,
        HashPolicy,
        HeaderHash,
        QueryParameterHash,
    )

    terminal: bool = record.get("terminal", False)
    if record.damaged:
        return None
    source: Any = None
    if "header" in record:
        told: Record = record["header"]
        rewrite = regex_rewrite(told, "regex_rewrite")
        source = refused(told, None, HeaderHash, told.get("header_name", ""), rewrite)
    elif "cookie" in record:
        source = refused(record["cookie"], None, CookieHash, record["cookie"].get("name", ""))
    elif "query_parameter" in record:
        told = record["query_parameter"]
        source = refused(told, None, QueryParameterHash, told.get("name", ""))
    elif "connection_properties" in record:
        source = ConnectionHash(record["connection_properties"].get("source_ip", False))
    elif "filter_state" in record:
        source = refused(record, "filter_state", FilterStateHash, record["filter_state"].get("key", ""))
    return None if source is None else HashPolicy(source, terminal=terminal)


def mirror_policies(record: Record) -> list[MirrorPolicy]:
    """The mirror policies of a route, a virtual host or a table."""
    found = []
    for each in record.get("request_mirror_policies", ()):
        policy = refused(
            each,
            None,
            MirrorPolicy,
            each.get("cluster", ""),
            cluster_header=each.get("cluster_header", ""),
            fraction=fraction(each, "runtime_fraction"),
        )
        if policy is not None:
            found.append(policy)
    return found


def _upgrades(record: Record) -> list[tuple[str, bool]]:
    """Fact 3."""
    found: dict[str, bool] = {}
    for each in record.get("upgrade_configs", ()):
        kind = each.get("upgrade_type", "").lower()
        if kind in found:
            each.report("duplicate_upgrade", f"the upgrade {kind} stands twice", "upgrade_type", "keep one")
        if "connect_config" in each and kind not in ("connect", "connect-udp"):
            each.report("bad_connect_config", "connect_config belongs to CONNECT", "connect_config", "remove it")
        found[kind] = each.get("enabled", True)
    return list(found.items())


# Answers


def _redirect(record: Record, path: PathMatcher) -> RedirectAction | None:
    rewrite: str | PathRewrite | None = None
    if "path_redirect" in record:
        rewrite = record["path_redirect"]
    elif "prefix_rewrite" in record:
        if type(path).__name__ == "PathTemplate":
            record.report(
                "prefix_rewrite_of_template",
                "prefix_rewrite cannot stand beside path_match_policy",
                "prefix_rewrite",
                "use path_redirect or regex_rewrite",
            )
            return None
        rewrite = PrefixRewrite(record["prefix_rewrite"])
    elif "regex_rewrite" in record:
        rewrite = regex_rewrite(record, "regex_rewrite")
    elif record.get("path_rewrite"):
        from canarysim.table.templates import FormatRewrite

        rewrite = refused(record, "path_rewrite", FormatRewrite, record["path_rewrite"])
    if record.damaged:
        return None
    return refused(
        record,
        None,
        RedirectAction,
        https=record.get("https_redirect", False),
        scheme=record.get("scheme_redirect", ""),
        host=record.get("host_redirect", ""),
        port=record.get("port_redirect", 0),
        path=rewrite,
        status=REDIRECT_CODES[record.get("response_code", "MOVED_PERMANENTLY")],
        strip_query=record.get("strip_query", False),
    )


def _direct_response(record: Record, max_body: int) -> DirectResponseAction | None:
    body: Record | None = record.get("body")
    text: str = "" if body is None else body.get("inline_string", "")
    if "status" not in record or record.damaged:
        return None
    if len(text.encode("utf-8", "surrogatepass")) > max_body:
        record.report("body_too_long", f"the body has more than {max_body} bytes", "body", "shorten it")
        return None
    return refused(record, "status", DirectResponseAction, status=record["status"], body=text)
