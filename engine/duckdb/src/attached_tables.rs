//! What the names of tables stand for, after `lakebed_attach`.
//!
//! DuckDB asks for every name of a table that it does not know (a replacement scan); the name of a collection of an
//! attached store is then a call of `lakebed_scan`. So nothing is paid for collections that a query does not name, and
//! each query sees the newest commit.

use lakebed_core::Result;

use crate::attached::AttachedStores;
use crate::file_access::FileAccess;
use crate::query_snapshot;

/// The tables about a store, each with the function that reads it.
const SYSTEM_TABLES: [(&str, &str); 5] = [
    ("blobs", "lakebed_blobs"),
    ("collections", "lakebed_collections"),
    ("segments", "lakebed_segments"),
    ("dictionaries", "lakebed_dictionaries"),
    ("commits", "lakebed_commits"),
];

/// What a name stands for: a function, and its arguments.
pub(crate) type Call = (&'static str, Vec<String>);

/// What the name of a table stands for, as `events`, `data.events`, `data.main.events` or `data.sys.blobs`; `None`
/// for a name that no attached store has.
///
/// # Errors
/// Those of opening a store.
pub(crate) fn find(attached: &AttachedStores, table: &str) -> Result<Option<Call>> {
    for (name, path) in attached.all() {
        let inside = table
            .split_once('.')
            .filter(|(first, _)| first.eq_ignore_ascii_case(&name));
        let (schema, wanted) = match inside {
            Some((_, rest)) => match rest.split_once('.') {
                Some((schema, rest)) if schema.eq_ignore_ascii_case("main") => (Some("main"), rest),
                Some((schema, rest)) if schema.eq_ignore_ascii_case("sys") => (Some("sys"), rest),
                _ => (None, rest),
            },
            None => (None, table),
        };
        if schema != Some("sys")
            && let Some(found) = collection(&path, wanted)?
        {
            return Ok(Some(("lakebed_scan", vec![path, found])));
        }
        let system = SYSTEM_TABLES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(wanted));
        if let Some((_, function)) = system.filter(|_| schema != Some("main")) {
            return Ok(Some((function, vec![path])));
        }
    }
    Ok(None)
}

/// The collection of a store that a name in SQL means: the one of this name, otherwise the oldest that has it in
/// another case.
fn collection(path: &str, wanted: &str) -> Result<Option<String>> {
    // What the settings allow is looked at when the call is bound.
    let opened = query_snapshot::open(path, &FileAccess::Everything)?;
    let mut all = opened.snapshot.collections()?;
    all.sort_by_key(|one| one.id);
    let exact = all.iter().find(|one| *one.name == *wanted);
    let found = exact.or_else(|| all.iter().find(|one| one.name.eq_ignore_ascii_case(wanted)));
    Ok(found.map(|one| one.name.to_string()))
}
