//! The state of a store whose newest manifest is damaged or gone: the footer of the segment sealed last repeats what it said.

use std::io;

use lakebed_format::{
    CollectionId, DictionaryNumber, FileNumber, FooterTrailer, HEADER_LEN, IndexBlock, Layout,
    ManifestBody, SectionKind, SegmentHeader, SegmentNumber, TRAILER_LEN, names,
};
use lakebed_vfs::{File, Open};

use crate::context::StoreContext;
use crate::error::{Error, Result};

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

/// What the newest manifest said. `None` when the footers do not tell for certain.
///
/// # Errors
/// `Io`.
pub(super) fn from_footers(context: &StoreContext) -> Result<Option<ManifestBody>> {
    let mut numbers: Vec<SegmentNumber> = context
        .vfs
        .list(names::SEGMENTS)
        .map_err(|e| Error::io("listing the segments", e))?
        .iter()
        .filter_map(|name| names::parse_segment(name))
        .collect();
    numbers.sort_unstable();
    // Those without a footer: only the active one may be among them.
    let mut open = Vec::new();
    for number in numbers.into_iter().rev() {
        let what = format!("reading segment {number}");
        match look(context, number).map_err(|e| Error::io(&what, e))? {
            Found::Sealed(body) => {
                let certain = open.iter().all(|number| *number == body.active_segment);
                return Ok(certain.then_some(*body));
            }
            Found::Open => open.push(number),
            Found::Large => {}
        }
    }
    let body = first_body();
    let certain = open.iter().all(|number| *number == body.active_segment);
    Ok(certain.then_some(body))
}

enum Found {
    /// The body in its footer.
    Sealed(Box<ManifestBody>),
    /// No whole footer.
    Open,
    /// A large blob, which the body or a group names.
    Large,
}

fn look(context: &StoreContext, number: SegmentNumber) -> io::Result<Found> {
    let file = context.vfs.open(&names::segment(number), Open::Read)?;
    let len = file.len()?;
    let Some(tail_at) = len.checked_sub(TRAILER_LEN as u64) else {
        return Ok(Found::Open);
    };
    let mut head = [0; HEADER_LEN];
    file.read_exact_at(&mut head, 0)?;
    let header = match SegmentHeader::decode(&head) {
        Ok(header) if header.number == number && header.uuid == context.header.uuid => header,
        _ => return Ok(Found::Open),
    };
    if header.layout == Layout::Large {
        return Ok(Found::Large);
    }
    let body = footer_body(file.as_ref(), header.salt, tail_at)?;
    Ok(match body {
        Some(mut body) if body.segments.iter().any(|s| s.number == number) => {
            // The footer cannot know the length of the file it is in.
            for entry in body.segments.iter_mut().filter(|s| s.number == number) {
                entry.len = len;
            }
            Found::Sealed(Box::new(body))
        }
        _ => Found::Open,
    })
}

/// The catalogue of the footer that ends at `tail_at`; `None` when it is not whole.
fn footer_body(file: &dyn File, salt: u64, tail_at: u64) -> io::Result<Option<ManifestBody>> {
    let mut tail = [0; TRAILER_LEN];
    file.read_exact_at(&mut tail, tail_at)?;
    let Ok(tail) = FooterTrailer::decode(&tail, salt, tail_at) else {
        return Ok(None);
    };
    let end = tail.block_offset.checked_add(tail.block_len);
    if end.is_none_or(|end| end > tail_at) {
        return Ok(None);
    }
    let mut block = vec![0; tail.block_len as usize];
    file.read_exact_at(&mut block, tail.block_offset)?;
    let body =
        IndexBlock::decode(&block, salt, tail.block_offset, tail.block_len).and_then(|header| {
            let data =
                header.checked(SectionKind::ManifestBody, salt, &block, tail.block_offset)?;
            ManifestBody::decode(data, tail.block_offset)
        });
    Ok(body.ok())
}
