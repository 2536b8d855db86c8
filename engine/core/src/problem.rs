//! What a verification or a repair says is wrong.

use lakebed_format::SegmentNumber;

/// Which structure is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// Commits that were acknowledged are missing.
    LostCommits,
    /// `FORMAT`.
    Format,
    /// The newest manifest, or what it says of a segment.
    Manifest,
    /// A segment as a whole: its file cannot be read, or is another one.
    Segment,
    /// A COMMIT, or the commit table.
    Commit,
    /// A COMMIT that does not follow the one before it: the histories of two copies were mixed.
    Link,
    /// The bytes of a group.
    Group,
    /// The index block of a group.
    Index,
    /// The footer of a sealed segment, or what it says of the groups.
    Footer,
    /// The order of the fingerprints of a sealed segment.
    Ordinals,
    /// A frame.
    Frame,
    /// A blob, which is not the one that it was stored as.
    Blob,
    /// A row batch.
    RowBatch,
    /// The sequence numbers or the counts of a collection's rows.
    Rows,
    /// Rows that name a blob that is not there.
    RowBlob,
    /// A dictionary.
    Dictionary,
    /// A Parquet file of a segment.
    Part,
    /// An index run.
    IndexRun,
}

impl ProblemKind {
    /// All kinds.
    pub const ALL: [Self; 18] = [
        Self::LostCommits,
        Self::Format,
        Self::Manifest,
        Self::Segment,
        Self::Commit,
        Self::Link,
        Self::Group,
        Self::Index,
        Self::Footer,
        Self::Ordinals,
        Self::Frame,
        Self::Blob,
        Self::RowBatch,
        Self::Rows,
        Self::RowBlob,
        Self::Dictionary,
        Self::Part,
        Self::IndexRun,
    ];

    /// Its stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LostCommits => "lost_commits",
            Self::Format => "format",
            Self::Manifest => "manifest",
            Self::Segment => "segment",
            Self::Commit => "commit",
            Self::Link => "link",
            Self::Group => "group",
            Self::Index => "index",
            Self::Footer => "footer",
            Self::Ordinals => "ordinals",
            Self::Frame => "frame",
            Self::Blob => "blob",
            Self::RowBatch => "row_batch",
            Self::Rows => "rows",
            Self::RowBlob => "row_blob",
            Self::Dictionary => "dictionary",
            Self::Part => "part",
            Self::IndexRun => "index_run",
        }
    }
}

/// Something wrong in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which structure.
    pub kind: ProblemKind,
    /// The segment, where it lies in one.
    pub segment: Option<SegmentNumber>,
    /// Where in the segment.
    pub offset: Option<u64>,
    /// What is wrong.
    pub message: String,
}
