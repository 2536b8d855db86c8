//! The faulty storage as the engine sees it, and as a test steers it.

use std::io;
use std::sync::Arc;

use lakebed_vfs::{
    File, Lock, Mapping, MemVfs, Open, ReadFile, ReadVfs, Vfs, check_dir_name, check_file_name,
};
use parking_lot::Mutex;

use super::disk::{DirChange, Node, NodeId, Tree, World, parent, to_mem};
use super::images::CrashImages;
use super::plan::{ENOSPC, Fault, Op, OpKind, Plan, crashed};

/// A `Vfs` in memory that can fail, crash, and tell what the disk would hold.
///
/// What is written, cut, created, renamed or unlinked is seen at once, and is on the disk only after `sync_data` of the file,
/// or `sync_dir` of the directory; the sync of a file does not cover its name. A new directory's name belongs to the directory
/// it lies in. A rename inside one directory is atomic; one between two is a new name there and a lost name here, each with its own
/// directory.
///
/// After a failed `sync_data` the written bytes are still seen, count as clean, and may or may not be on the disk: no later sync
/// brings them there, only writing them again and syncing that. Lengths and names are not forgotten so: the next successful
/// sync makes them durable.
///
/// Clones share everything. Locks and open files end with [`FaultVfs::restart`].
#[derive(Debug, Clone)]
pub struct FaultVfs {
    world: Arc<Mutex<World>>,
    life: u64,
}

impl Default for FaultVfs {
    fn default() -> Self {
        Self::new()
    }
}

/// What an operation may do once it is allowed to start.
struct Pass {
    number: u64,
    fault: Option<Fault>,
}

impl Pass {
    /// How many of `len` bytes may be moved.
    fn allowed(&self, len: usize) -> usize {
        match self.fault {
            Some(Fault::Short(most)) => len.min(most.max(1)),
            Some(Fault::Zero) => 0,
            _ => len,
        }
    }

    fn crash(&self) -> bool {
        self.fault == Some(Fault::Crash)
    }
}

impl World {
    /// Counts and logs an operation, and lets the plan have its way.
    fn enter(
        &mut self,
        life: u64,
        kind: OpKind,
        name: &str,
        offset: u64,
        len: usize,
    ) -> io::Result<Pass> {
        if self.crashed || life != self.life {
            return Err(crashed());
        }
        let number = self.operations;
        self.operations += 1;
        self.changes += u64::from(kind.changes());
        let fault = self.plan.as_mut().and_then(|plan| plan.strike(kind, name));
        self.log.push(Op {
            number,
            kind,
            name: name.to_owned(),
            offset,
            len,
            fault,
        });
        self.crashed = fault == Some(Fault::Crash);
        match fault {
            Some(Fault::Errno(errno)) => Err(io::Error::from_raw_os_error(errno)),
            Some(Fault::Interrupted) => Err(io::ErrorKind::Interrupted.into()),
            Some(Fault::Crash) if !kind.changes() => Err(crashed()),
            _ => Ok(Pass { number, fault }),
        }
    }
}

/// The answer of an operation that was carried out: a crash hides it.
fn leave<T>(pass: &Pass, result: io::Result<T>) -> io::Result<T> {
    if pass.crash() { Err(crashed()) } else { result }
}

impl FaultVfs {
    /// An empty directory on a disk that works.
    pub fn new() -> Self {
        Self {
            world: Arc::default(),
            life: 0,
        }
    }

    /// A disk that holds these files and directories, all of them durable: to go on from a crash image.
    pub fn on(image: &MemVfs) -> io::Result<Self> {
        let mut world = World::default();
        let mut dirs = vec![String::new()];
        while let Some(dir) = dirs.pop() {
            for name in image.list(&dir)? {
                let name = if dir.is_empty() {
                    name
                } else {
                    format!("{dir}/{name}")
                };
                match image.read(&name) {
                    Ok(bytes) => {
                        world.durable.files.insert(name, world.nodes.len());
                        world.nodes.push(Node {
                            live: bytes.clone(),
                            durable: bytes,
                            ..Node::default()
                        });
                    }
                    Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                        world.durable.dirs.insert(name.clone());
                        dirs.push(name);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        world.live = world.durable.clone();
        Ok(Self {
            world: Arc::new(Mutex::new(world)),
            life: 0,
        })
    }

    /// Sets what goes wrong from now on, in place of what was planned before; the plan counts from here.
    pub fn plan(&self, plan: Plan) {
        self.world.lock().plan = Some(plan);
    }

    /// Nothing goes wrong any more (a crash stays one).
    pub fn clear_plan(&self) {
        self.world.lock().plan = None;
    }

    /// How often the present plan has struck.
    pub fn fired(&self) -> u64 {
        self.world.lock().plan.as_ref().map_or(0, |plan| plan.fired)
    }

    /// Whether a planned crash has happened in this life.
    pub fn crashed(&self) -> bool {
        self.world.lock().crashed
    }

    /// Operations so far, of all lives.
    pub fn operations(&self) -> u64 {
        self.world.lock().operations
    }

    /// Operations so far that change something, see [`OpKind::changes`].
    pub fn changes(&self) -> u64 {
        self.world.lock().changes
    }

    /// Every operation so far, of all lives.
    pub fn log(&self) -> Vec<Op> {
        self.world.lock().log.clone()
    }

    /// Room for that many bytes of files, names not counted: a write beyond it is short, then fails with ENOSPC.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world.lock().capacity = bytes;
    }

    /// All that programs see now: what a killed process leaves behind while the machine stays up.
    pub fn live(&self) -> io::Result<MemVfs> {
        let world = self.world.lock();
        to_mem(&world.live, |node| {
            world
                .nodes
                .get(node)
                .map_or(Vec::new(), |node| node.live.clone())
        })
    }

    /// All that is certain to be on the disk: the image after a power loss in which nothing unsynced survived.
    pub fn durable(&self) -> io::Result<MemVfs> {
        let world = self.world.lock();
        to_mem(&world.durable, |node| {
            world
                .nodes
                .get(node)
                .map_or(Vec::new(), |node| node.durable.clone())
        })
    }

    /// Kills every user of this storage and gives it to the next: the machine stays up, what was written is seen and what was not
    /// synced is still not durable. Open files and clones from before fail from now on as after a crash, their locks are
    /// free, and nothing is planned.
    #[must_use]
    pub fn restart(&self) -> Self {
        let mut world = self.world.lock();
        world.life += 1;
        world.crashed = false;
        world.plan = None;
        for node in &mut world.nodes {
            node.shared.clear();
            node.exclusive = None;
            node.opens = 0;
        }
        Self {
            world: self.world.clone(),
            life: world.life,
        }
    }

    /// The states the disk may be in if the power went now: at most `limit` different ones, the same for the same seed.
    pub fn crash_images(&self, limit: usize, seed: u64) -> CrashImages {
        CrashImages::new(&self.world.lock(), limit, seed)
    }
}

impl ReadVfs for FaultVfs {
    fn open_read(&self, name: &str) -> io::Result<Arc<dyn ReadFile>> {
        Ok(self.open(name, Open::Read)?)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        check_dir_name(dir)?;
        let mut world = self.world.lock();
        world.enter(self.life, OpKind::List, dir, 0, 0)?;
        check_is_dir(&world.live, dir)?;
        let inside = |name: &&String| parent(name) == dir;
        let mut names: Vec<String> = (world.live.files.keys().filter(inside))
            .chain(world.live.dirs.iter().filter(inside))
            .map(|name| name.rsplit('/').next().unwrap_or(name).to_owned())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn describe(&self) -> String {
        "(faulty memory)".to_owned()
    }

    fn can_map(&self) -> bool {
        true
    }
}

impl Vfs for FaultVfs {
    fn open(&self, name: &str, how: Open) -> io::Result<Arc<dyn File>> {
        check_file_name(name)?;
        let mut world = self.world.lock();
        let found = world.live.find(name);
        let makes = matches!(how, Open::Create | Open::CreateNew)
            && world.live.is_dir(parent(name))
            && matches!(&found, Err(error) if error.kind() == io::ErrorKind::NotFound);
        let kind = if makes { OpKind::Create } else { OpKind::Open };
        let pass = world.enter(self.life, kind, name, 0, 0)?;
        let node = match found {
            Ok(_) if how == Open::CreateNew => return Err(io::ErrorKind::AlreadyExists.into()),
            Ok(node) => node,
            Err(_) if makes => {
                let node = world.nodes.len();
                world.nodes.push(Node::default());
                let link = DirChange::Link {
                    name: name.to_owned(),
                    node,
                };
                world.change_dir(pass.number, parent(name), link);
                node
            }
            Err(error) if how == Open::CreateNew && error.kind() == io::ErrorKind::IsADirectory => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Err(error) => return Err(error),
        };
        leave(&pass, Ok(()))?;
        world.node(node)?.opens += 1;
        let opened = world.next_open;
        world.next_open += 1;
        Ok(Arc::new(FaultFile {
            vfs: self.clone(),
            name: name.to_owned(),
            node,
            opened,
            writable: how != Open::Read,
        }))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        check_dir_name(dir)?;
        let mut world = self.world.lock();
        let pass = world.enter(self.life, OpKind::CreateDir, dir, 0, 0)?;
        if world.live.files.contains_key(dir) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if let Err(error) = world.live.check_dir(dir)
            && error.kind() == io::ErrorKind::NotADirectory
        {
            return Err(error);
        }
        let parts = dir.char_indices().filter(|(_, c)| *c == '/');
        let ends: Vec<usize> = parts.map(|(at, _)| at).chain([dir.len()]).collect();
        for made in ends.into_iter().filter_map(|end| dir.get(..end)) {
            if !world.live.is_dir(made) {
                let mkdir = DirChange::Mkdir {
                    name: made.to_owned(),
                };
                world.change_dir(pass.number, parent(made), mkdir);
            }
        }
        leave(&pass, Ok(()))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_file_name(from)?;
        check_file_name(to)?;
        let mut world = self.world.lock();
        let pass = world.enter(self.life, OpKind::Rename, to, 0, 0)?;
        let node = world.live.find(from)?;
        match world.live.find(to) {
            Ok(_) => {}
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && world.live.is_dir(parent(to)) => {}
            Err(error) => return Err(error),
        }
        let (from, to) = (from.to_owned(), to.to_owned());
        let (here, there) = (parent(&from).to_owned(), parent(&to).to_owned());
        if here != there {
            let link = DirChange::Link { name: to, node };
            world.change_dir(pass.number, &there, link);
            let remove = DirChange::Remove { name: from, node };
            world.change_dir(pass.number, &here, remove);
        } else if from != to {
            world.change_dir(pass.number, &here, DirChange::Rename { from, to, node });
        }
        leave(&pass, Ok(()))
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        check_file_name(name)?;
        let mut world = self.world.lock();
        let pass = world.enter(self.life, OpKind::Unlink, name, 0, 0)?;
        let node = world.live.find(name)?;
        let remove = DirChange::Remove {
            name: name.to_owned(),
            node,
        };
        world.change_dir(pass.number, parent(name), remove);
        leave(&pass, Ok(()))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        check_dir_name(dir)?;
        let mut world = self.world.lock();
        let pass = world.enter(self.life, OpKind::SyncDir, dir, 0, 0)?;
        check_is_dir(&world.live, dir)?;
        if !pass.crash() {
            world.sync_dir(dir);
        }
        leave(&pass, Ok(()))
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        let mut world = self.world.lock();
        world.enter(self.life, OpKind::FreeBytes, "", 0, 0)?;
        Ok(world.room())
    }
}

fn check_is_dir(tree: &Tree, dir: &str) -> io::Result<()> {
    if tree.files.contains_key(dir) {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    tree.check_dir(dir)
}

#[derive(Debug)]
struct FaultFile {
    vfs: FaultVfs,
    /// As it was opened, for the log.
    name: String,
    node: NodeId,
    opened: u64,
    writable: bool,
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
        let mut world = self.vfs.world.lock();
        let pass = world.enter(self.vfs.life, kind, &self.name, offset, len)?;
        let result = run(world.node(self.node)?, &pass);
        leave(&pass, result)
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
}

impl File for FaultFile {
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.check_writable()?;
        let room = self.vfs.world.lock().room();
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
            self.vfs.world.lock().node(self.node)?.fail_sync();
        }
        synced
    }

    fn try_lock(&self, kind: Lock) -> io::Result<bool> {
        self.on_node(OpKind::Lock, 0, 0, |node, _| {
            node.release(self.opened);
            if node.exclusive.is_some() || (kind == Lock::Exclusive && !node.shared.is_empty()) {
                return Ok(false);
            }
            match kind {
                Lock::Shared => _ = node.shared.insert(self.opened),
                Lock::Exclusive => node.exclusive = Some(self.opened),
            }
            Ok(true)
        })
    }

    fn unlock(&self) -> io::Result<()> {
        self.on_node(OpKind::Lock, 0, 0, |node, _| {
            node.release(self.opened);
            Ok(())
        })
    }

    fn is_linked(&self) -> io::Result<bool> {
        let mut world = self.vfs.world.lock();
        world.enter(self.vfs.life, OpKind::Stat, &self.name, 0, 0)?;
        Ok(world.live.files.values().any(|node| *node == self.node))
    }
}

impl Node {
    fn release(&mut self, opened: u64) {
        self.shared.remove(&opened);
        if self.exclusive == Some(opened) {
            self.exclusive = None;
        }
    }
}

impl Drop for FaultFile {
    fn drop(&mut self) {
        let mut world = self.vfs.world.lock();
        // Those of an earlier life were closed when it ended.
        if world.life == self.vfs.life
            && let Ok(node) = world.node(self.node)
        {
            node.opens = node.opens.saturating_sub(1);
            node.release(self.opened);
        }
    }
}
