"""New manifests, and the catalogue that they carry."""

from __future__ import annotations

from dataclasses import replace

from lakebed.errors import Corrupt
from lakebed.pure.catalogue import Catalogue, DescriptionOf
from lakebed.pure.context import Context, random_u64
from lakebed.pure.files import manifest_name
from lakebed.pure.format.contradiction import contradiction
from lakebed.pure.format.manifest import Manifest
from lakebed.pure.format.records import FileNamed

__all__ = ["with_catalogue", "write_manifest"]


def with_catalogue(manifest: Manifest, catalogue: Catalogue, describe: DescriptionOf) -> Manifest:
    """A manifest with this catalogue. `describe` gives the sum of descriptions. Raises `Corrupt` when it contradicts
    itself."""
    made = replace(
        manifest,
        next_collection=catalogue.next_collection,
        next_file=catalogue.next_file,
        next_dictionary=catalogue.next_dictionary,
        collections=catalogue.entries(describe),
        dictionaries=tuple(sorted(catalogue.dictionaries)),
        files=tuple(FileNamed(number, name) for number, name in sorted(catalogue.files.items())),
        ingests=tuple(catalogue.ingests),
        pinned=catalogue.pinned.ids(),
        deleted=catalogue.deleted.ids(),
        large=tuple(large for _, large in sorted(catalogue.large.items())),
    )
    wrong = contradiction(made)
    if wrong is not None:
        raise Corrupt(
            f"The store contradicts itself, and no manifest is made of it ({wrong}); what is stored stays readable, and `lakebed "
            "repair` makes the store whole again."
        )
    return made


def write_manifest(context: Context, number: int, manifest: Manifest) -> None:
    """Write a manifest: it counts from the moment it has its name. Raises `OSError`."""
    data = manifest.encode(number, context.store_file.uuid, random_u64())
    context.directory.write(manifest_name(number), data, f"manifests/.{number}.tmp")
