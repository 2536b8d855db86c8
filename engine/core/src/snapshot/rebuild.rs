//! The state of a store whose newest manifest is damaged or missing: the footer of the segment sealed last repeats what
//! it said.

use lakebed_format::{CollectionId, DictionaryNumber, FileNumber, ManifestBody, SegmentNumber};

use crate::error::Result;
use crate::segment::files::SegmentFiles;
use crate::segment::rows::footer::{FoundSegment, inspect};

/// What a manifest says when nothing was sealed yet.
pub(crate) fn first_body() -> ManifestBody {
    ManifestBody {
        active_segment: SegmentNumber(1),
        next_segment: SegmentNumber(2),
        next_collection: CollectionId(1),
        next_file: FileNumber(1),
        next_dictionary: DictionaryNumber(1),
        ..ManifestBody::default()
    }
}

/// What the newest manifest said; `None` when the footers do not tell for certain.
///
/// # Errors
/// `Io`.
pub(super) fn from_footers(files: &SegmentFiles) -> Result<Option<ManifestBody>> {
    // Segments without a footer: only the active one may be among them.
    let mut open = Vec::new();
    for number in files.numbers()?.into_iter().rev() {
        match inspect(files, number)? {
            FoundSegment::Sealed(body) => {
                let certain = open.iter().all(|number| *number == body.active_segment);
                return Ok(certain.then_some(*body));
            }
            FoundSegment::Open => open.push(number),
            FoundSegment::Large => {}
        }
    }
    let body = first_body();
    let certain = open.iter().all(|number| *number == body.active_segment);
    Ok(certain.then_some(body))
}
