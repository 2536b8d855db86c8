//! Whether everything in a catalogue has a number that was given.

use lakebed_format::{BlobId, limits};

use super::Catalogue;

impl Catalogue {
    /// What of it has a number that was not given yet, `next_blob` being the next blob id.
    pub(crate) fn beyond(&self, next_blob: BlobId) -> Option<&'static str> {
        let blob = |id: Option<BlobId>| id.is_some_and(|id| id >= next_blob);
        let large = self.large.last_key_value().map(|(id, _)| *id);
        if blob(self.pinned.last()) || blob(self.deleted.last()) || blob(large) {
            return Some("a record names a blob that there is not yet");
        }
        let number = self.dictionaries.last_key_value();
        if number.is_some_and(|(number, entry)| {
            *number >= self.next_dictionary || entry.blob >= next_blob
        }) {
            return Some("a record names a dictionary that there is not yet");
        }
        let file = self.files.last_key_value();
        if file.is_some_and(|(number, _)| *number >= self.next_file) {
            return Some("a record names a file that there is not yet");
        }
        let collection = self.collections.values().next_back();
        if collection.is_some_and(|collection| collection.id >= self.next_collection) {
            return Some("a record makes a collection whose id was not given yet");
        }
        let next = [
            self.next_collection.0,
            self.next_file.0,
            self.next_dictionary.0,
            self.next_segment.0,
        ];
        if next.iter().any(|number| *number >= limits::MAX_NUMBER) {
            return Some("a next number is out of its range");
        }
        None
    }
}
