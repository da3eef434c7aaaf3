"""From the four lists of headers to add and to remove, as they were read, to what changes headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.manifests.envoy.matches import refused

if TYPE_CHECKING:
    from canarysim.manifests.fields import Record
    from canarysim.table.mutations import HeaderMutations, HeaderToAdd, Mutations

__all__ = ["mutations"]


def mutations(record: Record) -> Mutations | None:
    """What a message changes in headers; None where it says nothing."""
    lists = [f"{side}_headers_to_{what}" for side in ("request", "response") for what in ("add", "remove")]
    if not any(record.get(name) for name in lists):
        return None
    from canarysim.table.mutations import Mutations

    return Mutations(_one_side(record, "request"), _one_side(record, "response"))


def _one_side(record: Record, side: str) -> HeaderMutations:
    from canarysim.table.mutations import HeaderMutations

    added = [each for told in record.get(f"{side}_headers_to_add", ()) if (each := _added(told)) is not None]
    removed: list[str] = record.get(f"{side}_headers_to_remove", [])
    found = refused(record, f"{side}_headers_to_remove", HeaderMutations, added, removed)
    return found or HeaderMutations(added)


def _added(record: Record) -> HeaderToAdd | None:
    header: Record | None = record.get("header")
    if header is None or record.damaged or header.damaged:
        return None
    if "append" in record and "append_action" in record:
        record.report("two_actions", "append and append_action exclude each other", "append", "remove append")
        return None
    action: str = record.get("append_action", "APPEND_IF_EXISTS_OR_ADD")
    if not record.get("append", True):
        action = "OVERWRITE_IF_EXISTS_OR_ADD"
    from canarysim.table.formats import FormatString
    from canarysim.table.mutations import HeaderToAdd

    value = refused(header, "value", FormatString, header.get("value", ""))
    if value is None:
        return None
    if why := value.why_refused(record.reader.envoy):
        header.report("bad_format", f"Envoy {record.reader.envoy} refuses it: {why}", "value")
        return None
    return refused(
        header, "key", HeaderToAdd, header.get("key", ""), value, action, record.get("keep_empty_value", False)
    )
