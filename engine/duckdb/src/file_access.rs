//! Which files a call may open: what DuckDB's settings say, and which stores were allowed by name.
//!
//! DuckDB checks the paths of its own readers against `enable_external_access`, `allowed_directories` and
//! `allowed_paths`. The extension opens files by itself, so it checks them by the same rules. Paths are compared in
//! their canonical form: absolute, with symbolic links, `.` and `..` resolved.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use lakebed_core::Result;
use parking_lot::Mutex;

use crate::attached::stores::AttachedStores;
use crate::callback::invalid;

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileUse {
    /// A store is read.
    ReadStore,
    /// A store is changed.
    ChangeStore,
    /// A file that is no store is read.
    ReadFile,
}

/// The stores of one database that may be read whatever its settings say.
#[derive(Debug, Default)]
pub(crate) struct AllowedStores {
    paths: Mutex<BTreeSet<PathBuf>>,
    /// Those that are tables, which this does not allow to read.
    pub(crate) attached: AttachedStores,
}

impl AllowedStores {
    /// Allows reading a store. Returns its canonical path.
    pub(crate) fn allow(&self, store: &Path) -> Result<PathBuf> {
        let found = canonical(store).ok_or_else(|| {
            invalid(format!(
                "The path {} cannot be resolved: check it.",
                store.display()
            ))
        })?;
        self.paths.lock().insert(found.clone());
        Ok(found)
    }

    fn contains(&self, canonical: &Path) -> bool {
        self.paths.lock().contains(canonical)
    }
}

/// What the settings of a connection allow.
#[derive(Clone, Debug)]
pub(crate) enum FileAccess {
    /// Every file.
    Everything,
    /// What is in these directories, these paths, and the allowed stores for reading.
    Only {
        directories: Vec<String>,
        paths: Vec<String>,
        stores: Arc<AllowedStores>,
    },
}

impl FileAccess {
    /// Refuses what is not allowed; looks at no file for it but at directories and links on the way.
    pub(crate) fn check(&self, path: &Path, file_use: FileUse) -> Result<()> {
        let Self::Only {
            directories,
            paths,
            stores,
        } = self
        else {
            return Ok(());
        };
        let allowed = canonical(path).is_some_and(|wanted| {
            let listed = |list: &[String], fits: fn(&Path, &Path) -> bool| {
                let mut known = list.iter().filter_map(|one| canonical(Path::new(one)));
                known.any(|known| fits(&wanted, &known))
            };
            listed(directories, |wanted, known| wanted.starts_with(known))
                || listed(paths, |wanted, known| wanted == known)
                || file_use == FileUse::ReadStore && stores.contains(&wanted)
        });
        if allowed {
            return Ok(());
        }
        let path = path.display();
        let (what, more) = match file_use {
            FileUse::ReadStore => ("read the store", ", or CALL lakebed_allow('STORE')"),
            FileUse::ChangeStore => ("change the store", ""),
            FileUse::ReadFile => ("read the file", ""),
        };
        Err(invalid(format!(
            "Permission denied: the settings of this connection do not allow lakebed to {what} {path}, because enable_external_access is \
             off. Before it is switched off, SET allowed_directories = ['DIRECTORY'] allows what is in a directory{more}."
        )))
    }
}

/// The path that a text of SQL means: as DuckDB does, `file:` URLs name local files.
pub(crate) fn local_path(text: &str) -> &Path {
    let rest = text.strip_prefix("file:").and_then(|rest| {
        let rest = rest.strip_prefix("//localhost").unwrap_or(rest);
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        rest.starts_with('/').then_some(rest)
    });
    Path::new(rest.unwrap_or(text))
}

/// The canonical form of a path, of which the last parts need not exist. `None` if it cannot be told where it leads.
fn canonical(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    let mut existing = absolute.as_path();
    let mut missing: Vec<OsString> = Vec::new();
    loop {
        if let Ok(mut found) = std::fs::canonicalize(existing) {
            found.extend(missing.iter().rev());
            return Some(found);
        }
        // A link that leads nowhere yet may lead anywhere later.
        if std::fs::symlink_metadata(existing).is_ok() {
            return None;
        }
        let Some(Component::Normal(name)) = existing.components().next_back() else {
            return None;
        };
        missing.push(name.to_owned());
        existing = existing.parent()?;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::local_path;

    #[test]
    fn file_urls_are_local_paths() {
        for (text, path) in [
            ("file:///tmp/a.lakebed", "/tmp/a.lakebed"),
            ("file:/tmp/a.lakebed", "/tmp/a.lakebed"),
            ("file://localhost/tmp/a.lakebed", "/tmp/a.lakebed"),
            ("file://host/tmp/a", "file://host/tmp/a"),
            ("file:a", "file:a"),
            ("a.lakebed", "a.lakebed"),
        ] {
            assert_eq!(local_path(text), Path::new(path), "{text}");
        }
    }
}
