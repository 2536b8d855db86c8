//! Names of the files in a store, relative to its directory, with `/` between the parts.

use crate::ids::{CollectionId, SegmentNumber};

/// The store header.
pub const FORMAT: &str = "FORMAT";
/// The writer's lock.
pub const LOCK: &str = "LOCK";
/// The file whose removal makes room for a drop on a full disk.
pub const RESERVE: &str = "reserve";
/// The file that says of a directory that it is to become a store, and is not yet: a backup or a restore that is at
/// work or was interrupted.
pub const UNFINISHED: &str = "UNFINISHED";
/// The directory of manifests.
pub const MANIFESTS: &str = "manifests";
/// The directory of segments.
pub const SEGMENTS: &str = "segments";
/// The directory of index runs.
pub const INDEX: &str = "index";
/// The directory of bytes that were cut off after a torn write.
pub const ASIDE: &str = "aside";

/// `segments/000000000001.seg`
pub fn segment(number: SegmentNumber) -> String {
    format!("{SEGMENTS}/{:012}.seg", number.0)
}

/// `segments/000000000001-1.parquet`: the part of a collection in a segment of layout columns.
pub fn part(number: SegmentNumber, collection: CollectionId) -> String {
    format!("{SEGMENTS}/{:012}-{}.parquet", number.0, collection.0)
}

/// `segments/.000000000001.tmp`: a copy of a segment that is being written.
pub fn segment_temporary(number: SegmentNumber) -> String {
    format!("{SEGMENTS}/.{:012}.tmp", number.0)
}

/// `manifests/00000000000000000001`
pub fn manifest(number: u64) -> String {
    format!("{MANIFESTS}/{number:020}")
}

/// `manifests/.00000000000000000001.tmp`: a manifest that is being written.
pub fn manifest_temporary(number: u64) -> String {
    format!("{MANIFESTS}/.{number:020}.tmp")
}

/// `index/000000000001.segs`: an index run.
pub fn run(number: u64) -> String {
    format!("{INDEX}/{number:012}.segs")
}

/// `index/.000000000001.tmp`: an index run that is being written.
pub fn run_temporary(number: u64) -> String {
    format!("{INDEX}/.{number:012}.tmp")
}

/// The number in the name of a segment file (without its directory); `None` for any other name.
pub fn parse_segment(name: &str) -> Option<SegmentNumber> {
    number(name.strip_suffix(".seg")?, 12).map(SegmentNumber)
}

/// The segment and the collection in the name of a part (without its directory); `None` for any other name.
pub fn parse_part(name: &str) -> Option<(SegmentNumber, CollectionId)> {
    let (segment, collection) = name.strip_suffix(".parquet")?.split_once('-')?;
    let collection = CollectionId(number(collection, 1)?);
    Some((SegmentNumber(number(segment, 12)?), collection))
}

/// The number in the name of a manifest (without its directory).
pub fn parse_manifest(name: &str) -> Option<u64> {
    number(name, 20)
}

/// The number in the name of an index run (without its directory).
pub fn parse_run(name: &str) -> Option<u64> {
    number(name.strip_suffix(".segs")?, 12)
}

/// Whether a file (named without its directory) is an index run of an older form, which nobody reads any more.
pub fn is_old_run(name: &str) -> bool {
    let digits = name
        .strip_suffix(".idx")
        .or_else(|| name.strip_suffix(".run"));
    digits.is_some_and(|digits| number(digits, 12).is_some())
}

/// A decimal number of `width` digits; more only without leading zeros, so that each number has one name.
fn number(digits: &str, width: usize) -> Option<u64> {
    let canonical = digits.len() == width || (digits.len() > width && !digits.starts_with('0'));
    if !canonical || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}
