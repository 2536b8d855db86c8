//! Keeps the names of columns: a name that a commit gave to a key stays with it.
//!
//! Nearly always the keys alone give the names, and nothing is kept. Names are fixed, in the collection's settings,
//! when a key comes that wants the name of another one, or when there are too many keys for columns.

use std::collections::{HashMap, HashSet};

use lakebed_format::CollectionId;
use lakebed_json::schema::{ColumnSource, Description, MAX_COLUMNS, Schema, Summary};

use crate::catalogue::{Catalogue, merged_description};
use crate::context::StoreContext;
use crate::error::Result;

/// The keys that the collections of a group have.
#[derive(Debug, Default)]
pub(super) struct KnownKeys {
    collections: HashMap<CollectionId, CollectionNames>,
}

#[derive(Debug)]
struct CollectionNames {
    keys: HashSet<Box<[u8]>>,
    /// Names that are taken, in lower case.
    names: HashSet<String>,
    has_non_objects: bool,
    /// Whether keys without a column have one in common.
    has_rest: bool,
    rows: u64,
}

impl CollectionNames {
    fn of(schema: &Schema) -> Self {
        let columns = || schema.columns.iter();
        let has =
            |wanted: fn(&ColumnSource) -> bool| columns().any(|column| wanted(&column.source));
        Self {
            keys: columns()
                .filter_map(|column| match &column.source {
                    ColumnSource::Key(key) => Some(key.clone()),
                    _ => None,
                })
                .collect(),
            names: columns()
                .map(|column| column.name.to_ascii_lowercase())
                .collect(),
            has_non_objects: has(|source| *source == ColumnSource::NonObject),
            has_rest: has(|source| matches!(source, ColumnSource::Rest(_))),
            rows: schema.rows,
        }
    }

    /// Adds the keys of new rows; whether the names of all columns follow from the keys as they did before.
    fn add(&mut self, new: &Summary) -> bool {
        self.rows += new.rows();
        if new.non_objects() > 0 && !self.has_non_objects {
            return false;
        }
        if self.has_rest {
            // A key that gets a column of its own now is in at least one of a hundred rows.
            return new.rows().saturating_mul(100) < self.rows;
        }
        if new.is_wide() {
            return false;
        }
        for key in new.top_keys() {
            if self.keys.contains(key) {
                continue;
            }
            let free = std::str::from_utf8(key).is_ok_and(|name| {
                !name.is_empty()
                    && !name.contains('\0')
                    && !name.starts_with('_')
                    && self.names.insert(name.to_ascii_lowercase())
            });
            if !free {
                return false;
            }
            self.keys.insert(key.into());
        }
        self.keys.len() <= MAX_COLUMNS
    }
}

impl KnownKeys {
    /// Forgets everything: the group was rolled back to an earlier state.
    pub(super) fn clear(&mut self) {
        self.collections.clear();
    }

    /// The description of rows that are added to a collection, with the names that are fixed from now on, if these
    /// change. `catalogue` is without the rows.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(super) fn with_names(
        &mut self,
        context: &StoreContext,
        catalogue: &Catalogue,
        id: CollectionId,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>> {
        let Some(collection) = catalogue.collection(id) else {
            return Ok(None);
        };
        // What cannot be read is stored as it is, and reported by those who read it.
        let Ok(mut new) = Description::decode(bytes) else {
            return Ok(None);
        };
        if new.replaces || new.settings.is_some() {
            self.collections.remove(&id);
            return Ok(None);
        }
        if let Some(keys) = self.collections.get_mut(&id) {
            if keys.add(&new.summary) {
                return Ok(None);
            }
        } else {
            let mut keys = CollectionNames::of(&*context.schema(collection)?);
            let known = keys.add(&new.summary);
            if known {
                self.collections.insert(id, keys);
                return Ok(None);
            }
        }
        self.collections.remove(&id);
        let before = context.schema(collection)?;
        let Ok(all) = merged_description(&collection.schema) else {
            return Ok(None);
        };
        let mut all = all.unwrap_or_default();
        let known = all.settings.take().unwrap_or_default();
        let mut settings = known.clone();
        all.summary.merge(&new.summary);
        settings.keep_names(&before, &all.summary);
        if settings == known {
            return Ok(None);
        }
        new.settings = Some(settings);
        Ok(Some(new.encode()))
    }
}
