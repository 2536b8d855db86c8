//! Each file and directory twice: as the system shows it, and as the disk holds it; and the changes between them that
//! are not durable.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use lakebed_vfs::{MemVfs, Open, Vfs};

use super::plan::{Op, Plan};

pub(super) type NodeId = usize;

/// Names and what they stand for; the root is always there.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) dirs: BTreeSet<String>,
    pub(super) files: BTreeMap<String, NodeId>,
}

/// A change of names that a crash may lose.
#[derive(Debug, Clone)]
pub(super) enum DirChange {
    Mkdir {
        name: String,
    },
    Rmdir {
        name: String,
    },
    Link {
        name: String,
        node: NodeId,
    },
    Remove {
        name: String,
        node: NodeId,
    },
    /// Inside one directory, hence atomic.
    Rename {
        from: String,
        to: String,
        node: NodeId,
    },
}

impl Tree {
    pub(super) fn apply(&mut self, change: &DirChange) {
        match change {
            DirChange::Mkdir { name } => _ = self.dirs.insert(name.clone()),
            DirChange::Rmdir { name } => _ = self.dirs.remove(name),
            DirChange::Link { name, node } => _ = self.files.insert(name.clone(), *node),
            DirChange::Remove { name, node } => self.remove(name, *node),
            DirChange::Rename { from, to, node } => {
                self.remove(from, *node);
                self.files.insert(to.clone(), *node);
            }
        }
    }

    fn remove(&mut self, name: &str, node: NodeId) {
        if self.files.get(name) == Some(&node) {
            self.files.remove(name);
        }
    }

    pub(super) fn is_dir(&self, dir: &str) -> bool {
        dir.is_empty() || self.dirs.contains(dir)
    }

    /// What the system says about a path below `dir`.
    pub(super) fn check_dir(&self, dir: &str) -> io::Result<()> {
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

    pub(super) fn find(&self, name: &str) -> io::Result<NodeId> {
        self.check_dir(parent(name))?;
        if self.dirs.contains(name) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.files
            .get(name)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

pub(super) fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// A change of a file that a crash may lose.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write {
        offset: usize,
        bytes: Arc<[u8]>,
        /// The file became this long by it.
        grew: Option<usize>,
        /// A sync failed on it: the system takes it for written, no later sync writes it.
        clean: bool,
    },
    /// At least this long; what remains of a growing write after a failed sync.
    Grow {
        len: usize,
    },
    SetLen {
        len: usize,
    },
}

/// A file.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) live: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// In order, each with the number of its operation.
    pub(super) pending: Vec<(u64, Change)>,
    pub(super) shared: BTreeSet<u64>,
    pub(super) exclusive: Option<u64>,
    pub(super) write: Option<u64>,
    /// Open files on it, so that bytes without a name still take space while they are open.
    pub(super) opens: usize,
}

/// Bytes with a length of their own, so that data can arrive where the file does not reach yet.
#[derive(Debug, Default)]
pub(super) struct Image {
    buf: Vec<u8>,
    len: usize,
}

impl Image {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self {
            buf: bytes.to_vec(),
            len: bytes.len(),
        }
    }

    pub(super) fn data(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.buf.len() < end {
            self.buf.resize(end, 0);
        }
        if let Some(to) = self.buf.get_mut(offset..end) {
            to.copy_from_slice(bytes);
        }
    }

    pub(super) fn grow(&mut self, len: usize) {
        self.len = self.len.max(len);
    }

    pub(super) fn set_len(&mut self, len: usize) {
        self.buf.truncate(len);
        self.len = len;
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.buf.resize(self.len, 0);
        self.buf
    }
}

impl Node {
    /// A write as the system sees it; returns the pending change.
    pub(super) fn write(&mut self, number: u64, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len();
        let grew = (end > self.live.len()).then_some(end);
        if grew.is_some() {
            self.live.resize(end, 0);
        }
        if let Some(to) = self.live.get_mut(offset..end) {
            to.copy_from_slice(bytes);
        }
        self.pending.push((
            number,
            Change::Write {
                offset,
                bytes: bytes.into(),
                grew,
                clean: false,
            },
        ));
    }

    pub(super) fn set_len(&mut self, number: u64, len: usize) {
        if len != self.live.len() {
            self.live.resize(len, 0);
            self.pending.push((number, Change::SetLen { len }));
        }
    }

    /// A sync that works: what is pending reaches the disk, except what an earlier failed one has forgotten.
    pub(super) fn sync(&mut self) {
        let mut image = Image::new(&self.durable);
        let mut forgotten: Vec<(u64, Change)> = Vec::new();
        for (number, change) in self.pending.drain(..) {
            match change {
                Change::Write { clean: true, .. } => forgotten.push((number, change)),
                Change::Write {
                    offset,
                    ref bytes,
                    grew,
                    ..
                } => {
                    image.data(offset, bytes);
                    image.grow(grew.unwrap_or(0));
                    forgotten = without(forgotten, offset, offset + bytes.len());
                }
                Change::Grow { len } => image.grow(len),
                Change::SetLen { len } => {
                    image.set_len(len);
                    forgotten = without(forgotten, len, usize::MAX);
                }
            }
        }
        self.durable = image.finish();
        self.pending = forgotten;
    }

    /// A sync that fails: the written bytes count as clean from now on. Lengths are the file system's own, and stay
    /// pending.
    pub(super) fn fail_sync(&mut self) {
        let mut pending = Vec::new();
        for (number, mut change) in self.pending.drain(..) {
            if let Change::Write { grew, clean, .. } = &mut change {
                *clean = true;
                if let Some(len) = grew.take() {
                    pending.push((number, Change::Grow { len }));
                }
            }
            pending.push((number, change));
        }
        self.pending = pending;
    }
}

/// The lost writes less the bytes in `from..to`, which were written again or cut off.
fn without(changes: Vec<(u64, Change)>, from: usize, to: usize) -> Vec<(u64, Change)> {
    let mut rest = Vec::new();
    for (number, change) in changes {
        let Change::Write { offset, bytes, .. } = change else {
            continue;
        };
        let end = offset + bytes.len();
        for (start, stop) in [(offset, end.min(from)), (offset.max(to), end)] {
            if let Some(piece) = start
                .checked_sub(offset)
                .and_then(|at| bytes.get(at..stop.checked_sub(offset)?))
                .filter(|piece| !piece.is_empty())
            {
                rest.push((
                    number,
                    Change::Write {
                        offset: start,
                        bytes: piece.into(),
                        grew: None,
                        clean: true,
                    },
                ));
            }
        }
    }
    rest
}

/// The whole machine: disk, system memory, open files, plan and log.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) nodes: Vec<Node>,
    pub(super) live: Tree,
    pub(super) durable: Tree,
    /// In order, with the number of the operation and the directory whose sync makes it durable.
    pub(super) pending: Vec<(u64, String, DirChange)>,
    pub(super) plan: Option<Plan>,
    pub(super) log: Vec<Op>,
    pub(super) operations: u64,
    pub(super) changes: u64,
    pub(super) crashed: bool,
    /// Raised at each restart; files opened before are dead.
    pub(super) life: u64,
    pub(super) next_open: u64,
    pub(super) capacity: Option<u64>,
}

impl World {
    pub(super) fn change_dir(&mut self, number: u64, dir: &str, change: DirChange) {
        self.live.apply(&change);
        self.pending.push((number, dir.to_owned(), change));
    }

    pub(super) fn sync_dir(&mut self, dir: &str) {
        for (number, of, change) in std::mem::take(&mut self.pending) {
            if of == dir {
                self.durable.apply(&change);
            } else {
                self.pending.push((number, of, change));
            }
        }
    }

    pub(super) fn node(&mut self, id: NodeId) -> io::Result<&mut Node> {
        self.nodes
            .get_mut(id)
            .ok_or_else(|| io::Error::other("no such node"))
    }

    /// Bytes that still fit.
    pub(super) fn room(&self) -> Option<u64> {
        let named: BTreeSet<NodeId> = self.live.files.values().copied().collect();
        let used: u64 = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(id, node)| node.opens > 0 || named.contains(id))
            .map(|(_, node)| node.live.len() as u64)
            .sum();
        Some(self.capacity?.saturating_sub(used))
    }
}

/// Files and directories as ordinary storage in memory. Names in missing directories are left out.
pub(super) fn to_mem(
    tree: &Tree,
    mut bytes_of: impl FnMut(NodeId) -> Vec<u8>,
) -> io::Result<MemVfs> {
    let mem = MemVfs::new();
    let there = |dir: &str| {
        let mut dir = dir;
        while !dir.is_empty() {
            if !tree.dirs.contains(dir) {
                return false;
            }
            dir = parent(dir);
        }
        true
    };
    for dir in tree.dirs.iter().filter(|dir| there(dir)) {
        mem.create_dir(dir)?;
    }
    for (name, node) in tree.files.iter().filter(|(name, _)| there(parent(name))) {
        let file = mem.open(name, Open::CreateNew)?;
        file.write_all_at(&bytes_of(*node), 0)?;
    }
    Ok(mem)
}
