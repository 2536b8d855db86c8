//! Index blocks of groups and footers: a small header that says where the sections are, and the sections.
//!
//! The header is decoded alone. A section is checked when it is read, a paged one page by page.

mod builder;
mod commit_table;
mod fingerprint_table;
mod fingerprints;
mod frame_table;
mod header;
mod pages;
mod parts;
mod row_directory;

pub use builder::IndexBlockBuilder;
pub use commit_table::CommitEntry;
pub use fingerprint_table::{FingerprintTable, TABLE_FINGERPRINT_BITS, TableExtent};
pub use fingerprints::{FingerprintExtent, Fingerprints, Ordinals, put_fingerprints};
pub use frame_table::{FrameEntry, FrameTable};
pub use header::{BlockKind, FOOTER_LEVEL, IndexBlock, MAX_BLOCK_HEADER, Section, SectionKind};
pub use pages::{Pages, put_page_sums};
pub use parts::{PartEntry, PartList};
pub use row_directory::RowBatchEntry;
