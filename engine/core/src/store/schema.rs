//! The typed columns of collections, and what is fixed of collections.

use std::sync::Arc;

use lakebed_json::schema::{Schema, StoredLayout};

use super::Store;
use crate::error::Result;
use crate::write::Session;
use crate::write::declare::{self, TypeChange};

impl Store {
    /// The typed columns of a collection.
    ///
    /// # Errors
    /// `CollectionNotFound`, `Corrupt`.
    pub fn schema(&self, collection: &str) -> Result<Arc<Schema>> {
        self.reader()?.schema(collection)
    }

    /// The typed columns of a collection, with the counts of the rows there are, and of the values that declared types
    /// cannot hold.
    ///
    /// # Errors
    /// `CollectionNotFound`, `Corrupt`, `Io`.
    pub fn counted_schema(&self, collection: &str) -> Result<Arc<Schema>> {
        self.reader()?.counted_schema(collection)
    }

    /// Declares types of columns and of fields inside them, or lets them be inferred again: a value that a declared
    /// type cannot hold is NULL. Commits pending work first, and the change itself. `create` makes the collection if
    /// there is none, and takes names of columns that no row has yet.
    ///
    /// # Errors
    /// `CollectionNotFound`; `InvalidArgument` for a column or field that the collection does not have.
    pub fn declare(&self, collection: &str, changes: &[TypeChange], create: bool) -> Result<()> {
        self.change_schema(|session| declare::declare(session, collection, changes, create))
    }

    /// Infers the types of a collection's columns anew, from the rows there are. Commits pending work first, and the
    /// change itself.
    ///
    /// # Errors
    /// `CollectionNotFound`, `Corrupt`, `Io`.
    pub fn infer(&self, collection: &str) -> Result<()> {
        self.change_schema(|session| declare::infer(session, collection))
    }

    /// Sets how the records of a collection are stored, from the next ingest or compaction on. Commits pending work
    /// first, and the setting itself. `create` makes the collection if there is none.
    ///
    /// # Errors
    /// `CollectionNotFound`.
    pub fn set_layout(&self, collection: &str, layout: StoredLayout, create: bool) -> Result<()> {
        self.change_schema(|session| declare::set_layout(session, collection, layout, create))
    }

    /// Makes a change of its own commit.
    fn change_schema(&self, change: impl FnOnce(&mut Session<'_>) -> Result<()>) -> Result<()> {
        self.commit()?;
        let mut session = Session::begin(&self.shared, None)?;
        let changed = change(&mut session);
        if changed.is_ok() {
            session.commit()?;
        }
        session.leave()?;
        changed
    }
}
