//! The operating system's files.

#[cfg(unix)]
mod directory;
#[cfg(not(unix))]
#[path = "path.rs"]
mod directory;
mod file;
mod flock_write_lock;
mod local;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod write_lock;
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
use flock_write_lock as write_lock;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use self::directory::Directory;
use self::file::OsFile;
use crate::name::{check_dir_name, check_file_name};
use crate::{DirStamp, File, Open, ReadFile, ReadVfs, Vfs};

/// A directory of the operating system. Creating this value touches nothing: [`Vfs::create_dir`] of `""` creates the
/// directory.
///
/// The directory is opened when it is used first. From then on names are looked up in that directory, wherever it is
/// moved and whatever takes its place ([`ReadVfs::is_in_place`] tells). Clones share it.
///
/// Locks belong to the open file, so that two opens in one process exclude each other, and they are released with the
/// process. They are flock's on Unix; on Linux [`Lock::Write`](crate::Lock::Write) is a record lock of the open file.
/// Files are closed on exec.
#[derive(Debug, Clone)]
pub struct OsVfs {
    root: PathBuf,
    opened: Arc<OnceLock<Arc<Directory>>>,
}

impl OsVfs {
    /// The directory at `path`, whether it exists or not. A relative path is taken from the working directory of now.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            root: std::path::absolute(&path).unwrap_or(path),
            opened: Arc::default(),
        }
    }

    /// The directory's absolute path.
    pub fn path(&self) -> &Path {
        &self.root
    }

    fn directory(&self) -> io::Result<&Arc<Directory>> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = Arc::new(Directory::open(&self.root)?);
        Ok(self.opened.get_or_init(|| opened))
    }
}

/// What a symbolic link names that leads nowhere; `None` for any other path.
pub fn dangling_link(path: &Path) -> Option<PathBuf> {
    let target = fs::read_link(path).ok()?;
    let missing = fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    missing.then_some(target)
}

impl ReadVfs for OsVfs {
    fn open_read(&self, name: &str) -> io::Result<Arc<dyn ReadFile>> {
        Ok(self.open(name, Open::Read)?)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        check_dir_name(dir)?;
        let mut names = self.directory()?.list(dir)?;
        names.sort_unstable();
        Ok(names)
    }

    fn stamp(&self, dir: &str) -> io::Result<Option<DirStamp>> {
        check_dir_name(dir)?;
        self.directory()?.stamp(dir)
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn can_map(&self) -> bool {
        match self.directory() {
            Ok(directory) => directory.is_local(),
            Err(_) => Directory::open(existing(&self.root)).is_ok_and(|above| above.is_local()),
        }
    }

    fn is_in_place(&self) -> io::Result<bool> {
        match self.opened.get() {
            Some(opened) => opened.is_at(&self.root),
            None => Ok(true),
        }
    }
}

impl Vfs for OsVfs {
    fn open(&self, name: &str, how: Open) -> io::Result<Arc<dyn File>> {
        check_file_name(name)?;
        let directory = self.directory()?;
        let file = directory.open_file(name, how)?;
        // Opening a directory for reading works on Unix; only files are wanted here.
        if how == Open::Read && file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Arc::new(OsFile::new(file, directory, name)))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        check_dir_name(dir)?;
        if !dir.is_empty() {
            return self.directory()?.create_dir(dir);
        }
        let path = &self.root;
        if path.is_dir() {
            return Ok(());
        }
        // The store's own directory lies in one that nothing else syncs, and so may those above it.
        let mut missing = vec![path.as_path()];
        let mut above = path.parent();
        while let Some(dir) = above.filter(|dir| !dir.exists()) {
            missing.push(dir);
            above = dir.parent();
        }
        fs::create_dir_all(path)?;
        for holder in missing.into_iter().filter_map(Path::parent) {
            Directory::open(holder)?.sync("")?;
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_file_name(from)?;
        check_file_name(to)?;
        self.directory()?.rename(from, to)
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        check_file_name(name)?;
        self.directory()?.unlink(name)
    }

    fn link(&self, file: &str, name: &str) -> io::Result<()> {
        check_file_name(file)?;
        check_file_name(name)?;
        self.directory()?.link(file, name)
    }

    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        check_file_name(dir)?;
        self.directory()?.remove_dir(dir)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        check_dir_name(dir)?;
        self.directory()?.sync(dir)
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        match self.directory() {
            Ok(directory) => directory.free_bytes(),
            Err(_) => Directory::open(existing(&self.root))?.free_bytes(),
        }
    }
}

/// The nearest parent that is a directory.
fn existing(path: &Path) -> &Path {
    path.ancestors()
        .find(|path| path.is_dir())
        .unwrap_or(Path::new("."))
}
