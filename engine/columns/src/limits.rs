//! Sizes that several files share.

/// The most bytes that a page may decode to.
pub(crate) const RAW_LIMIT: usize = 1 << 30;
/// Rows of a row group.
pub(crate) const GROUP_ROWS: usize = 65_536;
/// Rows of a row group where a leaf has a large dictionary.
pub(crate) const LARGE_GROUP_ROWS: usize = 262_144;
/// Bytes of a page before compression, about.
pub(crate) const PAGE_BYTES: usize = 8 << 10;
/// The same of leaves whose size hardly depends on it.
pub(crate) const SMALL_PAGE_BYTES: usize = 4 << 10;
/// Rows of a page.
pub(crate) const PAGE_ROWS: usize = 2_048;
/// The same of leaves inside lists, which have a level for each element.
pub(crate) const LIST_PAGE_ROWS: usize = 1_024;
/// Values between two looks at the size of a page.
pub(crate) const LOOK: usize = 64;
/// Bytes of a dictionary.
pub(crate) const DICTIONARY_BYTES: usize = 256 << 10;
/// Bytes of a dictionary that saves much.
pub(crate) const LARGE_DICTIONARY_BYTES: usize = 8 << 20;
