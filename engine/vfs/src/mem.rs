//! Files in memory: they do everything that the operating system's do, except survive the process.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::mapping::check_len;
use crate::name::{check_dir_name, check_file_name, parent};
use crate::{File, Holder, Lock, Mapping, Names, Open, ReadFile, ReadVfs, Vfs};

/// A directory in memory. Clones share it; [`MemVfs::snapshot`] makes an independent copy.
///
/// Locks exclude each other between different opens, as the operating system's do. Syncing does nothing: only the end
/// of the process loses anything.
#[derive(Debug, Clone, Default)]
pub struct MemVfs {
    tree: Arc<Mutex<Tree>>,
}

#[derive(Debug, Default)]
struct Tree {
    /// Without the root, which always exists.
    dirs: BTreeSet<String>,
    files: BTreeMap<String, Arc<Node>>,
}

/// A file's bytes, with or without a name.
#[derive(Debug, Default)]
struct Node {
    data: RwLock<Vec<u8>>,
    /// Its names.
    names: Mutex<BTreeSet<String>>,
    locks: Mutex<Locks>,
}

#[derive(Debug, Default)]
struct Locks {
    shared: BTreeSet<u64>,
    exclusive: Option<u64>,
    write: Option<u64>,
}

impl MemVfs {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of every directory and file as they are now, not open and not locked.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let tree = self.tree.lock();
        let files = tree.files.iter().map(|(name, node)| {
            let node = Node {
                data: RwLock::new(node.data.read().clone()),
                names: Mutex::new(BTreeSet::from([name.clone()])),
                locks: Mutex::default(),
            };
            (name.clone(), Arc::new(node))
        });
        Self {
            tree: Arc::new(Mutex::new(Tree {
                dirs: tree.dirs.clone(),
                files: files.collect(),
            })),
        }
    }
}

impl Tree {
    fn is_dir(&self, dir: &str) -> bool {
        dir.is_empty() || self.dirs.contains(dir)
    }

    /// The error that the system gives for a path below `dir`, if `dir` does not exist or is a file.
    fn check_dir(&self, dir: &str) -> io::Result<()> {
        if self.is_dir(dir) {
            return Ok(());
        }
        let mut above = dir;
        while !above.is_empty() {
            if self.files.contains_key(above) {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            above = parent(above);
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn find(&self, name: &str) -> io::Result<&Arc<Node>> {
        self.check_dir(parent(name))?;
        if self.dirs.contains(name) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.files
            .get(name)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl ReadVfs for MemVfs {
    fn open_read(&self, name: &str) -> io::Result<Arc<dyn ReadFile>> {
        Ok(self.open(name, Open::Read)?)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        check_dir_name(dir)?;
        let tree = self.tree.lock();
        if tree.files.contains_key(dir) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        tree.check_dir(dir)?;
        let inside = |name: &&String| parent(name) == dir;
        let mut names: Vec<String> = tree
            .files
            .keys()
            .filter(inside)
            .chain(tree.dirs.iter().filter(inside))
            .map(|name| name.rsplit('/').next().unwrap_or(name).to_owned())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn describe(&self) -> String {
        "(memory)".to_owned()
    }

    fn can_map(&self) -> bool {
        true
    }
}

impl Vfs for MemVfs {
    fn open(&self, name: &str, how: Open) -> io::Result<Arc<dyn File>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);

        check_file_name(name)?;
        let mut tree = self.tree.lock();
        let node = match tree.find(name) {
            Ok(_) if how == Open::CreateNew => return Err(io::ErrorKind::AlreadyExists.into()),
            Ok(node) => node.clone(),
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && matches!(how, Open::Create | Open::CreateNew)
                    && tree.is_dir(parent(name)) =>
            {
                let node = Arc::new(Node {
                    names: Mutex::new(BTreeSet::from([name.to_owned()])),
                    ..Node::default()
                });
                tree.files.insert(name.to_owned(), node.clone());
                node
            }
            Err(error) if error.kind() == io::ErrorKind::IsADirectory && how == Open::CreateNew => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Err(error) => return Err(error),
        };
        Ok(Arc::new(MemFile {
            node,
            name: name.to_owned(),
            opened: NEXT.fetch_add(1, Ordering::Relaxed),
            writable: how != Open::Read,
        }))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        check_dir_name(dir)?;
        let mut tree = self.tree.lock();
        if tree.files.contains_key(dir) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        match tree.check_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(error),
            _ => {}
        }
        let mut dir = dir;
        while !dir.is_empty() {
            tree.dirs.insert(dir.to_owned());
            dir = parent(dir);
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_file_name(from)?;
        check_file_name(to)?;
        let mut tree = self.tree.lock();
        let node = tree.find(from)?.clone();
        match tree.find(to) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && tree.is_dir(parent(to)) => {}
            Err(error) => return Err(error),
        }
        if from == to {
            return Ok(());
        }
        if tree
            .files
            .get(to)
            .is_some_and(|there| Arc::ptr_eq(there, &node))
        {
            // Two names of one file: the system leaves both.
            return Ok(());
        }
        tree.files.remove(from);
        node.names.lock().remove(from);
        node.names.lock().insert(to.to_owned());
        if let Some(replaced) = tree.files.insert(to.to_owned(), node) {
            replaced.names.lock().remove(to);
        }
        Ok(())
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        check_file_name(name)?;
        let mut tree = self.tree.lock();
        tree.find(name)?.names.lock().remove(name);
        tree.files.remove(name);
        Ok(())
    }

    fn link(&self, file: &str, name: &str) -> io::Result<()> {
        check_file_name(file)?;
        check_file_name(name)?;
        let mut tree = self.tree.lock();
        let node = tree.find(file)?.clone();
        tree.check_dir(parent(name))?;
        if tree.files.contains_key(name) || tree.is_dir(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        node.names.lock().insert(name.to_owned());
        tree.files.insert(name.to_owned(), node);
        Ok(())
    }

    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        check_file_name(dir)?;
        let mut tree = self.tree.lock();
        if tree.files.contains_key(dir) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        tree.check_dir(dir)?;
        let mut inside = tree.files.keys().chain(&tree.dirs);
        if inside.any(|name| parent(name) == dir) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        tree.dirs.remove(dir);
        Ok(())
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        check_dir_name(dir)?;
        let tree = self.tree.lock();
        if tree.files.contains_key(dir) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        tree.check_dir(dir)
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }
}

#[derive(Debug)]
struct MemFile {
    node: Arc<Node>,
    /// The name it was opened by.
    name: String,
    /// Distinguishes this open from others of the same file, for locks.
    opened: u64,
    writable: bool,
}

impl MemFile {
    fn check_writable(&self) -> io::Result<()> {
        if self.writable {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the file is open for reading only",
        ))
    }
}

fn to_index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

impl ReadFile for MemFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let data = self.node.data.read();
        let from = to_index(offset)?.min(data.len());
        let (_, bytes) = data.split_at(from);
        let count = bytes.len().min(buf.len());
        if let (Some(to), Some(bytes)) = (buf.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(bytes);
        }
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.node.data.read().len() as u64)
    }

    /// A copy of the bytes as they are now.
    fn map(&self, len: u64) -> io::Result<Mapping> {
        let data = self.node.data.read();
        check_len(data.len() as u64, len)?;
        let (bytes, _) = data.split_at(to_index(len)?);
        Ok(Mapping::from(Arc::<[u8]>::from(bytes)))
    }

    fn names(&self) -> io::Result<Names> {
        let names = self.node.names.lock();
        Ok(Names {
            opened: names.contains(&self.name),
            count: names.len() as u64,
        })
    }
}

impl File for MemFile {
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.check_writable()?;
        if buf.is_empty() {
            return Ok(0);
        }
        let mut data = self.node.data.write();
        let from = to_index(offset)?;
        let end = to_index(
            offset
                .checked_add(buf.len() as u64)
                .ok_or(io::ErrorKind::FileTooLarge)?,
        )?;
        if data.len() < end {
            let more = end - data.len();
            data.try_reserve(more)
                .map_err(|_| io::ErrorKind::StorageFull)?;
            data.resize(end, 0);
        }
        if let Some(to) = data.get_mut(from..end) {
            to.copy_from_slice(buf);
        }
        Ok(buf.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let len = to_index(len)?;
        let mut data = self.node.data.write();
        let more = len.saturating_sub(data.len());
        data.try_reserve(more)
            .map_err(|_| io::ErrorKind::StorageFull)?;
        data.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self, kind: Lock) -> io::Result<bool> {
        self.unlock()?;
        let mut locks = self.node.locks.lock();
        if kind == Lock::Write {
            self.check_writable()?;
            let free = locks.write.or(locks.exclusive).is_none();
            if free {
                locks.write = Some(self.opened);
            }
            return Ok(free);
        }
        if locks.exclusive.is_some() || (kind == Lock::Exclusive && !locks.shared.is_empty()) {
            return Ok(false);
        }
        match kind {
            Lock::Write => {}
            Lock::Shared => _ = locks.shared.insert(self.opened),
            Lock::Exclusive => locks.exclusive = Some(self.opened),
        }
        Ok(true)
    }

    fn unlock(&self) -> io::Result<()> {
        let mut locks = self.node.locks.lock();
        locks.shared.remove(&self.opened);
        if locks.exclusive == Some(self.opened) {
            locks.exclusive = None;
        }
        if locks.write == Some(self.opened) {
            locks.write = None;
        }
        Ok(())
    }

    fn holder(&self) -> io::Result<Holder> {
        let others = |opened: &u64| *opened != self.opened;
        let locks = self.node.locks.lock();
        Ok(match locks.write.or(locks.exclusive).filter(others) {
            Some(_) => Holder::Writer,
            None => Holder::Nobody,
        })
    }
}

impl Drop for MemFile {
    fn drop(&mut self) {
        _ = self.unlock();
    }
}
