//! A `Vfs` without mappings.

use std::io;
use std::sync::Arc;

use lakebed_vfs::{File, Open, ReadFile, ReadVfs, Vfs};

/// A directory on a file system where mapping is not safe.
#[derive(Debug)]
pub struct Unmapped(pub Arc<dyn Vfs>);

impl ReadVfs for Unmapped {
    fn open_read(&self, name: &str) -> io::Result<Arc<dyn ReadFile>> {
        Ok(self.open(name, Open::Read)?)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn is_in_place(&self) -> io::Result<bool> {
        self.0.is_in_place()
    }

    fn can_map(&self) -> bool {
        false
    }
}

impl Vfs for Unmapped {
    fn open(&self, name: &str, how: Open) -> io::Result<Arc<dyn File>> {
        self.0.open(name, how)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.0.create_dir(dir)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        self.0.unlink(name)
    }

    fn link(&self, file: &str, name: &str) -> io::Result<()> {
        self.0.link(file, name)
    }

    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        self.0.remove_dir(dir)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.0.sync_dir(dir)
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        self.0.free_bytes()
    }
}
