//! A directory by its absolute path, where the system does not look names up in an open directory. Compile-checked and
//! untested.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::{DirStamp, Names, Open};

/// There is none.
pub(super) type FileId = ();

/// A directory by the path that it had when it was opened, links resolved.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        check_dir(path)?;
        Ok(Self {
            path: fs::canonicalize(path)?,
        })
    }

    pub(super) fn is_at(&self, path: &Path) -> io::Result<bool> {
        match fs::canonicalize(path) {
            Ok(found) => Ok(found == self.path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn join(&self, name: &str) -> PathBuf {
        let mut path = self.path.clone();
        path.extend(name.split('/').filter(|part| !part.is_empty()));
        path
    }

    pub(super) fn open_file(&self, name: &str, how: Open) -> io::Result<fs::File> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match how {
            Open::Read => {}
            Open::ReadWrite => _ = options.write(true),
            Open::Create => _ = options.write(true).create(true).truncate(false),
            Open::CreateNew => _ = options.write(true).create_new(true),
        }
        options.open(self.join(name))
    }

    /// The names of a file are not counted, and one that was replaced is not told from the new one.
    pub(super) fn names_of(
        &self,
        name: &str,
        _: &fs::File,
        _: &OnceLock<FileId>,
    ) -> io::Result<Names> {
        Ok(Names {
            opened: self.join(name).try_exists()?,
            count: 1,
        })
    }

    pub(super) fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.join(dir))? {
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the same signature everywhere"
    )]
    pub(super) fn stamp(&self, _: &str) -> io::Result<Option<DirStamp>> {
        Ok(None)
    }

    pub(super) fn create_dir(&self, dir: &str) -> io::Result<()> {
        fs::create_dir_all(self.join(dir))
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.join(from), self.join(to))
    }

    pub(super) fn unlink(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.join(name))
    }

    pub(super) fn link(&self, file: &str, name: &str) -> io::Result<()> {
        fs::hard_link(self.join(file), self.join(name))
    }

    pub(super) fn remove_dir(&self, dir: &str) -> io::Result<()> {
        fs::remove_dir(self.join(dir))
    }

    /// Directories cannot be flushed there; NTFS journals names itself.
    pub(super) fn sync(&self, dir: &str) -> io::Result<()> {
        check_dir(&self.join(dir))
    }

    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the same signature everywhere"
    )]
    pub(super) fn free_bytes(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }

    pub(super) fn is_local(&self) -> bool {
        super::local::is_local(&self.path)
    }
}

fn check_dir(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_dir() {
        Ok(())
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}
