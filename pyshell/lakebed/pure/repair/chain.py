"""Commits after the newest catalogue: in the active segment, in segments that no manifest names, in `aside/`."""

from __future__ import annotations

from dataclasses import dataclass, field

from lakebed.errors import Corrupt
from lakebed.pure.context import Context
from lakebed.pure.damage import named
from lakebed.pure.files import SegmentFile, segment_name
from lakebed.pure.format import header
from lakebed.pure.format.coding import Malformed
from lakebed.pure.format.header import Header
from lakebed.pure.format.manifest import SealedSegment
from lakebed.pure.format.tables import CommitEntry
from lakebed.pure.opening import following, last_commit
from lakebed.pure.parts import FooterPart
from lakebed.pure.repair.entries import recover_collections
from lakebed.pure.repair.plan import Active, Part, Plan
from lakebed.pure.repair.report import Meter, Report
from lakebed.pure.repair.salvage import Salvaged, salvage
from lakebed.pure.repair.salvaged import SalvagedSegment
from lakebed.pure.repair.survey import Survey
from lakebed.pure.segment import RowsSegment, footer_block
from lakebed.pure.walk import DamagedPlace, walk_back

__all__ = ["Chain", "header_of"]


@dataclass
class _Link:
    """A file with commits."""

    found: Salvaged
    name: str
    in_place: int | None
    """Its number, when it is in its place and not in `aside/`."""

    @property
    def first(self) -> int:
        return self.found.first_commit

    @property
    def last(self) -> int:
        return self.found.last_commit


def header_of(context: Context, file: SegmentFile) -> Header | None:
    """The header of a segment file; None when it is damaged. Raises `FormatTooNew`, `StoreIOError`."""
    with named(f"Segment {file.number} of {context.path}"):
        try:
            return Header.decode(file.read(0, header.SIZE))
        except Malformed:
            return None


@dataclass
class Chain:
    """What follows the newest catalogue."""

    survey: Survey
    meter: Meter
    active: Active | None = None
    has_active: bool = False
    """The active file is there, and has commits that count or may count."""
    tail: int = 0
    """Bytes behind the last commit of the active segment."""
    damage: list[DamagedPlace] = field(default_factory=list)
    later: list[int] = field(default_factory=list)
    """Files in their place that no manifest names and that hold later commits."""
    strangers: list[int] = field(default_factory=list)
    """Files that belong to another store."""

    def look(self) -> Chain:
        """Look at the files that the newest catalogue does not name. Raises `FormatTooNew`, `StoreIOError`."""
        base, context = self.survey.base, self.survey.context
        named_ones = {one.number for one in base.segments} | {base.active}
        for number in self.survey.segments:
            if number in named_ones:
                continue
            file = SegmentFile(context.directory, number, mapped=False)
            head = header_of(context, file)
            if head is not None and head.uuid != context.store_file.uuid:
                self.strangers.append(number)
                continue
            if head is not None and head.layout == header.LARGE:
                # Those that are needed are found by their blobs.
                continue
            last = None if head is None else _last_listed(file, head)
            if last is None:
                found = salvage(context, file, number, None, self.meter.advance)
                last = 0 if found is None else found.last_commit
            if last > base.last_commit:
                self.later.append(number)
        self._look_at_active()
        return self

    def _look_at_active(self) -> None:
        base, context = self.survey.base, self.survey.context
        if base.active not in self.survey.segments:
            return
        self.has_active = True
        try:
            found = last_commit(context, base, holding=True)
        except Corrupt as problem:
            self.damage.append(DamagedPlace(base.active, None, "segment", str(problem)))
            return
        if found is None:
            return
        walk = walk_back(found.file, found.header, found.offset, found.commit)
        segment = RowsSegment(found.file, found.header, [*walk.parts], context.path)
        others = following(found, walk, base)
        self.damage = sorted([*found.damage, *walk.damage, *others], key=lambda one: one.offset or 0)
        catalogue = Plan.of(self.survey).catalogue
        for part in walk.parts:
            misfit = catalogue.apply_what_fits(part.records)
            if misfit is not None:
                self.damage.append(DamagedPlace(base.active, part.block.offset, "index", misfit))
            catalogue.add_rows(part.batches)
        self.tail = max(found.file.length - found.end, 0)
        self.active = Active(found, segment, catalogue)

    def join(self, plan: Plan, report: Report, *, rewrite_active: bool) -> None:
        """Add the commits to the plan. The active segment stays as it is where that is possible, unless
        `rewrite_active`. Raises `FormatTooNew`, `StoreIOError`."""
        synced = self.survey.synced
        for number in self.strangers:
            report.problem("segment", number, None, "the file belongs to another store")
            plan.gone.add(number)
        for place in self.damage:
            report.problem(place.kind, place.segment, place.offset, place.message)
        active = self.active
        reaches = plan.last_commit if active is None else active.found.commit.number
        seal = plan.seal if active is None else active.found.commit.seal
        aside = self._aside()
        lost = synced is not None and synced > reaches
        follows = any((link.found.predecessor or 0) == seal for link in aside)
        alone = not (self.later or lost or follows or self.damage)
        if alone and not rewrite_active:
            if active is not None:
                commit = active.found.commit
                plan.last_commit, plan.seal, plan.next_blob = commit.number, commit.seal, commit.next_blob
                plan.catalogue = active.catalogue
                self._mention_tail(plan, report)
                plan.active = active
            self._histories(plan, aside, report)
            return
        # What a repair that was stopped wrote has a higher number than what it was made from.
        links = sorted(self._in_place(plan, report, lost=lost), key=lambda link: (link.first, link.found.header.number))
        for link in links:
            # Commits of the active segment come after those of all others, whatever number the manifest says.
            if link.in_place == self.survey.base.active and link.last <= plan.last_commit:
                known = max((one.last_commit for one in plan.whole), default=0)
                if link.first > known:
                    plan.last_commit = known
                    plan.amended = True
            # A repair that was stopped may have written the same commits to another file.
            if link.first > plan.last_commit:
                take(plan, link, report)
            elif link.last > plan.last_commit:
                aside.append(link)
        # One after the other, as far as each follows what is there.
        while True:
            following = next(
                (link for link in aside if link.first > plan.last_commit and link.found.predecessor == plan.seal), None
            )
            if following is None:
                break
            aside.remove(following)
            take(plan, following, report)
        self._histories(plan, aside, report)
        _acknowledge(plan, synced, report)

    def _mention_tail(self, plan: Plan, report: Report) -> None:
        """Bytes that the first writer afterwards cuts off."""
        if not self.tail:
            return
        number = self.survey.base.active
        report.act(
            "tail",
            segment_name(number),
            f"{self.tail} bytes behind commit {plan.last_commit} in segment {number} belong to no commit; they are cut off, after a "
            "copy of them is in aside/ (unless they are a footer, or zero).",
        )

    def _in_place(self, plan: Plan, report: Report, *, lost: bool) -> list[_Link]:
        """The active file and the later ones. `lost`: acknowledged commits are missing."""
        context = self.survey.context
        links = []
        for number in [*self.later, *([self.survey.base.active] if self.has_active else [])]:
            file = SegmentFile(context.directory, number, mapped=False)
            # Only the last one can hold what was acknowledged and has no COMMIT.
            found = salvage(context, file, number, self.survey.synced if lost else None, self.meter.advance)
            if found is not None and found.header.number == number and found.commits:
                links.append(_Link(found, segment_name(number), number))
            elif file.length > 0:
                # Nothing of it was acknowledged, or nothing can be read.
                report.problem("segment", number, None, "nothing in the file can be read")
                plan.gone.add(number)
        return links

    def _aside(self) -> list[_Link]:
        """Segments in `aside/`."""
        links = []
        for one in self.survey.aside:
            if one.header.layout == header.LARGE:
                continue
            found = salvage(self.survey.context, one.file, one.header.number, None, self.meter.advance)
            if found is not None and found.commits:
                links.append(_Link(found, one.name, None))
        return sorted(links, key=lambda link: link.first)

    def _histories(self, plan: Plan, links: list[_Link], report: Report) -> None:
        """Name what in `aside/` is of another history."""
        if not links:
            return
        known = self._known_commits(plan)
        for link in links:
            if all(
                number in known and _is_same(known[number], commit) for number, commit in link.found.commits.items()
            ):
                continue
            rows = sum(batch.rows for batch in link.found.batches)
            report.lose(
                "history",
                f"{link.name} holds commits {link.first} to {link.last} that do not follow what the store holds ({rows} rows); it was "
                "not taken in, and stays where it is.",
                commits=(link.first, link.last),
                segment=link.found.header.number,
                count=rows,
            )

    def _known_commits(self, plan: Plan) -> dict[int, CommitEntry]:
        """All commits that the segments of a plan list."""
        state = plan.state()
        known: dict[int, CommitEntry] = {}
        for entry in plan.whole:
            try:
                known.update({one.number: one for one in state.rows_segment(entry).commits()})
            except Corrupt:
                continue
        for active in (self.active, plan.active):
            if active is not None:
                try:
                    known.update({one.number: one for one in active.segment.commits()})
                except Corrupt:
                    continue
        for part in plan.parts:
            known.update(part.segment.found.commits)
        return known


def _last_listed(file: SegmentFile, head: Header) -> int | None:
    """The last commit of a segment that was sealed or that compaction wrote, as its footer lists it; None for every
    other file. Raises `StoreIOError`."""
    try:
        commits = FooterPart(footer_block(file, head), head, file).commits
    except Malformed:
        return None
    return commits[-1].number if commits else None


def _is_same(one: CommitEntry, other: CommitEntry) -> bool:
    """Whether two entries stand for the same commit. Of one whose table is lost only number and time are known."""
    vague = (0, 0, 0) in (one[3:], other[3:])
    return one.time == other.time and (vague or one[3:] == other[3:])


def _acknowledge(plan: Plan, synced: int | None, report: Report) -> None:
    """Commits that the last writer had on disk and that are nowhere."""
    if synced is None or synced <= plan.last_commit:
        return
    _lose_commits(report, plan.last_commit + 1, synced)
    # Their numbers are not given again, and writers need no longer wait for them.
    plan.last_commit = synced
    plan.amended = True


def _lose_commits(report: Report, first: int, last: int) -> None:
    which = f"Commit {first} was" if first == last else f"Commits {first} to {last} were"
    report.lose(
        "commits",
        f"{which} acknowledged, and nothing of it is left; how many rows it had is not known.",
        commits=(first, last),
        count=last - first + 1,
    )


def take(plan: Plan, link: _Link, report: Report) -> None:
    """Take the commits of a file into the plan."""
    found = link.found
    number, first, last = found.header.number, link.first, link.last
    if first > plan.last_commit + 1:
        _lose_commits(report, plan.last_commit + 1, first - 1)
    kind = "rewrite" if link.in_place == plan.survey.base.active else "merge"
    report.act(kind, link.name, f"Commits {first} to {last} of segment {number} are written to a new segment.")
    for record in found.records:
        misfit = plan.catalogue.apply_what_fits([record])
        if misfit is not None:
            report.lose(
                "catalogue",
                f"A record of segment {number} does not fit what is left of those before it: {misfit}.",
                segment=number,
            )
    recover_collections(plan, found, report)
    entry = SealedSegment(
        number,
        header.ROWS,
        found.length,
        plan.next_blob,
        max(plan.next_blob, found.next_blob),
        0,
        sum(batch.rows for batch in found.batches),
        first,
        last,
        0,
    )
    plan.next_blob = entry.end_id
    plan.last_commit = max(plan.last_commit, last)
    plan.seal = found.seal
    plan.amended = True
    segment = SalvagedSegment(plan.survey.context, found)
    if found.lost_records:
        report.lose(
            "catalogue",
            f"Records of some commits of segment {number} cannot be read: which collections they made, dropped or trimmed, which "
            "blobs they deleted, and which files they name. All of their blobs and rows that are whole are kept.",
            segment=number,
        )
        plan.unpinned.append(segment)
    if link.in_place is not None:
        plan.gone.add(link.in_place)
    plan.parts.append(Part(segment, entry))
