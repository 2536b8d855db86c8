"""What a repair will do: which segments stay, which are written again, and the catalogue afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lakebed.pure.catalogue import Catalogue
from lakebed.pure.context import Context
from lakebed.pure.damage import named, operating_system
from lakebed.pure.files import SegmentFile
from lakebed.pure.format import header
from lakebed.pure.format.header import Header
from lakebed.pure.format.ids import Ids
from lakebed.pure.format.manifest import Manifest, SealedSegment
from lakebed.pure.opening import FoundCommit
from lakebed.pure.repair.report import Report
from lakebed.pure.repair.salvaged import SalvagedSegment
from lakebed.pure.repair.survey import Survey
from lakebed.pure.segment import RowsSegment, read_header
from lakebed.pure.state import State

__all__ = ["Active", "Part", "Plan", "by_blobs"]


@dataclass
class Part:
    """A segment that is written again."""

    segment: SalvagedSegment
    entry: SealedSegment
    """What a manifest said of it, or would say."""


@dataclass
class Active:
    """The active segment as of its last commit that counts."""

    found: FoundCommit
    segment: RowsSegment
    catalogue: Catalogue
    """The catalogue after it."""


def by_blobs(entry: SealedSegment) -> tuple[int, int]:
    """The order of segments in a manifest. One without blobs comes before the one that begins with the same id, which
    is then found by it."""
    return entry.first_id, entry.end_id


class PlannedState(State):
    """The store as it would be read with what is planned so far."""

    def __init__(
        self, context: Context, number: int, manifest: Manifest, parts: list[Part], away: dict[int, str]
    ) -> None:
        """`away`: the names of segments of large blobs that are not in their place."""
        super().__init__(context, number, manifest, None, None)
        self._salvaged = {part.entry: part.segment for part in parts}
        self._away = away

    def rows_segment(self, entry: SealedSegment) -> RowsSegment:
        found = self._salvaged.get(entry)
        return super().rows_segment(entry) if found is None else found

    def _open(self, number: int, length: int | None) -> tuple[SegmentFile, Header]:
        if number not in self._away:
            return super()._open(number, length)
        with (
            operating_system(f"Opening segment {number} of {self.context.path}"),
            named(f"Segment {number} of {self.context.path}"),
        ):
            file = SegmentFile(self.context.directory, number, mapped=False, length=length, name=self._away[number])
            return file, read_header(file, number, self.context.store_file.uuid)


@dataclass
class Plan:
    """The plan."""

    survey: Survey
    catalogue: Catalogue
    last_commit: int
    seal: int
    """The seal of the last commit."""
    next_blob: int
    whole: list[SealedSegment]
    """Segments that stay."""
    large: list[SealedSegment]
    parts: list[Part] = field(default_factory=list)
    active: Active | None = None
    """The active segment, if it stays as it is."""
    gone: set[int] = field(default_factory=set)
    """Segment files that go to `aside/`."""
    back: list[tuple[str, int]] = field(default_factory=list)
    """Segments of large blobs that come back from `aside/`."""
    infer: set[str] = field(default_factory=set)
    """Collections whose types are inferred anew."""
    runs: list[int] = field(default_factory=list)
    """Runs under `index/` that cannot be read to their end."""
    unpinned: list[SalvagedSegment] = field(default_factory=list)
    """Segments with groups whose records are lost: nothing tells which of their blobs were put."""
    amended: bool = False
    """Whether the catalogue says something else than the manifest and the active segment."""

    @classmethod
    def of(cls, survey: Survey) -> Plan:
        """The plan before anything was examined."""
        base = survey.base
        whole = [one for one in base.segments if one.layout != header.LARGE]
        large = [one for one in base.segments if one.layout == header.LARGE]
        catalogue = Catalogue.of(base)
        return cls(
            survey, catalogue, base.last_commit, base.last_seal, base.next_blob, sorted(whole, key=by_blobs), large
        )

    def state(self) -> PlannedState:
        """The store as it would be read with what is planned so far."""
        base = self.survey.base
        rows = sorted([*self.whole, *(part.entry for part in self.parts)], key=by_blobs)
        active = self.active
        manifest = replace(
            base,
            last_commit=base.last_commit if active is not None else self.last_commit,
            last_seal=base.last_seal if active is not None else self.seal,
            # With an active segment the ids before it are the manifest's.
            next_blob=base.next_blob if active is not None else self.next_blob,
            segments=(*rows, *self.large),
        )
        number = self.survey.manifests[-1] if self.survey.manifests else 0
        state = PlannedState(self.survey.context, number, manifest, self.parts, self._away())
        state.catalogue = self.catalogue
        state.last_commit, state.last_seal, state.next_blob = self.last_commit, self.seal, self.next_blob
        if active is not None:
            state.active = active.segment
            state.last_offset, state.end = active.found.offset, active.found.end
        return state

    def _away(self) -> dict[int, str]:
        """A large blob that a sweep moved away is read where it is."""
        return {
            one.header.number: one.name
            for one in self.survey.aside
            if one.header.layout == header.LARGE and one.header.number not in self.survey.segments
        }

    def bring_back(self, number: int, report: Report) -> None:
        """The segment of a large blob is to be in its place."""
        if number in self.survey.segments:
            return
        for one in self.survey.aside:
            if one.header.layout == header.LARGE and one.header.number == number:
                report.act("large", one.name, f"The large blob in segment {number} comes back from aside/.")
                self.back.append((one.name, number))
                return

    def must_rewrite_active(self, report: Report) -> bool:
        """Whether the active segment, which was to stay, has to be written again after all."""
        lost = any(loss["kind"] != "history" for loss in report.losses)
        return self.active is not None and (self.amended or bool(self.parts) or lost)

    @property
    def writes_manifest(self) -> bool:
        """Whether a manifest is to be written."""
        return not self.survey.has_manifest or self.amended or bool(self.parts)

    @property
    def manifest_number(self) -> int:
        """The number of the next manifest. Every manifest gives a segment number at least."""
        return self.survey.manifests[-1] + 1 if self.survey.manifests else self.survey.base.next_segment

    @property
    def highest_segment(self) -> int:
        """The highest number of a segment whose file is there."""
        return max([*self.survey.segments, *(one.header.number for one in self.survey.aside)], default=0)

    def totals(self, report: Report) -> None:
        """Tell the report what the store has. Raises `Corrupt`, `StoreIOError`."""
        state = self.state()
        report.commit = state.last_commit
        report.segments = len(state.sealed) + len(self.catalogue.large) + (state.active is not None)
        report.blobs = len(self.catalogue.large) + sum(one.blobs for one in state.all_rows())
        report.rows = sum(one.rows for one in self.catalogue.collections.values())

    def present(self) -> Ids:
        """The ids of all blobs that are there. Raises `Corrupt`, `StoreIOError`."""
        runs = [run for segment in self.state().all_rows() for part in segment.parts for run in part.ids.runs()]
        return Ids.merged([*runs, *((id, id + 1) for id in self.catalogue.large)])
