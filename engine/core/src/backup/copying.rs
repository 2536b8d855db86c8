//! Copies one committed state into a directory, and checks what it copied.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakebed_format::{
    HEADER_LEN, LargeEntry, LockText, Manifest, SegmentEntry, SegmentHeader, SegmentNumber,
    StoreHeader, names,
};
use lakebed_vfs::{File, Open, Vfs};

use super::reuse::{Earlier, Reused};
use super::series::claim;
use crate::context::StoreContext;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::problem::ProblemKind;
use crate::progress::Meter;
use crate::random::random_u64;
use crate::segment::files::SegmentFiles;
use crate::segment::frame_cache::FrameCache;
use crate::segment::large::{LargeSegment, file_len_of};
use crate::segment::rows::active::{ActiveRows, Base, Newest, SyncState};
use crate::segment::verify::Verification;
use crate::segment::{ReadContext, SealedSegment, Segment};
use crate::snapshot::open::{Caller, newest};
use crate::snapshot::{CommittedState, Snapshot};
use crate::write::create::{FORMAT_TEMPORARY, put};

/// Bytes copied at a time.
const STEP: usize = 1 << 20;

/// The directory that is made, and what its `FORMAT` is to say.
pub(super) struct Target {
    pub(super) vfs: Arc<dyn Vfs>,
    pub(super) header: StoreHeader,
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Copied {
    pub(super) segments: u64,
    pub(super) linked: u64,
    pub(super) bytes: u64,
    pub(super) new_bytes: u64,
}

/// A segment to copy.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    Sealed(SegmentEntry),
    /// Of a blob that the catalogue does not name any more, so that there is nothing to check it against.
    Unreached(SegmentEntry),
    Large(LargeEntry),
    /// The active segment, up to the last commit.
    Active(SegmentNumber, u64),
}

impl Wanted {
    fn number(&self) -> SegmentNumber {
        match self {
            Self::Sealed(entry) | Self::Unreached(entry) => entry.number,
            Self::Large(entry) => entry.segment,
            Self::Active(number, _) => *number,
        }
    }

    /// Bytes of its first file.
    fn len(&self) -> u64 {
        match self {
            Self::Sealed(entry) | Self::Unreached(entry) => entry.len,
            Self::Large(entry) => file_len_of(entry),
            Self::Active(_, len) => *len,
        }
    }

    /// Those of a state, in the order of their numbers.
    fn of(committed: &CommittedState) -> Vec<Self> {
        let manifest = &committed.manifest;
        let mut wanted = BTreeMap::new();
        for entry in &manifest.large {
            wanted.insert(entry.number, Self::Unreached(*entry));
        }
        for sealed in &manifest.sealed {
            wanted.insert(sealed.entry.number, Self::Sealed(sealed.entry));
        }
        for entry in committed.catalogue.large_blobs() {
            wanted.insert(entry.segment, Self::Large(*entry));
        }
        if let Some(active) = &committed.active {
            let number = active.file.number;
            wanted.insert(number, Self::Active(number, active.end()));
        }
        wanted.into_values().collect()
    }
}

/// Makes a directory with this state: durable, and checked. Segments that an earlier backup has are taken from there.
///
/// # Errors
/// `Corrupt` when the state is damaged; `StoreLocked` when another program works on the directory; `StoreFull`, `Io`,
/// `Interrupted`. Then the directory has no `FORMAT`, and is no store.
pub(super) fn copy_state(
    committed: &Arc<CommittedState>,
    target: &Target,
    earlier: Option<&Earlier<'_>>,
    meter: &mut Meter,
) -> Result<Copied> {
    let vfs = target.vfs.as_ref();
    let io = |error| Error::io(&format!("making {}", vfs.describe()), error);
    vfs.create_dir("").map_err(io)?;
    let Some(claim) = claim(vfs, "").map_err(io)? else {
        return Err(Error::new(
            ErrorKind::StoreLocked,
            format!(
                "Another program is making {}; wait until it is done.",
                vfs.describe()
            ),
        ));
    };
    // Whatever a crash leaves, the mark is among it.
    vfs.sync_dir("").map_err(io)?;
    for dir in [names::SEGMENTS, names::MANIFESTS, names::INDEX] {
        vfs.create_dir(dir).map_err(io)?;
    }
    vfs.sync_dir("").map_err(io)?;
    let wanted = Wanted::of(committed);
    meter.total = 0;
    for segment in &wanted {
        meter.total += files_of(committed, segment)?
            .iter()
            .map(|file| file.len)
            .sum::<u64>();
    }
    let mut copying = Copying {
        committed,
        files: SegmentFiles::unmapped(Arc::clone(&target.vfs) as _, &target.header),
        target,
        earlier,
        meter,
        copied: Copied::default(),
    };
    for segment in &wanted {
        copying.segment(segment)?;
    }
    let copied = copying.copied;
    vfs.sync_dir(names::SEGMENTS).map_err(io)?;
    write_manifest(committed, target)?;
    let lock = LockText {
        synced: Some(committed.commit),
        ..LockText::default()
    };
    let write_lock = || -> std::io::Result<()> {
        let file = vfs.open(names::LOCK, Open::Create)?;
        file.set_len(0)?;
        file.write_all_at(lock.encode().as_bytes(), 0)?;
        file.sync_data()?;
        vfs.sync_dir("")
    };
    write_lock().map_err(io)?;
    put(
        vfs,
        "",
        FORMAT_TEMPORARY,
        names::FORMAT,
        &target.header.encode(),
    )?;
    check_opens(committed, target)?;
    // It is whole. A mark that stays says nothing beside `FORMAT`.
    let _ = vfs.unlink(names::UNFINISHED);
    drop(claim);
    Ok(copied)
}

/// A file of a segment, and how many of its bytes belong to it.
struct SegmentPiece {
    name: String,
    len: u64,
}

fn files_of(committed: &CommittedState, wanted: &Wanted) -> Result<Vec<SegmentPiece>> {
    let number = wanted.number();
    let mut files = vec![SegmentPiece {
        name: names::segment(number),
        len: wanted.len(),
    }];
    let mut sealed = committed.manifest.sealed.iter();
    if let Some(sealed) = sealed.find(|sealed| sealed.entry.number == number) {
        let parts = sealed.segment.parts(&committed.context.segments)?;
        files.extend(parts.iter().map(|part| SegmentPiece {
            name: names::part(number, part.collection),
            len: part.len,
        }));
    }
    Ok(files)
}

struct Copying<'a> {
    committed: &'a Arc<CommittedState>,
    target: &'a Target,
    /// The target's.
    files: SegmentFiles,
    earlier: Option<&'a Earlier<'a>>,
    meter: &'a mut Meter,
    copied: Copied,
}

impl Copying<'_> {
    fn segment(&mut self, wanted: &Wanted) -> Result<()> {
        let mut how = self.place(wanted, true)?;
        if how == Some(Reused::Moved) && self.check(wanted)?.is_some() {
            // The interrupted backup had not written all of it.
            how = self.place(wanted, false)?;
        }
        if how.is_none()
            && let Some(problem) = self.check(wanted)?
        {
            return Err(self.damaged(wanted, &problem));
        }
        self.copied.segments += 1;
        self.copied.linked += u64::from(how == Some(Reused::Linked));
        for file in self.files(wanted)? {
            self.copied.bytes += file.len;
            if how != Some(Reused::Linked) {
                self.copied.new_bytes += file.len;
            }
        }
        Ok(())
    }

    /// Puts the files of a segment into the target; says where they are from, if no byte was copied.
    fn place(&mut self, wanted: &Wanted, reuse: bool) -> Result<Option<Reused>> {
        let number = wanted.number();
        let mut how = Some(Reused::Linked);
        for (index, SegmentPiece { name, len }) in self.files(wanted)?.into_iter().enumerate() {
            let io = |error| Error::io(&format!("copying {name}"), error);
            let from = &self.committed.context.vfs;
            let file = match from.open(&name, Open::Read) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Err(Error::corrupt(
                        number,
                        0,
                        format!("its file {name} is missing"),
                    ));
                }
                Err(error) => return Err(io(error)),
            };
            let whole = file.len().map_err(io)?;
            if whole < len {
                let text = format!("the file ends here and should have {len} bytes");
                return Err(Error::corrupt(number, whole, text));
            }
            let earlier = self.earlier.filter(|_| reuse);
            let taken = match earlier {
                Some(earlier) => earlier.take(&name, file.as_ref(), len)?,
                None => None,
            };
            how = match (how, taken) {
                (Some(Reused::Moved), Some(_)) => Some(Reused::Moved),
                (Some(Reused::Linked), taken) => taken,
                (_, None) | (None, _) => None,
            };
            match taken {
                Some(_) => self.meter.advance(len)?,
                None => self.copy(&name, file.as_ref(), len, index == 0)?,
            }
        }
        Ok(how)
    }

    /// A segment's files, the one with its header first.
    fn files(&self, wanted: &Wanted) -> Result<Vec<SegmentPiece>> {
        files_of(self.committed, wanted)
    }

    /// Copies one file and syncs it.
    fn copy(&mut self, name: &str, from: &dyn File, len: u64, first: bool) -> Result<()> {
        let vfs = self.target.vfs.as_ref();
        let options = &self.committed.context.options;
        let io = |error| Error::io(&format!("copying {name}"), error);
        match vfs.unlink(name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        let to = vfs.open(name, Open::CreateNew).map_err(io)?;
        if let Some(access) = from.access().map_err(io)? {
            to.set_access(access).map_err(io)?;
        }
        if to.clone_bytes(from) {
            to.set_len(len).map_err(io)?;
            self.meter.advance(len)?;
        } else {
            let mut bytes = vec![0; STEP];
            let mut at = 0;
            while at < len {
                options.check_interrupted()?;
                let step = usize::try_from(len - at).map_or(STEP, |rest| rest.min(STEP));
                bytes.truncate(step);
                from.read_exact_at(&mut bytes, at).map_err(io)?;
                to.write_all_at(&bytes, at).map_err(io)?;
                at += step as u64;
                self.meter.advance(step as u64)?;
            }
        }
        if first && self.target.header.uuid != self.committed.context.header.uuid {
            self.rename_store(to.as_ref())
                .map_err(|error| match error {
                    Problem::Io(error) => io(error),
                    Problem::Format(error) => error,
                })?;
        }
        to.sync_data().map_err(io)
    }

    /// Makes a segment one of the target's store.
    fn rename_store(&self, file: &dyn File) -> Result<(), Problem> {
        let mut bytes = [0; HEADER_LEN];
        file.read_exact_at(&mut bytes, 0).map_err(Problem::Io)?;
        let refused = |error| {
            let text = format!(
                "The header of a segment is damaged ({error}); restore from another backup, or repair the store first."
            );
            Problem::Format(Error::new(ErrorKind::Corrupt, text))
        };
        let header = SegmentHeader::decode(&bytes).map_err(refused)?;
        let own = SegmentHeader {
            uuid: self.target.header.uuid,
            ..header
        };
        file.write_all_at(&own.encode(), 0).map_err(Problem::Io)
    }

    /// Reads a segment of the target back and checks everything in it; the first thing that is wrong.
    fn check(&self, wanted: &Wanted) -> Result<Option<String>> {
        let snapshot = Snapshot::new(Arc::clone(self.committed), None);
        let cache = FrameCache::new(0);
        let read = ReadContext {
            files: &self.files,
            cache: &cache,
            dictionaries: &snapshot,
        };
        let mut found = FirstProblem {
            options: &self.committed.context.options,
            problem: None,
        };
        let segment: Arc<dyn Segment> = match wanted {
            Wanted::Unreached(_) => return Ok(None),
            Wanted::Sealed(entry) => match SealedSegment::of_entry(*entry) {
                Some(sealed) => sealed.segment,
                None => return Ok(None),
            },
            Wanted::Large(entry) => Arc::new(LargeSegment::new(*entry)),
            Wanted::Active(number, _) => {
                let held = &self.committed.manifest;
                let base = Base {
                    catalogue: &held.catalogue,
                    next_blob: held.next_blob,
                    last_commit: held.last_commit,
                };
                let done = |_, _| SyncState::Done;
                match ActiveRows::newest(&self.files, *number, None, base, done)? {
                    Newest::Commit(active) if active.last.checksum == self.committed.checksum => {
                        active
                    }
                    _ => return Ok(Some("its last commit is not the one it had".to_owned())),
                }
            }
        };
        match segment.verify(read, &mut found) {
            Ok(()) => Ok(found.problem),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                Ok(Some(error.message().to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    fn damaged(&self, wanted: &Wanted, problem: &str) -> Error {
        Error::new(
            ErrorKind::Corrupt,
            format!(
                "Segment {} of {} is damaged, and so is its copy: {problem} Nothing was finished, and earlier backups stay; `lakebed \
                 verify` lists all damage.",
                wanted.number(),
                self.committed.context.vfs.describe()
            ),
        )
    }
}

enum Problem {
    Io(std::io::Error),
    Format(Error),
}

/// Keeps the first thing that is wrong.
struct FirstProblem<'a> {
    options: &'a Options,
    problem: Option<String>,
}

impl Verification for FirstProblem<'_> {
    fn problem(&mut self, _: ProblemKind, _: SegmentNumber, offset: Option<u64>, message: String) {
        let place = offset.map_or(String::new(), |offset| format!("at byte {offset} "));
        let text = format!("{place}{}.", message.trim_end_matches('.'));
        self.problem.get_or_insert(text);
    }

    fn goes_on(&self) -> bool {
        false
    }

    fn commit(&mut self) {}

    fn frame(&mut self) {}

    fn blob(&mut self) {}

    fn advance(&mut self, _: u64) -> Result<()> {
        self.options.check_interrupted()
    }
}

/// Writes the manifest of a state, as one of the target's store.
fn write_manifest(committed: &CommittedState, target: &Target) -> Result<()> {
    let held = &committed.manifest;
    let number = held.number;
    let body = if let Some(body) = &held.rebuilt {
        body.as_ref().clone()
    } else {
        let name = names::manifest(number);
        let io = |error| Error::io(&format!("reading {name}"), error);
        let len = held.held.len().map_err(io)?;
        let len = usize::try_from(len).map_err(|_| io(std::io::ErrorKind::FileTooLarge.into()))?;
        let mut bytes = vec![0; len];
        held.held.read_exact_at(&mut bytes, 0).map_err(io)?;
        let decoded = Manifest::decode(&bytes).map_err(|error| {
            let text =
                format!("{name} is damaged ({error}) since it was opened; open the store again.");
            Error::new(ErrorKind::Corrupt, text)
        })?;
        decoded.catalogue
    };
    let manifest = Manifest {
        number,
        uuid: target.header.uuid,
        salt: random_u64()?,
        catalogue: body,
    };
    put(
        target.vfs.as_ref(),
        names::MANIFESTS,
        &names::manifest_temporary(number),
        &names::manifest(number),
        &manifest.encode(),
    )
}

/// Opens what was made: it must show the commit that was copied. Otherwise it is no store any more.
fn check_opens(committed: &CommittedState, target: &Target) -> Result<()> {
    let vfs = &target.vfs;
    let open = || -> Result<_> {
        let context = StoreContext::open(Arc::clone(vfs), Options::read_only())?;
        newest(&Arc::new(context), None, Caller::Reader)
    };
    let wrong = match open() {
        Ok(found) if found.commit == committed.commit && found.checksum == committed.checksum => {
            return Ok(());
        }
        Ok(found) => Error::internal(&format!(
            "a copy of commit {} opens at commit {}",
            committed.commit, found.commit
        )),
        Err(error) => error,
    };
    let _ = vfs.unlink(names::FORMAT);
    let _ = vfs.sync_dir("");
    Err(wrong)
}
