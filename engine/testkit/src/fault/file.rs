//! An open file of the faulty storage.

use std::io;
use std::sync::Arc;

use lakebed_vfs::{File, Holder, Lock, Mapping, Names, ReadFile};
use parking_lot::Mutex;

use super::disk::{Node, NodeId, World};
use super::operation::{Pass, leave};
use super::plan::{ENOSPC, OpKind};
use crate::turns::Turn;

#[derive(Debug)]
pub(super) struct FaultFile {
    pub(super) world: Arc<Mutex<World>>,
    /// The life of the storage in which the file was opened.
    pub(super) life: u64,
    /// What an operation waits for.
    pub(super) turn: Option<Turn>,
    /// The name it was opened by, for the log.
    pub(super) name: String,
    pub(super) node: NodeId,
    /// Number of this opening, which owns locks.
    pub(super) opened: u64,
    pub(super) writable: bool,
}

impl FaultFile {
    /// Runs an operation on the file's node.
    fn on_node<T>(
        &self,
        kind: OpKind,
        offset: u64,
        len: usize,
        run: impl FnOnce(&mut Node, &Pass) -> io::Result<T>,
    ) -> io::Result<T> {
        self.wait();
        let mut world = self.world.lock();
        let pass = world.enter(self.life, kind, &self.name, offset, len)?;
        let result = run(world.node(self.node)?, &pass);
        leave(&pass, result)
    }

    fn wait(&self) {
        if let Some(turn) = &self.turn {
            turn.wait();
        }
    }

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
    usize::try_from(offset)
        .ok()
        .filter(|index| isize::try_from(*index).is_ok())
        .ok_or_else(|| io::ErrorKind::FileTooLarge.into())
}

impl ReadFile for FaultFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.on_node(OpKind::Read, offset, buf.len(), |node, pass| {
            let at = to_index(offset)?.min(node.live.len());
            let bytes = node.live.get(at..).unwrap_or_default();
            let count = pass.allowed(buf.len()).min(bytes.len());
            if let (Some(to), Some(bytes)) = (buf.get_mut(..count), bytes.get(..count)) {
                to.copy_from_slice(bytes);
            }
            Ok(count)
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.on_node(OpKind::Stat, 0, 0, |node, _| Ok(node.live.len() as u64))
    }

    fn map(&self, len: u64) -> io::Result<Mapping> {
        self.on_node(OpKind::Map, len, 0, |node, _| {
            let bytes = to_index(len).ok().and_then(|len| node.live.get(..len));
            let bytes: Arc<[u8]> = bytes
                .ok_or_else(|| {
                    let message = format!(
                        "the file has {} bytes and should have {len}",
                        node.live.len()
                    );
                    io::Error::new(io::ErrorKind::UnexpectedEof, message)
                })?
                .into();
            Ok(Mapping::from(bytes))
        })
    }

    fn names(&self) -> io::Result<Names> {
        self.wait();
        let mut world = self.world.lock();
        world.enter(self.life, OpKind::Stat, &self.name, 0, 0)?;
        let files = &world.live.files;
        Ok(Names {
            opened: files.get(&self.name) == Some(&self.node),
            count: files.values().filter(|node| **node == self.node).count() as u64,
        })
    }
}

impl File for FaultFile {
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.check_writable()?;
        let room = self.world.lock().room();
        self.on_node(OpKind::Write, offset, buf.len(), |node, pass| {
            let at = to_index(offset)?;
            to_index(offset.saturating_add(buf.len() as u64))?;
            // Bytes inside the file, and a hole before the new ones, are not new.
            let fits = room.map_or(usize::MAX, |room| {
                (node.live.len().max(at) - at).saturating_add(room as usize)
            });
            let count = pass.allowed(buf.len()).min(fits);
            if count == 0 && fits == 0 && !buf.is_empty() {
                return Err(io::Error::from_raw_os_error(ENOSPC));
            }
            node.write(pass.number, at, buf.get(..count).unwrap_or_default());
            Ok(count)
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        self.on_node(OpKind::SetLen, len, 0, |node, pass| {
            node.set_len(pass.number, to_index(len)?);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        let synced = self.on_node(OpKind::SyncData, 0, 0, |node, pass| {
            if !pass.crash() {
                node.sync();
            }
            Ok(())
        });
        // Only a fault of the plan fails here with an errno.
        if synced
            .as_ref()
            .is_err_and(|error| error.raw_os_error().is_some())
        {
            self.world.lock().node(self.node)?.fail_sync();
        }
        synced
    }

    fn try_lock(&self, kind: Lock) -> io::Result<bool> {
        if kind == Lock::Write {
            self.check_writable()?;
        }
        self.on_node(OpKind::Lock, 0, 0, |node, _| {
            node.release(self.opened);
            if kind == Lock::Write {
                let free = node.write.or(node.exclusive).is_none();
                if free {
                    node.write = Some(self.opened);
                }
                return Ok(free);
            }
            if node.exclusive.is_some() || (kind == Lock::Exclusive && !node.shared.is_empty()) {
                return Ok(false);
            }
            match kind {
                Lock::Shared => _ = node.shared.insert(self.opened),
                Lock::Exclusive => node.exclusive = Some(self.opened),
                Lock::Write => {}
            }
            Ok(true)
        })
    }

    fn holder(&self) -> io::Result<Holder> {
        self.on_node(OpKind::Lock, 0, 0, |node, _| {
            let holder = node.write.or(node.exclusive);
            Ok(match holder.filter(|opened| *opened != self.opened) {
                Some(_) => Holder::Writer,
                None => Holder::Nobody,
            })
        })
    }

    fn unlock(&self) -> io::Result<()> {
        self.on_node(OpKind::Lock, 0, 0, |node, _| {
            node.release(self.opened);
            Ok(())
        })
    }
}

impl Node {
    fn release(&mut self, opened: u64) {
        self.shared.remove(&opened);
        if self.exclusive == Some(opened) {
            self.exclusive = None;
        }
        if self.write == Some(opened) {
            self.write = None;
        }
    }
}

impl Drop for FaultFile {
    fn drop(&mut self) {
        let mut world = self.world.lock();
        // Those of an earlier life were closed when it ended.
        if world.life == self.life
            && let Ok(node) = world.node(self.node)
        {
            node.opens = node.opens.saturating_sub(1);
            node.release(self.opened);
        }
    }
}
