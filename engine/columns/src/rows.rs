//! The values of a row from decoded pages, as the rebuilding of records asks for them.

use std::sync::Arc;

use lakebed_json::shapes::LeafValues;

use crate::directory::PageDirectory;
use crate::page::{Page, RowPlace};

/// Gives the page of a leaf that holds a row.
pub trait Pages {
    /// The page; `None` where it cannot be read. The reason is kept by who reads.
    fn page(&mut self, leaf: usize, row: u64) -> Option<Arc<Page>>;
}

/// A list of the typed columns.
#[derive(Clone, Copy, Debug)]
struct ListPlace {
    /// The leaf whose levels tell its lengths.
    leaf: usize,
    depth: u8,
    /// The definition level from which on it has an element.
    least: u8,
}

/// The lists of a part's typed columns, numbered like [`lakebed_json::shapes::Leaves`] does.
#[derive(Clone, Debug, Default)]
pub struct Lists(Vec<ListPlace>);

impl Lists {
    /// Of each list: a leaf inside it, and how many lists it lies in, itself included.
    ///
    /// Returns `None` when the directory does not have such leaves.
    pub fn new(
        directory: &PageDirectory,
        lists: impl IntoIterator<Item = (usize, usize)>,
    ) -> Option<Self> {
        let lists = lists.into_iter().map(|(leaf, depth)| {
            let least = directory
                .leaves
                .get(leaf)?
                .lists
                .get(depth.checked_sub(1)?)?;
            Some(ListPlace {
                leaf,
                depth: u8::try_from(depth).ok()?,
                least: *least,
            })
        });
        lists.collect::<Option<_>>().map(Self)
    }
}

/// The state of a leaf or a list in the row that is read.
#[derive(Clone, Debug, Default)]
struct Cursor {
    page: Option<Arc<Page>>,
    place: RowPlace,
    /// The row that `place` is of, plus 1; 0 for none.
    row: u64,
}

/// Reads rows of a part.
pub struct RowValues<'a, P> {
    pages: P,
    lists: &'a Lists,
    row: u64,
    leaves: Vec<Cursor>,
    list_cursors: Vec<Cursor>,
}

/// The pages that a reader of rows stands on, for the next reader of the same part.
#[derive(Debug, Default)]
pub struct HeldPages {
    leaves: Vec<Option<Arc<Page>>>,
}

impl HeldPages {
    /// Bytes of memory.
    pub fn cost(&self) -> usize {
        self.leaves.iter().flatten().map(|page| page.cost()).sum()
    }
}

impl<P: std::fmt::Debug> std::fmt::Debug for RowValues<'_, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowValues")
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}

impl<'a, P: Pages> RowValues<'a, P> {
    /// A reader of rows with that many leaves.
    pub fn new(pages: P, leaves: usize, lists: &'a Lists) -> Self {
        Self {
            pages,
            lists,
            row: 0,
            leaves: vec![Cursor::default(); leaves],
            list_cursors: vec![Cursor::default(); lists.0.len()],
        }
    }

    /// It goes on with the pages of an earlier reader of the same part.
    #[must_use]
    pub fn with(mut self, held: HeldPages) -> Self {
        for (cursor, page) in self.leaves.iter_mut().zip(held.leaves) {
            cursor.page = page;
        }
        self
    }

    /// What gives the pages, and those it stands on.
    pub fn into_held(self) -> (P, HeldPages) {
        let leaves = self.leaves.into_iter().map(|cursor| cursor.page).collect();
        (self.pages, HeldPages { leaves })
    }

    /// Goes to the beginning of a row.
    pub fn go_to(&mut self, row: u64) {
        self.row = row;
        for cursor in self.leaves.iter_mut().chain(&mut self.list_cursors) {
            cursor.row = 0;
        }
    }

    /// What gives the pages.
    pub fn pages(&mut self) -> &mut P {
        &mut self.pages
    }

    /// The page of the next value of a leaf, and its place there.
    #[inline]
    fn next(&mut self, leaf: usize) -> Option<(&Page, usize)> {
        let cursor = self.leaves.get_mut(leaf)?;
        load(&mut self.pages, cursor, leaf, self.row)?;
        let place = &mut cursor.place;
        if place.value >= place.value_end {
            return None;
        }
        place.value += 1;
        Some((cursor.page.as_ref()?, place.value - 1))
    }

    /// The next integer of a leaf of 32 or 64 bits.
    pub fn next_integer(&mut self, leaf: usize) -> Option<i64> {
        let (page, index) = self.next(leaf)?;
        page.values().integer(index)
    }

    /// The next bytes of a leaf.
    pub fn next_bytes(&mut self, leaf: usize) -> Option<&[u8]> {
        let (page, index) = self.next(leaf)?;
        page.values().bytes(index)
    }
}

/// Brings a cursor to the page of a row.
#[inline]
fn load<P: Pages>(pages: &mut P, cursor: &mut Cursor, leaf: usize, row: u64) -> Option<()> {
    if cursor.row == row + 1 {
        return Some(());
    }
    cursor.place = page_of(pages, cursor, leaf, row)?.row(row)?;
    cursor.row = row + 1;
    Some(())
}

/// The page of a leaf that holds a row.
#[inline]
fn page_of<'a, P: Pages>(
    pages: &mut P,
    cursor: &'a mut Cursor,
    leaf: usize,
    row: u64,
) -> Option<&'a Arc<Page>> {
    let holds = |page: &Arc<Page>| page.first_row <= row && row < page.end_row();
    if !cursor.page.as_ref().is_some_and(holds) {
        cursor.page = Some(pages.page(leaf, row)?);
    }
    cursor.page.as_ref()
}

impl<P: Pages> LeafValues for RowValues<'_, P> {
    fn boolean(&mut self, leaf: usize) -> Option<bool> {
        let (page, index) = self.next(leaf)?;
        page.values().boolean(index)
    }

    fn integer(&mut self, leaf: usize) -> Option<i64> {
        self.next_integer(leaf)
    }

    fn unsigned(&mut self, leaf: usize) -> Option<u64> {
        self.next_integer(leaf).map(i64::cast_unsigned)
    }

    fn huge(&mut self, leaf: usize) -> Option<i128> {
        let (page, index) = self.next(leaf)?;
        page.values().huge(index)
    }

    fn double(&mut self, leaf: usize) -> Option<f64> {
        let (page, index) = self.next(leaf)?;
        page.values().double(index)
    }

    fn text(&mut self, leaf: usize) -> Option<&[u8]> {
        self.next_bytes(leaf)
    }

    fn length(&mut self, list: usize) -> Option<usize> {
        let ListPlace { leaf, depth, least } = *self.lists.0.get(list)?;
        let cursor = self.list_cursors.get_mut(list)?;
        let page = page_of(&mut self.pages, self.leaves.get_mut(leaf)?, leaf, self.row)?;
        if cursor.row != self.row + 1 {
            cursor.place = page.row(self.row)?;
            cursor.row = self.row + 1;
        }
        let place = &mut cursor.place;
        let (length, next) = page.list(place.level, place.level_end, depth, least)?;
        place.level = next;
        Some(length)
    }
}
