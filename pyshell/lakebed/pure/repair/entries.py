"""Entries of the catalogue that cannot be read, or that name what is not there."""

from __future__ import annotations

from lakebed.errors import FormatTooNew
from lakebed.pure.catalogue import IdSet
from lakebed.pure.format.ids import Ids
from lakebed.pure.json import BadSummary, described
from lakebed.pure.json.encoding import NewerSummary
from lakebed.pure.repair.agreement import is_sound
from lakebed.pure.repair.plan import Plan
from lakebed.pure.repair.report import Report
from lakebed.pure.repair.salvage import Salvaged

__all__ = ["check_entries", "recover_collections"]


def check_entries(plan: Plan, report: Report) -> None:
    """Take out of the catalogue what a reader or a writer would fail at. Raises `FormatTooNew` for a summary of a newer
    version."""
    catalogue = plan.catalogue
    for _, collection in sorted(catalogue.collections.items()):
        try:
            described(collection.descriptions)
        except NewerSummary:
            raise FormatTooNew(
                f"The summary of the values of {collection.name} was written by a newer lakebed; upgrade lakebed to repair the store."
            ) from None
        except BadSummary as problem:
            name = collection.name
            report.lose(
                "catalogue",
                f"The summary of the values of {name} is damaged ({problem}): types and layout that were declared for it are lost, and "
                "its types are inferred from its rows.",
                collection=name,
            )
            collection.descriptions = ()
            plan.infer.add(name)
            plan.amended = True
    if any(end > plan.next_blob for ids in (catalogue.pinned, catalogue.deleted) for end in ids.ids().ends[-1:]):
        report.lose("catalogue", "Blobs that there never were are counted as put or deleted: they are not any more.")
        catalogue.pinned, catalogue.deleted = (
            IdSet(Ids.of(id for id in ids if id < plan.next_blob)) for ids in (catalogue.pinned, catalogue.deleted)
        )
        plan.amended = True
    named = [
        one for one in catalogue.ingests if one.file in catalogue.files and one.collection in catalogue.collections
    ]
    forgotten = len(catalogue.ingests) - len(named)
    if forgotten:
        report.lose(
            "catalogue",
            f"Of {forgotten} ingests the collection or the name of the file is lost; the same files are ingested again if that is "
            "asked for.",
            count=forgotten,
        )
        catalogue.ingests = named
        plan.amended = True


def recover_collections(plan: Plan, found: Salvaged, report: Report) -> None:
    """Collections that rows name and whose creation is lost."""
    catalogue = plan.catalogue
    for batch in [*found.listed, *found.batches]:
        if not is_sound(batch, max(plan.next_blob, found.next_blob)):
            continue
        id = batch.collection
        known = catalogue.collections.get(id)
        if known is None and id >= catalogue.next_collection:
            name = catalogue.recover_collection(id, batch.time)
            report.act("collection", name, f"The name of collection {id} is lost; its rows are in {name}.")
            plan.infer.add(name)
        elif known is not None and found.lost_records:
            plan.infer.add(known.name)
        catalogue.add_rows([batch])
        # Numbers that rows name were given, also where the record of that is lost.
        if batch.file:
            catalogue.next_file = max(catalogue.next_file, batch.file + 1)
