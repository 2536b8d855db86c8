//! What there is of a store: its header, the newest catalogue that some file tells whole, and its segment files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakebed_format::{
    CollectionId, CommitNumber, Layout, Manifest, ManifestBody, SegmentFormat, SegmentHeader,
    SegmentNumber, StoreHeader, StoreUuid, limits, names,
};
use lakebed_vfs::{Open, ReadFile, Vfs};

use super::report::{ActionKind, RepairReport};
use crate::context::{self, StoreContext};
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::place::Place;
use crate::problem::{Problem, ProblemKind};
use crate::segment::damage::ReadFailure;
use crate::segment::files::SegmentFiles;
use crate::segment::rows::footer::{FoundSegment, inspect, is_written};
use crate::segment::rows::walker::{WalkedBytes, read_header};
use crate::snapshot::manifest_file::manifest_bytes;
use crate::snapshot::rebuild::first_body;
use crate::writer_lock::read_synced;

/// A segment file outside of its place.
#[derive(Debug)]
pub(super) struct AsideFile {
    /// Its name in the store.
    pub(super) name: String,
    pub(super) header: SegmentHeader,
    pub(super) file: Arc<dyn ReadFile>,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) context: Arc<StoreContext>,
    /// Whether `FORMAT` must be written.
    pub(super) format_lost: bool,
    pub(super) synced: Option<CommitNumber>,
    /// Numbers of the manifests, whole or not.
    pub(super) manifests: Vec<u64>,
    pub(super) damaged_manifests: Vec<u64>,
    /// The newest catalogue.
    pub(super) base: ManifestBody,
    /// Whether the newest manifest says the same.
    pub(super) has_manifest: bool,
    /// Segments in their place.
    pub(super) segments: Vec<SegmentNumber>,
    /// Parts in their place.
    pub(super) parts: Vec<(SegmentNumber, CollectionId)>,
    pub(super) aside: Vec<AsideFile>,
}

impl Survey {
    /// Looks at every file.
    ///
    /// # Errors
    /// `StoreNotFound`, `NotAStore`, `FormatTooNew`, `Io`.
    pub(super) fn of(
        vfs: &Arc<dyn Vfs>,
        options: &Options,
        report: &mut RepairReport,
    ) -> Result<Self> {
        let (header, place, format_lost) = header(vfs, options, report)?;
        let (manifests, bodies, damaged_manifests) = manifests(vfs.as_ref(), &header)?;
        for number in &damaged_manifests {
            report.problems.push(Problem {
                kind: ProblemKind::Manifest,
                segment: None,
                offset: None,
                message: format!("{} is damaged", names::manifest(*number)),
            });
        }
        let aside = aside(vfs.as_ref(), header.uuid)?;
        // A read error of the disk is an error, and not a signal.
        let files = SegmentFiles::unmapped(Arc::clone(vfs) as _, &header);
        let segments = match files.numbers() {
            Ok(numbers) => numbers,
            Err(_) if vfs.list(names::SEGMENTS).is_err() => Vec::new(),
            Err(error) => return Err(error),
        };
        let parts = match files.parts() {
            Err(_) if segments.is_empty() => Vec::new(),
            parts => parts?,
        };
        // A large blob that a sweep moved away is read where it is.
        let present: BTreeSet<SegmentNumber> = segments.iter().copied().collect();
        let away = aside.iter().filter(|one| {
            one.header.layout == Layout::Large && !present.contains(&one.header.number)
        });
        let away: BTreeMap<_, _> = away
            .map(|one| (one.header.number, one.name.clone()))
            .collect();
        let files = files.with(away);

        let newest = bodies.last().cloned();
        let mut found: Vec<(ManifestBody, bool)> = Vec::new();
        for number in &segments {
            let named = newest
                .as_ref()
                .is_some_and(|body| body.segments.iter().any(|entry| entry.number == *number));
            if named {
                continue;
            }
            if let FoundSegment::Sealed(body) = inspect(&files, *number)? {
                let known = newest.as_ref().map(|newest| newest.last_commit);
                if known.is_none_or(|known| body.last_commit > known) {
                    let whole = is_written(&files, *number)?;
                    found.push((*body, whole));
                }
            }
        }
        found.sort_by_key(|(body, _)| (body.last_commit, body.next_segment));
        found.reverse();
        found.extend(newest.clone().map(|body| (body, true)));
        let best = best(&found, &present);
        let has_manifest = best.is_some() && best == newest && damaged_manifests.is_empty();
        let context = StoreContext::new(Arc::clone(vfs), options.clone(), header, place, files);
        Ok(Self {
            context: Arc::new(context),
            format_lost,
            synced: read_synced(vfs.as_ref()),
            manifests,
            damaged_manifests,
            has_manifest,
            base: best.unwrap_or_else(first_body),
            segments,
            parts,
            aside,
        })
    }

    /// Whether a segment has a file in its place.
    pub(super) fn has_files(&self, number: SegmentNumber) -> bool {
        self.segments.contains(&number) || self.parts.iter().any(|(of, _)| *of == number)
    }
}

/// The newest catalogue, of the newest first; of a segment that was not written to its end only when the segments of
/// every other one are gone.
fn best(found: &[(ManifestBody, bool)], present: &BTreeSet<SegmentNumber>) -> Option<ManifestBody> {
    let sound = found.iter().find(|(body, whole)| {
        let mut named = body.segments.iter().map(|entry| entry.number);
        *whole && named.all(|number| present.contains(&number))
    });
    sound.or(found.first()).map(|(body, _)| body.clone())
}

/// What `FORMAT` says, or what it must have said, and whether it is to be written again.
fn header(
    vfs: &Arc<dyn Vfs>,
    options: &Options,
    report: &mut RepairReport,
) -> Result<(StoreHeader, Place, bool)> {
    let error = match context::read_header(vfs.as_ref()) {
        Ok((header, place)) => return Ok((header, place, false)),
        Err(error) if error.kind() == ErrorKind::NotAStore => error,
        Err(error) => return Err(error),
    };
    let mut votes: BTreeMap<[u8; 16], (u64, SegmentFormat)> = BTreeMap::new();
    let mut witness = None;
    let mut vote = |uuid: StoreUuid, format| {
        let known = votes.entry(uuid.0).or_insert((0, SegmentFormat::V1));
        *known = (known.0 + 1, known.1.max(format));
    };
    let list = |dir: &str| vfs.list(dir).unwrap_or_default();
    for name in list(names::MANIFESTS) {
        if names::parse_manifest(&name).is_none() {
            continue;
        }
        let path = format!("{}/{name}", names::MANIFESTS);
        if let Ok(file) = vfs.open_read(&path)
            && let Ok(bytes) = manifest_bytes(file.as_ref())
            && let Ok(manifest) = Manifest::decode(&bytes)
        {
            vote(manifest.uuid, SegmentFormat::V1);
            witness.get_or_insert(file);
        }
    }
    for name in list(names::SEGMENTS) {
        let Some(number) = names::parse_segment(&name) else {
            continue;
        };
        if let Ok(file) = vfs.open_read(&names::segment(number))
            && let Ok(header) = read_header(WalkedBytes::File(file.as_ref()), number)
        {
            vote(header.uuid, header.format);
            witness.get_or_insert(file);
        }
    }
    let most = votes.into_iter().max_by_key(|(_, (count, _))| *count);
    let (Some((uuid, (_, format))), Some(witness)) = (most, witness) else {
        return Err(error);
    };
    let mut header = StoreHeader::new(StoreUuid(uuid), options.clock.now());
    if format == SegmentFormat::V1 && !vfs.list(names::SEGMENTS).is_ok_and(|all| all.is_empty()) {
        header.minor = 0;
        header.incompatible = 0;
    } else if format < SegmentFormat::V5 && format > SegmentFormat::V1 {
        header.minor = 4;
        header.incompatible = limits::FEATURE_ROW_COMMITS;
    }
    report.problems.push(Problem {
        kind: ProblemKind::Format,
        segment: None,
        offset: None,
        message: "FORMAT is missing or damaged".to_owned(),
    });
    report.act(
        ActionKind::Format,
        names::FORMAT,
        "FORMAT is written again with the store's identity, which its segments and manifests repeat; when the store was made is \
         not known any more."
            .to_owned(),
    );
    let place = Place::new(witness, &header);
    Ok((header, place, true))
}

/// The numbers of all manifests, what the whole ones of this store say, and the numbers of the damaged ones; ascending.
type Manifests = (Vec<u64>, Vec<ManifestBody>, Vec<u64>);

fn manifests(vfs: &dyn Vfs, header: &StoreHeader) -> Result<Manifests> {
    let mut numbers: Vec<u64> = match vfs.list(names::MANIFESTS) {
        Ok(list) => list
            .iter()
            .filter_map(|n| names::parse_manifest(n))
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io("listing the manifests", error)),
    };
    numbers.sort_unstable();
    let (mut bodies, mut damaged) = (Vec::new(), Vec::new());
    for number in &numbers {
        let name = names::manifest(*number);
        let io = |error| Error::io(&format!("reading {name}"), error);
        let file = vfs.open_read(&name).map_err(io)?;
        let bytes = manifest_bytes(file.as_ref()).map_err(io)?;
        match Manifest::decode(&bytes) {
            Ok(found)
                if found.number == *number
                    && found.uuid == header.uuid
                    && found.catalogue.contradiction().is_none() =>
            {
                bodies.push(found.catalogue);
            }
            Err(error) if error.is_too_new() => {
                return Err(Error::new(
                    ErrorKind::FormatTooNew,
                    format!(
                        "{name} was written by a newer lakebed ({error}); upgrade lakebed to repair the store."
                    ),
                ));
            }
            _ => damaged.push(*number),
        }
    }
    Ok((numbers, bodies, damaged))
}

/// The whole-headed segment files of this store that writers moved to `aside/`.
fn aside(vfs: &dyn Vfs, uuid: StoreUuid) -> Result<Vec<AsideFile>> {
    let mut found = Vec::new();
    for name in vfs.list(names::ASIDE).unwrap_or_default() {
        let path = format!("{}/{name}", names::ASIDE);
        let is_segment = std::path::Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "seg");
        if !is_segment {
            continue;
        }
        let file = vfs.open_read(&path);
        let file = file.map_err(|error| Error::io(&format!("reading {path}"), error))?;
        match read_header(WalkedBytes::File(file.as_ref()), SegmentNumber(0)) {
            Ok(header) if header.uuid == uuid => found.push(AsideFile {
                name: path,
                header,
                file,
            }),
            Err(ReadFailure::Other(error)) if error.kind() == ErrorKind::Io => return Err(error),
            _ => {}
        }
    }
    Ok(found)
}

/// A file to hold open in the place of a manifest that is not there.
///
/// # Errors
/// `Io`.
pub(super) fn some_file(vfs: &dyn Vfs) -> Result<Arc<dyn lakebed_vfs::File>> {
    let mut names: Vec<String> = vec![names::FORMAT.to_owned()];
    for dir in [names::SEGMENTS, names::MANIFESTS] {
        let list = vfs.list(dir).unwrap_or_default();
        names.extend(list.iter().map(|name| format!("{dir}/{name}")));
    }
    let mut last = None;
    for name in names {
        match vfs.open(&name, Open::Read) {
            Ok(file) => return Ok(file),
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| std::io::ErrorKind::NotFound.into());
    Err(Error::io(&format!("reading {}", vfs.describe()), error))
}
