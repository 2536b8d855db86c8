//! Which collection of the attached stores the name of a table stands for.

use lakebed_core::{Result, Snapshot, quoted};

use super::stores::{AttachedStore, AttachedStores};
use crate::callback::invalid;
use crate::query_snapshot::{self, PinnedStore};

/// A collection that a name stands for.
pub(super) struct Found {
    pub(super) store: AttachedStore,
    pub(super) pinned: PinnedStore,
    pub(super) collection: String,
}

/// The collection that the name of a table stands for; `None` for a name that no attached store has.
///
/// # Errors
/// Two stores have it; those of opening a store.
pub(super) fn find(attached: &AttachedStores, table: &str) -> Result<Option<Found>> {
    let mut found: Option<Found> = None;
    for store in attached.all() {
        let Some(wanted) = without_prefix(table, &store.prefix) else {
            continue;
        };
        // What the settings allow is looked at when the query is bound.
        let pinned = query_snapshot::pin(&store.path)?;
        let Some(collection) = collection(&pinned.snapshot, wanted)? else {
            continue;
        };
        if let Some(first) = &found {
            return Err(invalid(format!(
                "The table {} can be of {} or of {}: attach one of them with a prefix, as in lakebed_attach('{}', prefix := 'other_').",
                quoted(table),
                first.store.path,
                store.path,
                store.path
            )));
        }
        found = Some(Found {
            store,
            pinned,
            collection,
        });
    }
    Ok(found)
}

/// What follows a prefix, whose case does not matter, as in all names of SQL.
fn without_prefix<'a>(table: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = table.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The collection that a name in SQL means: the one of this name, otherwise the oldest that has it in another case.
fn collection(snapshot: &Snapshot, wanted: &str) -> Result<Option<String>> {
    let mut all = snapshot.collections()?;
    all.sort_by_key(|one| one.id);
    let exact = all.iter().find(|one| *one.name == *wanted);
    let found = exact.or_else(|| all.iter().find(|one| one.name.eq_ignore_ascii_case(wanted)));
    Ok(found.map(|one| one.name.clone()))
}
