//! The stores that `lakebed_attach` has attached to a database, by their names.

use std::path::Path;

use lakebed_core::Result;
use parking_lot::Mutex;

use crate::callback::invalid;

/// The attached stores of one database, by their names.
#[derive(Debug, Default)]
pub(crate) struct AttachedStores(Mutex<Vec<(String, String)>>);

impl AttachedStores {
    /// Attaches the store at a path under a name. Attaching it again changes nothing.
    ///
    /// # Errors
    /// The name stands for another store.
    pub(crate) fn attach(&self, name: &str, path: &Path) -> Result<()> {
        let path = path.display().to_string();
        let mut all = self.0.lock();
        match all
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            Some((_, known)) if *known != path => Err(invalid(format!(
                "The name {name:?} stands for the store {known}: give {path} another one, as in lakebed_attach('{path}', name := 'other')."
            ))),
            Some(_) => Ok(()),
            None => {
                all.push((name.to_owned(), path));
                Ok(())
            }
        }
    }

    /// Names and paths, in the order in which they were attached.
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        self.0.lock().clone()
    }
}
