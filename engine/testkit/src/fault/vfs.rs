//! The faulty storage: a `Vfs` for the engine, and its controls for a test.

use std::io;
use std::sync::Arc;

use lakebed_vfs::{File, MemVfs, Open, ReadFile, ReadVfs, Vfs, check_dir_name, check_file_name};
use parking_lot::{Mutex, MutexGuard};

use super::disk::{DirChange, Node, Tree, World, parent, to_mem};
use super::file::FaultFile;
use super::images::CrashImages;
use super::operation::leave;
use super::plan::{Op, OpKind, Plan};
use crate::turns::Turn;

/// A `Vfs` in memory that can fail and crash, and that gives the states the disk may then be in.
///
/// A write, `set_len`, creation, rename or removal is visible at once, and durable only after `sync_data` of the file
/// or `sync_dir` of the directory. The sync of a file does not cover its name. The name of a new directory belongs to
/// the directory above. A rename within one directory is atomic; one between two directories is a new name in one and a
/// removal in the other, each durable by its own sync.
///
/// After a failed `sync_data` the written bytes are visible and count as clean, and may or may not be on the disk: no
/// later sync writes them, unless they are written again. Lengths and names are not lost in this way: the next
/// successful sync makes them durable.
///
/// Clones share everything. Locks and open files end with [`FaultVfs::restart`].
#[derive(Debug, Clone)]
pub struct FaultVfs {
    world: Arc<Mutex<World>>,
    life: u64,
    /// What an operation waits for.
    turn: Option<Turn>,
}

impl Default for FaultVfs {
    fn default() -> Self {
        Self::new()
    }
}

impl FaultVfs {
    /// An empty directory on a disk that works.
    pub fn new() -> Self {
        Self {
            world: Arc::default(),
            life: 0,
            turn: None,
        }
    }

    /// A disk that holds these files and directories, all of them durable: to continue from a crash image.
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
            turn: None,
        })
    }

    /// Sets the plan, in place of an earlier one; it counts operations from now on.
    pub fn plan(&self, plan: Plan) {
        self.world.lock().plan = Some(plan);
    }

    /// Removes the plan; a crash that has happened stays.
    pub fn clear_plan(&self) {
        self.world.lock().plan = None;
    }

    /// How often a fault of the present plan has happened.
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

    /// All that programs see now: the state after a process was killed, while the machine stays up.
    pub fn live(&self) -> io::Result<MemVfs> {
        let world = self.world.lock();
        to_mem(&world.live, |node| {
            world
                .nodes
                .get(node)
                .map_or(Vec::new(), |node| node.live.clone())
        })
    }

    /// All that is durable: the state after a power failure in which nothing else survived.
    pub fn durable(&self) -> io::Result<MemVfs> {
        let world = self.world.lock();
        to_mem(&world.durable, |node| {
            world
                .nodes
                .get(node)
                .map_or(Vec::new(), |node| node.durable.clone())
        })
    }

    /// Kills every process that uses this storage, while the machine stays up: what was written is visible, and what
    /// was not synced is still not durable. Open files and clones from before fail from now on as after a crash, their
    /// locks are released, and there is no plan.
    #[must_use]
    pub fn restart(&self) -> Self {
        let mut world = self.world.lock();
        world.life += 1;
        world.crashed = false;
        world.plan = None;
        for node in &mut world.nodes {
            node.shared.clear();
            node.exclusive = None;
            node.write = None;
            node.opens = 0;
        }
        Self {
            world: self.world.clone(),
            life: world.life,
            turn: None,
        }
    }

    /// The same storage for a thread that takes turns with others: each operation waits for its turn.
    #[must_use]
    pub fn taking(&self, turn: Turn) -> Self {
        Self {
            turn: Some(turn),
            ..self.clone()
        }
    }

    /// Waits for the turn.
    fn world(&self) -> MutexGuard<'_, World> {
        if let Some(turn) = &self.turn {
            turn.wait();
        }
        self.world.lock()
    }

    /// The states the disk may be in if the power failed now: at most `limit` different ones, the same for the same
    /// seed.
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
        let mut world = self.world();
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
        let mut world = self.world();
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
            world: Arc::clone(&self.world),
            life: self.life,
            turn: self.turn.clone(),
            name: name.to_owned(),
            node,
            opened,
            writable: how != Open::Read,
        }))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        check_dir_name(dir)?;
        let mut world = self.world();
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
        let mut world = self.world();
        let pass = world.enter(self.life, OpKind::Rename, to, 0, 0)?;
        let node = world.live.find(from)?;
        match world.live.find(to) {
            // Two names of one file, or one: the system leaves both.
            Ok(there) if there == node => return leave(&pass, Ok(())),
            Ok(_) => {}
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && world.live.is_dir(parent(to)) => {}
            Err(error) => return Err(error),
        }
        let (from, to) = (from.to_owned(), to.to_owned());
        let (here, there) = (parent(&from).to_owned(), parent(&to).to_owned());
        if here == there {
            world.change_dir(pass.number, &here, DirChange::Rename { from, to, node });
        } else {
            let link = DirChange::Link { name: to, node };
            world.change_dir(pass.number, &there, link);
            let remove = DirChange::Remove { name: from, node };
            world.change_dir(pass.number, &here, remove);
        }
        leave(&pass, Ok(()))
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        check_file_name(name)?;
        let mut world = self.world();
        let pass = world.enter(self.life, OpKind::Unlink, name, 0, 0)?;
        let node = world.live.find(name)?;
        let remove = DirChange::Remove {
            name: name.to_owned(),
            node,
        };
        world.change_dir(pass.number, parent(name), remove);
        leave(&pass, Ok(()))
    }

    fn link(&self, file: &str, name: &str) -> io::Result<()> {
        check_file_name(file)?;
        check_file_name(name)?;
        let mut world = self.world();
        let pass = world.enter(self.life, OpKind::Link, name, 0, 0)?;
        let node = world.live.find(file)?;
        match world.live.find(name) {
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && world.live.is_dir(parent(name)) => {}
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Err(error) => return Err(error),
        }
        let link = DirChange::Link {
            name: name.to_owned(),
            node,
        };
        world.change_dir(pass.number, parent(name), link);
        leave(&pass, Ok(()))
    }

    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        check_file_name(dir)?;
        let mut world = self.world();
        let pass = world.enter(self.life, OpKind::RemoveDir, dir, 0, 0)?;
        check_is_dir(&world.live, dir)?;
        let mut inside = world.live.files.keys().chain(&world.live.dirs);
        if inside.any(|name| parent(name) == dir) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let name = dir.to_owned();
        world.change_dir(pass.number, parent(dir), DirChange::Rmdir { name });
        leave(&pass, Ok(()))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        check_dir_name(dir)?;
        let mut world = self.world();
        let pass = world.enter(self.life, OpKind::SyncDir, dir, 0, 0)?;
        check_is_dir(&world.live, dir)?;
        if !pass.crash() {
            world.sync_dir(dir);
        }
        leave(&pass, Ok(()))
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        let mut world = self.world();
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
