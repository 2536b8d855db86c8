//! Keeps the names of columns when rows are added.

use std::collections::{BTreeSet, HashMap};

use super::columns::{columns_of, frequent_in_rows};
use super::node::MAX_COLUMNS;
use super::settings::{Named, Settings};
use super::summary::Summary;
use super::types::{Column, ColumnSource, Schema};

impl Settings {
    /// Fixes names so that the columns of `before` keep theirs when the rows are those of `after`, and so do the new
    /// columns later. Names that would be given again in any case are not kept.
    pub fn keep_names(&mut self, before: &Schema, after: &Summary) {
        let mut all = self.clone();
        for column in &before.columns {
            if let Some(named) = Named::of(&column.source) {
                all.names.insert(named, column.name.clone());
            }
        }
        let mut admitted = BTreeSet::new();
        if let Some(name) = self.names.get(&Named::Rest) {
            all.names.insert(Named::Rest, name.clone());
            admitted = self.frequent_keys(after);
        } else {
            // The columns are chosen among all keys.
            all.names.remove(&Named::Rest);
        }
        let schema = columns_of(after, &all, &admitted);
        let rest = schema
            .columns
            .iter()
            .any(|column| matches!(column.source, ColumnSource::Rest(_)));
        let mut alike: HashMap<String, usize> = HashMap::new();
        for column in &schema.columns {
            if let ColumnSource::Key(key) = &column.source {
                *alike.entry(folded(key)).or_default() += 1;
            }
        }
        let derived = |column: &Column| match &column.source {
            ColumnSource::Key(key) => {
                column.name.as_bytes() == &**key
                    && alike.get(&folded(key)).is_none_or(|count| *count == 1)
            }
            _ => false,
        };
        for column in &schema.columns {
            if let Some(named) = Named::of(&column.source)
                && (rest || !derived(column))
            {
                self.names.insert(named, column.name.clone());
            }
        }
    }

    /// Keys that get a column because many rows have them by now, although the record has too many keys.
    fn frequent_keys(&self, after: &Summary) -> BTreeSet<Box<[u8]>> {
        let room = MAX_COLUMNS.saturating_sub(self.names.len() + 1);
        let known = |key: &[u8]| self.names.contains_key(&Named::Key(key.into()));
        let fields = frequent_in_rows(after, known).take(room);
        fields.map(|field| after.node(field).key.clone()).collect()
    }
}

fn folded(key: &[u8]) -> String {
    String::from_utf8_lossy(key).to_ascii_lowercase()
}
