//! A directory inside another one, as a [`Vfs`] of its own.

use std::io;
use std::sync::Arc;

use crate::name::{check_dir_name, parent};
use crate::{DirStamp, File, Open, ReadFile, ReadVfs, Vfs};

/// A directory inside another [`Vfs`]. Creating this value touches nothing: [`Vfs::create_dir`] of `""` creates the
/// directory.
#[derive(Debug)]
pub struct Subdirectory {
    vfs: Arc<dyn Vfs>,
    dir: String,
}

impl Subdirectory {
    /// The directory of this name in `vfs`, whether it exists or not.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is not one inside a directory.
    pub fn new(vfs: Arc<dyn Vfs>, dir: &str) -> io::Result<Self> {
        crate::check_file_name(dir)?;
        Ok(Self {
            vfs,
            dir: dir.to_owned(),
        })
    }

    fn name(&self, name: &str) -> String {
        if name.is_empty() {
            self.dir.clone()
        } else {
            format!("{}/{name}", self.dir)
        }
    }
}

impl ReadVfs for Subdirectory {
    fn open_read(&self, name: &str) -> io::Result<Arc<dyn ReadFile>> {
        crate::check_file_name(name)?;
        self.vfs.open_read(&self.name(name))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        check_dir_name(dir)?;
        self.vfs.list(&self.name(dir))
    }

    fn stamp(&self, dir: &str) -> io::Result<Option<DirStamp>> {
        check_dir_name(dir)?;
        self.vfs.stamp(&self.name(dir))
    }

    fn describe(&self) -> String {
        format!("{}/{}", self.vfs.describe(), self.dir)
    }

    fn is_in_place(&self) -> io::Result<bool> {
        self.vfs.is_in_place()
    }

    fn can_map(&self) -> bool {
        self.vfs.can_map()
    }
}

impl Vfs for Subdirectory {
    fn open(&self, name: &str, how: Open) -> io::Result<Arc<dyn File>> {
        crate::check_file_name(name)?;
        self.vfs.open(&self.name(name), how)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        check_dir_name(dir)?;
        self.vfs.create_dir(&self.name(dir))?;
        if dir.is_empty() {
            self.vfs.sync_dir(parent(&self.dir))?;
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        crate::check_file_name(from)?;
        crate::check_file_name(to)?;
        self.vfs.rename(&self.name(from), &self.name(to))
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        crate::check_file_name(name)?;
        self.vfs.unlink(&self.name(name))
    }

    fn link(&self, file: &str, name: &str) -> io::Result<()> {
        crate::check_file_name(file)?;
        crate::check_file_name(name)?;
        self.vfs.link(&self.name(file), &self.name(name))
    }

    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        crate::check_file_name(dir)?;
        self.vfs.remove_dir(&self.name(dir))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        check_dir_name(dir)?;
        self.vfs.sync_dir(&self.name(dir))
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        self.vfs.free_bytes()
    }
}
