//! Which neighbouring segments become one new segment, and in which order.

use std::collections::BTreeSet;

use lakebed_format::{DictionaryNumber, IdRun, SegmentNumber, limits};

use crate::error::{Error, Result};
use crate::options::Options;
use crate::reach::Reach;
use crate::segment::files::SegmentFiles;
use crate::segment::{Contents, Segment};

/// Frames that are on average smaller than this part of a page are gathered into full ones.
const SMALL_FRAMES: u64 = 3;
/// So few frames are never too small: most segments end with a short one.
const FEW_FRAMES: u64 = 4;

/// A segment, and what of it is kept.
#[derive(Clone, Debug)]
pub(super) struct Weighed {
    pub(super) number: SegmentNumber,
    /// Bytes of the file.
    pub(super) len: u64,
    pub(super) blobs: u64,
    pub(super) kept: u64,
    /// About as many bytes as the kept part takes.
    pub(super) kept_len: u64,
    /// Dictionaries of its frames, of those that are to go.
    pub(super) uses: BTreeSet<DictionaryNumber>,
    /// Whether it is worth writing again, whatever its neighbours are.
    pub(super) due: bool,
    /// Whether it is due only for its layout.
    pub(super) only_layout: bool,
}

/// Neighbouring segments that become one.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub(super) segments: Vec<Weighed>,
}

impl Step {
    /// The manifest lists its segments elsewhere than before the active one was sealed.
    pub(super) fn moved(&self) -> Error {
        let first = self.segments.first().map(|one| one.number);
        let text = "its blob ids are not those that the manifest says";
        Error::corrupt(first.unwrap_or_default(), 0, text)
    }

    /// Bytes of the files.
    pub(super) fn len(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// About as many bytes as the new file will have.
    pub(super) fn kept_len(&self) -> u64 {
        let kept: u64 = self.segments.iter().map(|one| one.kept_len).sum();
        kept.next_multiple_of(limits::SEGMENT_ALIGN)
            .max(limits::SEGMENT_ALIGN)
    }

    /// Blobs that go.
    pub(super) fn dead(&self) -> u64 {
        self.segments.iter().map(|s| s.blobs - s.kept).sum()
    }

    fn blobs(&self) -> u64 {
        self.segments.iter().map(|segment| segment.kept).sum()
    }

    fn is_worth_it(&self) -> bool {
        self.segments.len() > 1 || self.segments.iter().any(|segment| segment.due)
    }

    /// Whether nothing is gained but another layout.
    pub(super) fn only_layout(&self) -> bool {
        matches!(self.segments.as_slice(), [one] if one.only_layout)
    }

    /// The same segments one by one, those that are due.
    pub(super) fn split(&self) -> Vec<Step> {
        let due = self.segments.iter().filter(|segment| segment.due);
        due.map(|segment| Step {
            segments: vec![segment.clone()],
        })
        .collect()
    }

    /// How much of it is kept, in thousandths.
    fn fullness(&self) -> u64 {
        let part = u128::from(self.kept_len()) * 1000 / u128::from(self.len().max(1));
        u64::try_from(part).unwrap_or(u64::MAX)
    }
}

/// What a segment is weighed by.
pub(super) struct Scales<'a> {
    pub(super) reach: &'a Reach,
    pub(super) files: &'a SegmentFiles,
    pub(super) options: &'a Options,
    /// Dictionaries that are to go: frames that use them are written again.
    pub(super) retired: &'a BTreeSet<DictionaryNumber>,
    /// Whether everything is written again.
    pub(super) all: bool,
}

impl Scales<'_> {
    /// Weighs a segment whose file has `len` bytes and whose blobs have `raw_bytes`.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, `Interrupted`.
    pub(super) fn weigh(&self, segment: &dyn Segment, len: u64, raw_bytes: u64) -> Result<Weighed> {
        self.options.check_interrupted()?;
        let contents = segment.contents(self.files)?;
        let (kept, kept_len) = self.kept(segment, &contents, len)?;
        let mut uses = BTreeSet::new();
        for place in 0..if self.retired.is_empty() {
            0
        } else {
            usize::MAX
        } {
            let more = segment.frame(self.files, place, &mut |frame| {
                uses.extend(
                    frame
                        .encoding
                        .dictionary()
                        .filter(|number| self.retired.contains(number)),
                );
                Ok(())
            })?;
            if !more {
                break;
            }
        }
        let blobs = contents.ids.len();
        let page = self.options.page_bytes as u64;
        let frames = contents.frames.len() as u64;
        let small_frames = frames > FEW_FRAMES && raw_bytes / frames < page / SMALL_FRAMES;
        Ok(Weighed {
            number: segment.number(),
            len,
            blobs,
            kept,
            kept_len,
            due: self.all || kept < blobs || !uses.is_empty() || small_frames,
            uses,
            only_layout: false,
        })
    }
}

impl Scales<'_> {
    /// How many blobs are kept, and about how many bytes: of each frame the part of its blobs, and as much of the rest.
    fn kept(&self, segment: &dyn Segment, contents: &Contents, len: u64) -> Result<(u64, u64)> {
        let part = |of: u64, some: u64, all: u64| {
            let part = u128::from(of) * u128::from(some) / u128::from(all.max(1));
            u64::try_from(part).unwrap_or(u64::MAX)
        };
        let (mut kept, mut kept_bytes, mut frame_bytes) = (0, 0, 0);
        let mut runs = contents.ids.runs().iter().map(IdRun::range).peekable();
        let ends = contents.frames.iter().skip(1).map(|(first, _)| first.0);
        let frames = contents.frames.iter().zip(ends.chain([u64::MAX]));
        for (place, ((_, bytes), end)) in frames.enumerate() {
            let mut bytes = *bytes;
            if bytes > self.options.page_bytes as u64 {
                // A large blob, or the tables of a group lie between this frame and the next.
                segment.frame(self.files, place, &mut |frame| {
                    bytes = frame.payload.len() as u64;
                    Ok(())
                })?;
            }
            let (mut blobs, mut some) = (0, 0);
            while let Some(run) = runs.peek_mut() {
                if run.start >= end {
                    break;
                }
                let own = run.start..run.end.min(end);
                blobs += own.end - own.start;
                some += self.reach.count(own.clone());
                if own.end == run.end {
                    runs.next();
                } else {
                    run.start = own.end;
                    break;
                }
            }
            kept += some;
            kept_bytes += part(bytes, some, blobs);
            frame_bytes += bytes;
        }
        let rest = len.saturating_sub(frame_bytes);
        Ok((kept, kept_bytes + part(rest, kept, contents.ids.len())))
    }
}

/// Groups neighbours that fit one segment together, and leaves out what is well as it is. The emptiest come first: they
/// need least room and give most.
pub(super) fn steps(weighed: Vec<Weighed>, options: &Options) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = Step::default();
    for segment in weighed {
        // A large segment that is well as it is does not become better by a small neighbour.
        let heavy = |s: &Weighed| !s.due && s.kept_len > options.segment_bytes / 2;
        let fits = step.kept_len() + segment.kept_len <= options.segment_bytes
            && step.blobs() + segment.kept <= options.segment_blobs
            && !heavy(&segment)
            && !step.segments.iter().any(heavy);
        if !fits && !step.segments.is_empty() {
            steps.push(std::mem::take(&mut step));
        }
        step.segments.push(segment);
    }
    steps.push(step);
    steps.retain(Step::is_worth_it);
    steps.sort_by_key(Step::fullness);
    steps
}
