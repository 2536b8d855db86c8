//! Files of segments that are read at positions and not mapped: few are open at a time, however many segments there
//! are.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use lakebed_vfs::{Mapping, Names, ReadFile, ReadVfs, is_out_of_files, open_file_limit};
use parking_lot::Mutex;

/// The part of the process's limit of open files that the segments of one store may have, and the most.
const PART: u64 = 16;
const MOST: u64 = 128;

/// The open files of a store's segments.
#[derive(Debug)]
pub(super) struct OpenFiles {
    vfs: Arc<dyn ReadVfs>,
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// By their names, each with the count of uses at its last.
    files: HashMap<Arc<str>, (Arc<dyn ReadFile>, u64)>,
    uses: u64,
}

impl OpenFiles {
    pub(super) fn new(vfs: Arc<dyn ReadVfs>) -> Self {
        let most = (open_file_limit() / PART).clamp(2, MOST);
        Self {
            vfs,
            most: usize::try_from(most).unwrap_or(usize::MAX),
            open: Mutex::default(),
        }
    }

    /// The open file of this name; the one that was not used for longest is closed for it.
    fn get(&self, name: &Arc<str>) -> io::Result<Arc<dyn ReadFile>> {
        let mut open = self.open.lock();
        open.uses += 1;
        let now = open.uses;
        if let Some((file, used)) = open.files.get_mut(name) {
            *used = now;
            return Ok(Arc::clone(file));
        }
        while open.files.len() >= self.most {
            let oldest = open.files.iter().min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = oldest.map(|(name, _)| Arc::clone(name)) else {
                break;
            };
            open.files.remove(&oldest);
        }
        let file = match self.vfs.open_read(name) {
            // Other parts of the program have what is missing.
            Err(error) if is_out_of_files(&error) && !open.files.is_empty() => {
                open.files.clear();
                self.vfs.open_read(name)?
            }
            opened => opened?,
        };
        open.files
            .insert(Arc::clone(name), (Arc::clone(&file), now));
        Ok(file)
    }

    /// Closes the file of this name: another one is to have it.
    pub(super) fn forget(&self, name: &str) {
        self.open.lock().files.remove(name);
    }

    /// Closes all of them.
    pub(super) fn close(&self) {
        self.open.lock().files.clear();
    }
}

/// A file of a segment, opened when it is read. Its name stays while a state of the store that has the segment is held.
#[derive(Debug)]
pub(super) struct SegmentFile {
    pub(super) files: Arc<OpenFiles>,
    pub(super) name: Arc<str>,
}

impl ReadFile for SegmentFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.files.get(&self.name)?.read_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.files.get(&self.name)?.len()
    }

    fn map(&self, len: u64) -> io::Result<Mapping> {
        self.files.get(&self.name)?.map(len)
    }

    fn names(&self) -> io::Result<Names> {
        self.files.get(&self.name)?.names()
    }
}
