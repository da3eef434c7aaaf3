"""From the options of a Gloo route to what they make of requests that it forwards.

Facts (source of Gloo 1.22, the plugins basicroute, shadowing, loadbalancer and faultinjection):

1. Rewrites, timeouts, retries and upgrades apply to a ``routeAction`` only, and are let pass beside other actions;
   ``shadowing`` and ``lbHash`` are an error there. Faults have no effect there, nor beside ``clusterHeader`` and
   ``dynamicForwardProxy``.
2. ``appendXForwardedHost`` has an effect only beside a rewrite of the host.
3. A route may have a prefix rewrite or a regex rewrite: Gloo takes both, Envoy refuses the pair. An empty
   ``prefixRewrite`` is none.
4. ``upgrades`` allow or forbid websockets and CONNECT, each once; one without ``enabled`` is allowed.
5. ``shadowing`` needs an upstream, whose namespace is not defaulted, and 0 to 100 %. A percentage is a number of
   32 bits, and its 10,000-fold without what follows the point is so many of a million.
6. An abort needs a status of 200 to 599; a delay at least a whole second, in whole seconds or not. More than 100 %
   are let pass.
7. ``retries`` without ``numRetries``, or with 0, are one. ``maxInterval`` needs a ``baseInterval`` that is not
   above it; neither may be below a millisecond.
8. Rewrites of the path, timeout, retries, the rewrite of the host and upgrades are taken over in this order;
   behind an error in retries, or in the name of a header to rewrite by, nothing more is.
9. The name of the header for ``hostRewriteHeader`` is checked as that of a header to add.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any

from canarysim.errors import InvalidValue
from canarysim.manifests.gloo.headers import NAME
from canarysim.manifests.gloo.names import cluster_of_upstream
from canarysim.manifests.gloo.paths import why_bad_rewrite
from canarysim.manifests.gloo.resources import Effect, has_effect
from canarysim.problems import Severity
from canarysim.table.actions import MirrorPolicy
from canarysim.table.rewrites import HostRewrite, PrefixRewrite, RegexRewrite

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarysim.manifests.fields import Record
    from canarysim.manifests.gloo.resources import Resources
    from canarysim.table.faults import Faults
    from canarysim.table.hash_policies import HashPolicy
    from canarysim.table.retries import RetryPolicy
    from canarysim.table.rewrites import PathRewrite

__all__ = ["answering_options", "faults", "forwarding_options", "regex_rewrite", "retries"]

_FORWARDING_ONLY = (
    *("prefixRewrite", "regexRewrite", "hostRewrite", "hostRewriteHeader", "hostRewritePathRegex"),
    *("appendXForwardedHost", "faults", "timeout", "retries", "upgrades"),
)


def answering_options(options: Record | None) -> None:
    """Says what has no place beside an action that forwards nothing (fact 1)."""
    if options is None:
        return
    inherited = getattr(options, "owners", {})
    for name in _FORWARDING_ONLY:
        if name in options and name not in inherited:
            options.warn("no_effect", f"{name} has no effect on a route that forwards nothing", name)
    for name in ("shadowing", "lbHash"):
        if name in options:
            options.report("no_effect", f"{name} may stand beside a routeAction only", name, "remove it")


def forwarding_options(options: Record | None, resources: Resources) -> dict[str, Any]:
    """What the options say of a route that forwards, by the names of RouteAction."""
    if options is None:
        return {}
    hosts = ("hostRewrite", "hostRewriteHeader", "hostRewritePathRegex", "autoHostRewrite")
    name = "appendXForwardedHost"
    if options.get(name) and not any(host in options for host in hosts):
        options.warn("no_effect", f"{name} has no effect without a host rewrite", name)
    found: dict[str, Any] = {"mirrors": _mirrors(options, resources), "hash_policies": _hash_policies(options)}
    for name, read in _IN_ORDER.items():
        errors = len(options.reader.problems)
        found[name] = read(options)
        if name in _MAY_STOP and len(options.reader.problems) > errors:
            break
    return found


def _timeout(options: Record) -> float | None:
    timeout: int | None = options.get("timeout")
    if timeout is not None and timeout < 0:
        problem = options.report("negative_timeout", "a timeout is not negative", "timeout", "0s is none at all")
        has_effect(options, problem, Effect.REFUSED)
    return None if timeout is None else timeout / 1e9


def _path_rewrite(options: Record) -> PathRewrite | None:
    """Fact 3."""
    rewrite = regex_rewrite(options, "regexRewrite")
    if "prefixRewrite" not in options:
        return rewrite
    text: str = options["prefixRewrite"]
    if why := why_bad_rewrite(text):
        options.report("bad_path", f"prefixRewrite {text!r}: {why}", "prefixRewrite")
    if rewrite is not None and text:
        text = "prefixRewrite and regexRewrite together are refused by Envoy"
        has_effect(
            options, options.report("two_rewrites", text, "regexRewrite", "keep one of them"), Effect.REFUSED
        )
    return PrefixRewrite(text) if text else rewrite


def _host_rewrite(options: Record) -> HostRewrite | None:
    """Facts 2 and 9."""
    append = options.get("appendXForwardedHost", False)
    if "hostRewrite" in options:
        return HostRewrite(literal=options["hostRewrite"], append_x_forwarded_host=append)
    if "hostRewriteHeader" in options:
        name: str = options["hostRewriteHeader"]
        if not re.fullmatch(NAME, name):
            options.report("bad_header_name", f"{name!r} is no name of a header", "hostRewriteHeader")
            return None
        return HostRewrite(header=name, append_x_forwarded_host=append)
    if "hostRewritePathRegex" in options:
        regex = regex_rewrite(options, "hostRewritePathRegex")
        return None if regex is None else HostRewrite(path_regex=regex, append_x_forwarded_host=append)
    return None


def regex_rewrite(record: Record, name: str, effect: Effect = Effect.REJECTED) -> RegexRewrite | None:
    """A regex rewrite in a field of that name; None where there is none, or after a problem with that effect."""
    if name not in record:
        return None
    rewrite: Record = record[name]
    pattern: Record | None = rewrite.get("pattern")
    if pattern is None:
        if rewrite.lacks("pattern"):
            text, hint = f"{name} has no pattern", "add pattern: {regex: ...}"
            has_effect(rewrite, rewrite.report("no_pattern", text, None, hint), Effect.REFUSED)
        return None
    try:
        return RegexRewrite(pattern.get("regex", ""), rewrite.get("substitution", ""))
    except InvalidValue as wrong:
        if "regex" not in pattern.damaged:
            effect = effect if wrong.code == "bad_regex" else Effect.REFUSED
            has_effect(pattern, pattern.wrong(wrong, "regex"), effect)
        return None


def _upgrades(options: Record) -> tuple[tuple[str, bool], ...]:
    """The kinds of upgrade that a route allows or forbids (fact 4)."""
    found: dict[str, bool] = {}
    for record in options.get("upgrades", ()):
        if record.lacks("websocket", "connect", "connectTerminate"):
            problem = record.report("no_upgrade", "the upgrade is none", None, "add websocket: or connect:")
            has_effect(record, problem, Effect.REFUSED)
        for name, kind in (("websocket", "websocket"), ("connect", "connect"), ("connectTerminate", "connect")):
            if name in record:
                if kind in found:
                    problem = record.report(
                        "duplicate_upgrade", f"the upgrade {kind} stands twice", name, "keep one"
                    )
                    has_effect(record, problem, Effect.REFUSED)
                found[kind] = record[name].get("enabled", True)
    return tuple(found.items())


def millionths(percentage: float) -> int:
    """A percentage as so many of a million (fact 5)."""
    (single,) = struct.unpack("f", struct.pack("f", percentage))
    (product,) = struct.unpack("f", struct.pack("f", single * 10_000))
    return int(product)


def faults(options: Record | None) -> Faults | None:
    """The faults of a route that forwards (fact 6); none where one of them is wrong."""
    told: Record | None = None if options is None else options.get("faults")
    if told is None or not ("abort" in told or "delay" in told):
        return None
    from canarysim.table.faults import FaultAbort, FaultDelay, Faults

    errors = len(told.reader.problems)
    abort = delay = None
    if "abort" in told:
        record: Record = told["abort"]
        status: int = record.get("httpStatus", 0)
        if 200 <= status < 600:
            abort = FaultAbort(numerator=_share(record), denominator=1_000_000, status=status)
        elif "httpStatus" not in record.damaged:
            text = f"a fault aborts with a status from 200 to 599, not {status}"
            record.report("bad_status", text, "httpStatus", "add httpStatus: 503")
    if "delay" in told:
        record = told["delay"]
        nanoseconds: int = record.get("fixedDelay", 0)
        if nanoseconds >= 10**9:
            share = _share(record)
            delay = FaultDelay(numerator=share, denominator=1_000_000, seconds=nanoseconds / 1e9)
        elif "fixedDelay" not in record.damaged:
            text = f"Gloo takes delays of a second or more, not of {nanoseconds / 1e9:g} s"
            record.report("bad_delay", text, "fixedDelay", "write fixedDelay: 1s, or more")
    wrong = any(problem.severity is Severity.ERROR for problem in told.reader.problems[errors:])
    return None if wrong else Faults(abort, delay, source=told.where())


def _share(record: Record) -> int:
    """So many of a million; what is below 0 wraps round in Gloo, and is an error here."""
    percentage: float = record.get("percentage", 0.0)
    if not 0 <= percentage < 429_496:
        text = f"{percentage:g} % of requests: it is 0 to 100"
        record.report("bad_percentage", text, "percentage")
        return 0
    if not percentage and "percentage" not in record.damaged:
        record.warn("no_effect", f"{record.message.name} of 0 % never happens", None, "add percentage:")
    elif percentage > 100:
        record.warn("bad_percentage", f"{percentage:g} % of requests are all of them", "percentage")
    _note_small(record)
    return millionths(percentage)


def _mirrors(options: Record, resources: Resources) -> tuple[MirrorPolicy, ...]:
    """Fact 5."""
    shadowing: Record | None = options.get("shadowing")
    if shadowing is None:
        return ()
    upstream: Record | None = shadowing.get("upstream")
    if upstream is None:
        if shadowing.lacks("upstream"):
            shadowing.report("no_destination", "shadowing names no upstream", None, "add upstream:")
        return ()
    percentage: float = shadowing.get("percentage", 0.0)
    if not 0 <= percentage <= 100:
        text = f"shadowing of {percentage:g} % of requests: it is 0 to 100"
        shadowing.report("bad_percentage", text, "percentage")
        return ()
    if "percentage" not in shadowing and shadowing.lacks("percentage"):
        shadowing.warn("no_effect", "shadowing without a percentage is 0 %", None, "add percentage:")
    cluster = cluster_of_upstream(*_key(upstream))
    if not cluster:
        problem = upstream.report("no_name", "the upstream of shadowing has no name", None, "add name:")
        has_effect(upstream, problem, Effect.REFUSED)
        return ()
    _note_small(shadowing)
    if resources.has("Upstream") and resources.find("Upstream", *_key(upstream)) is None:
        text, hint = resources.missing("Upstream", *_key(upstream))
        upstream.warn("missing_upstream", f"{text}: without it no copies are made", None, hint)
    from canarysim.table.conditions import RuntimeFraction

    fraction = RuntimeFraction(millionths(percentage), 1_000_000)
    return (MirrorPolicy(cluster, fraction=fraction, upstream=".".join(filter(None, _key(upstream)))),)


def _key(ref: Record) -> tuple[str, str]:
    return ref.get("namespace", ""), ref.get("name", "")


def _note_small(record: Record) -> None:
    """A percentage below 1 may have been meant as a share."""
    percentage: float = record.get("percentage", 0.0)
    if 0 < percentage < 1:
        text = f"percentage {percentage:g} is {percentage:g} %, not {percentage * 100:g} %"
        record.note("small_percentage", text, "percentage")


def _hash_policies(options: Record) -> tuple[HashPolicy, ...]:
    """Kept, for they choose endpoints inside a cluster; no weight is picked by them."""
    hashing: Record | None = options.get("lbHash")
    if hashing is None:
        return ()
    from canarysim.table.hash_policies import ConnectionHash, CookieHash, HashPolicy, HeaderHash

    found = []
    for record in hashing.get("hashPolicies", ()):
        source: Any = None
        try:
            if "header" in record:
                source = HeaderHash(record["header"])
            elif "cookie" in record:
                cookie: Record = record["cookie"]
                ttl: int | None = cookie.get("ttl")
                written = None if ttl is None else f"{ttl / 1e9:.9f}".rstrip("0").rstrip(".") + "s"
                source = CookieHash(cookie.get("name", ""), ttl=written, path=cookie.get("path", ""))
            elif "sourceIp" in record:
                source = ConnectionHash(record["sourceIp"])
            elif record.lacks("header", "cookie", "sourceIp"):
                text, hint = "the policy names nothing to hash", "add header:, cookie: or sourceIp:"
                has_effect(record, record.report("no_hash", text, None, hint), Effect.REFUSED)
        except InvalidValue as wrong:
            name = next(name for name in ("header", "cookie") if name in record)
            has_effect(record, record.wrong(wrong, name), Effect.REFUSED)
        if source is not None:
            found.append(HashPolicy(source, terminal=record.get("terminal", False)))
    return tuple(found)


def retries(options: Record | None) -> RetryPolicy | None:
    """What the options of a route or virtual host say of second tries (fact 7)."""
    told: Record | None = None if options is None else options.get("retries")
    if told is None:
        return None
    back_off: Record | None = told.get("retryBackOff")
    if back_off is not None and not back_off.damaged:
        _check_back_off(back_off)
    from canarysim.table.retries import RetryPolicy

    per_try: int | None = told.get("perTryTimeout")
    return RetryPolicy(
        told.get("retryOn", ""),
        told.get("numRetries", 0) or 1,
        per_try_timeout=None if per_try is None else per_try / 1e9,
    )


def _check_back_off(record: Record) -> None:
    base, most = (
        None if (t := record.get(name)) is None else t // 10**6 for name in ("baseInterval", "maxInterval")
    )
    if most is not None and base is None:
        record.report("bad_retries", "maxInterval needs a baseInterval", "maxInterval", "add baseInterval:")
    elif base is not None and most is not None and base > most:
        record.report("bad_retries", f"baseInterval, {base} ms, is above maxInterval, {most} ms", "baseInterval")
    for name, value in (("baseInterval", base), ("maxInterval", most)):
        if value is not None and value <= 0:
            record.report("bad_retries", f"{name} is below a millisecond", name)


#: What Gloo takes over in this order.
_IN_ORDER: dict[str, Callable[[Record], Any]] = {
    "path_rewrite": _path_rewrite,
    "timeout": _timeout,
    "retries": retries,
    "host_rewrite": _host_rewrite,
    "upgrades": _upgrades,
}
#: Behind an error in these nothing more is taken over.
_MAY_STOP = ("retries", "host_rewrite")
