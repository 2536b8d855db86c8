//! The states the disk may be in after a power failure.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use lakebed_vfs::MemVfs;

use super::disk::{Change, DirChange, Image, NodeId, Tree, World, to_mem};
use crate::rng::Rng;

/// Up to this many combinations of changes, each lost or kept whole, all are given; beyond it, samples.
/// All of eight writes that make a file grow are among them: each is lost, kept, or leaves its length alone.
pub const EXHAUSTIVE: u64 = 3_u64.pow(8);

/// Places where one write may be torn that are tried at sectors; more are sampled.
const SECTOR_CUTS: usize = 32;
/// The same for the last write, at bytes.
const BYTE_CUTS: usize = 256;
/// So many samples in a row that were given before are taken to mean that there are no others.
const STALE: usize = 200;

/// One state of the disk.
#[derive(Debug, Clone)]
pub struct CrashImage {
    /// The files after a restart.
    pub vfs: MemVfs,
    /// Which changes survived, for the message of a failed test.
    pub what: String,
}

/// What became of one change that was not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lost,
    Kept,
    /// A growing write: the file is longer, the bytes are zeros.
    LenOnly,
    /// The first bytes of a write, and the length of all of it.
    Head(usize),
    /// The first bytes of a growing write, and the length that far.
    Short(usize),
    /// All but the first bytes.
    Tail(usize),
    /// Some sectors of this size, chosen by the seed, and the length of all of it.
    Sectors(usize, u64),
}

/// What becomes of all changes but those singled out.
#[derive(Debug, Clone, Copy)]
enum Base {
    None,
    All,
    /// Those before the n-th survived.
    Before(usize),
    /// The n-th combination of whole fates.
    Combination(u64),
    /// Each by lot.
    Lot(u64),
}

#[derive(Debug, Clone, Copy)]
struct Choice {
    base: Base,
    single: Option<(usize, Fate)>,
}

#[derive(Debug)]
enum Item {
    File(NodeId, Change),
    Dir(DirChange),
}

impl Item {
    fn fates(&self) -> &'static [Fate] {
        match self {
            Self::File(_, Change::Write { grew: Some(_), .. }) => {
                &[Fate::Lost, Fate::Kept, Fate::LenOnly]
            }
            _ => &[Fate::Lost, Fate::Kept],
        }
    }

    fn is_write(&self) -> bool {
        matches!(self, Self::File(_, Change::Write { .. }))
    }
}

/// The durable state and the changes that are not durable, at one moment.
#[derive(Debug)]
struct Frozen {
    tree: Tree,
    bytes: BTreeMap<NodeId, Vec<u8>>,
    items: Vec<(u64, Item)>,
}

/// The states the disk may be in, see [`super::FaultVfs::crash_images`].
///
/// Every pending change counts on its own: the bytes of a write, the length it gave the file, a `set_len`, a created,
/// renamed or removed name, a made directory. Bytes that arrive without their length need no image of their own: until
/// a later length covers them they are as good as lost, and then as good as kept.
///
/// The first are the image without any change and the one with all of them. Then, in turns: everything up to one
/// change; one change alone, lost or kept; writes torn at 512-byte sectors (4 KiB ones among them) and, for the last
/// write, between any two bytes; and every combination of whole changes while there are at most [`EXHAUSTIVE`] of them,
/// else samples in which every change may be lost, kept, torn or full of holes. Equal images are given once.
#[derive(Debug)]
pub struct CrashImages {
    frozen: Arc<Frozen>,
    choices: VecDeque<Choice>,
    /// Seeds of samples, when combinations are too many.
    lots: Option<Rng>,
    left: usize,
    seen: HashSet<u64>,
}

impl CrashImages {
    pub(super) fn new(world: &World, limit: usize, seed: u64) -> Self {
        let frozen = Frozen::new(world);
        let mut rng = Rng::new(seed);
        let items = &frozen.items;
        let single = |base, at, fate| Choice {
            base,
            single: Some((at, fate)),
        };
        let plain = |base| Choice { base, single: None };

        let prefixes: Vec<_> = (1..items.len()).map(|n| plain(Base::Before(n))).collect();
        let mut singles = Vec::new();
        for (at, (_, item)) in items.iter().enumerate() {
            for fate in item.fates() {
                singles.push(single(Base::None, at, *fate));
                singles.push(single(Base::All, at, *fate));
            }
        }
        let mut torn = Vec::new();
        let last = items.iter().rposition(|(_, item)| item.is_write());
        for (at, (_, item)) in items.iter().enumerate() {
            let Item::File(
                _,
                Change::Write {
                    offset,
                    bytes,
                    grew,
                    ..
                },
            ) = item
            else {
                continue;
            };
            let mut cuts = sector_cuts(*offset, bytes.len(), &mut rng);
            if last == Some(at) {
                cuts.extend(byte_cuts(bytes.len(), &mut rng));
            }
            for cut in cuts {
                // Torn last of all, and torn while everything after it came through.
                for base in [Base::Before(at), Base::All] {
                    torn.push(single(base, at, Fate::Head(cut)));
                    torn.push(single(base, at, Fate::Tail(cut)));
                    if grew.is_some() {
                        torn.push(single(base, at, Fate::Short(cut)));
                    }
                }
            }
        }
        let combinations = items.iter().try_fold(1_u64, |count, (_, item)| {
            count
                .checked_mul(item.fates().len() as u64)
                .filter(|count| *count <= EXHAUSTIVE)
        });
        let all: Vec<_> = (0..combinations.unwrap_or(0))
            .map(|n| plain(Base::Combination(n)))
            .collect();

        // Of each kind some, when not all are wanted.
        let mut kinds = [prefixes, singles, torn, all];
        if kinds.iter().map(Vec::len).sum::<usize>() + 2 > limit {
            for kind in &mut kinds {
                rng.shuffle(kind);
            }
        }
        let mut choices = VecDeque::from([plain(Base::None), plain(Base::All)]);
        let longest = kinds.iter().map(Vec::len).max().unwrap_or(0);
        for n in 0..longest {
            choices.extend(kinds.iter().filter_map(|kind| kind.get(n)));
            if combinations.is_none() {
                choices.push_back(plain(Base::Lot(rng.next())));
            }
        }
        Self {
            frozen: Arc::new(frozen),
            choices,
            lots: combinations.is_none().then_some(rng),
            left: limit,
            seen: HashSet::new(),
        }
    }
}

impl Iterator for CrashImages {
    type Item = CrashImage;

    fn next(&mut self) -> Option<CrashImage> {
        if self.left == 0 {
            return None;
        }
        let mut stale = 0;
        loop {
            let choice = match (self.choices.pop_front(), &mut self.lots) {
                (Some(choice), _) => choice,
                (None, Some(lots)) if stale < STALE => {
                    stale += 1;
                    Choice {
                        base: Base::Lot(lots.next()),
                        single: None,
                    }
                }
                _ => return None,
            };
            let (tree, files) = self.frozen.image(choice);
            // Names and what they hold; the node's number tells nothing to who reads the image.
            let mut hasher = DefaultHasher::new();
            tree.dirs.hash(&mut hasher);
            for (name, node) in &tree.files {
                (name, files.get(node)).hash(&mut hasher);
            }
            if !self.seen.insert(hasher.finish()) {
                continue;
            }
            self.left -= 1;
            let Ok(vfs) = to_mem(&tree, |node| files.get(&node).cloned().unwrap_or_default())
            else {
                continue;
            };
            return Some(CrashImage {
                vfs,
                what: self.frozen.describe(choice),
            });
        }
    }
}

/// Multiples of 512 in the file that lie inside the write, as counts of its bytes; samples of them when there are many.
fn sector_cuts(offset: usize, len: usize, rng: &mut Rng) -> BTreeSet<usize> {
    let first = 512 - offset % 512;
    let count = len.saturating_sub(first).div_ceil(512);
    some_of(count, SECTOR_CUTS, rng)
        .into_iter()
        .map(|n| first + n * 512)
        .collect()
}

fn byte_cuts(len: usize, rng: &mut Rng) -> BTreeSet<usize> {
    some_of(len.saturating_sub(1), BYTE_CUTS, rng)
        .into_iter()
        .map(|n| n + 1)
        .collect()
}

/// All numbers below `count`, or `most` of them: the ends, and others by lot.
fn some_of(count: usize, most: usize, rng: &mut Rng) -> BTreeSet<usize> {
    if count <= most {
        return (0..count).collect();
    }
    let ends = most / 4;
    let mut some: BTreeSet<usize> = (0..ends).chain(count - ends..count).collect();
    while some.len() < most {
        some.insert(rng.below(count));
    }
    some
}

impl Frozen {
    fn new(world: &World) -> Self {
        let named = world
            .pending
            .iter()
            .filter_map(|(_, _, change)| match change {
                DirChange::Link { node, .. } | DirChange::Rename { node, .. } => Some(*node),
                DirChange::Mkdir { .. } | DirChange::Rmdir { .. } | DirChange::Remove { .. } => {
                    None
                }
            });
        let nodes: BTreeSet<NodeId> = world.durable.files.values().copied().chain(named).collect();
        let mut bytes = BTreeMap::new();
        let mut items = Vec::new();
        for id in nodes {
            let Some(node) = world.nodes.get(id) else {
                continue;
            };
            bytes.insert(id, node.durable.clone());
            for (number, change) in &node.pending {
                items.push((*number, Item::File(id, change.clone())));
            }
        }
        for (number, _, change) in &world.pending {
            items.push((*number, Item::Dir(change.clone())));
        }
        // Stable: a file's own changes, and a directory's, keep their order.
        items.sort_by_key(|(number, _)| *number);
        Self {
            tree: world.durable.clone(),
            bytes,
            items,
        }
    }

    fn fates(&self, choice: Choice) -> Vec<Fate> {
        let mut rng = Rng::new(match choice.base {
            Base::Lot(seed) => seed,
            _ => 0,
        });
        let mut combination = match choice.base {
            Base::Combination(n) => n,
            _ => 0,
        };
        // Some images lose most, some little.
        let keep = [1, 4, 7].get(rng.below(3)).copied().unwrap_or(4);
        let one = |(at, (_, item)): (usize, &(u64, Item))| {
            if let Some((_, fate)) = choice.single.filter(|(single, _)| *single == at) {
                return fate;
            }
            match choice.base {
                Base::All => Fate::Kept,
                Base::Before(end) if at < end => Fate::Kept,
                Base::None | Base::Before(_) => Fate::Lost,
                Base::Combination(_) => {
                    let fates = item.fates();
                    let count = fates.len() as u64;
                    let fate = fates.get((combination % count) as usize);
                    combination /= count;
                    fate.copied().unwrap_or(Fate::Lost)
                }
                Base::Lot(_) => lot(item, keep, &mut rng),
            }
        };
        self.items.iter().enumerate().map(one).collect()
    }

    fn image(&self, choice: Choice) -> (Tree, BTreeMap<NodeId, Vec<u8>>) {
        let mut tree = self.tree.clone();
        let mut images: BTreeMap<NodeId, Image> = self
            .bytes
            .iter()
            .map(|(id, bytes)| (*id, Image::new(bytes)))
            .collect();
        for ((_, item), fate) in self.items.iter().zip(self.fates(choice)) {
            match item {
                Item::Dir(change) if fate == Fate::Kept => tree.apply(change),
                Item::Dir(_) => {}
                Item::File(id, change) => {
                    if let Some(image) = images.get_mut(id) {
                        apply(image, change, fate);
                    }
                }
            }
        }
        let files = images
            .into_iter()
            .map(|(id, image)| (id, image.finish()))
            .collect();
        (tree, files)
    }

    /// The changes and what became of them; runs of the same fate are one phrase.
    fn describe(&self, choice: Choice) -> String {
        let mut phrases: Vec<String> = Vec::new();
        let mut before = None;
        for ((number, item), fate) in self.items.iter().zip(self.fates(choice)) {
            if before != Some(fate) {
                phrases.push(format!("; {fate:?}:"));
                before = Some(fate);
            }
            phrases.push(format!(" #{number} {item}"));
        }
        let text = phrases.concat();
        match text.strip_prefix("; ") {
            Some(text) => text.to_owned(),
            None => "nothing was pending".to_owned(),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(id, Change::Write { offset, bytes, .. }) => {
                write!(f, "write file {id} {offset}+{}", bytes.len())
            }
            Self::File(id, Change::Grow { len }) => write!(f, "grow file {id} to {len}"),
            Self::File(id, Change::SetLen { len }) => write!(f, "set_len file {id} {len}"),
            Self::Dir(DirChange::Mkdir { name }) => write!(f, "mkdir {name}"),
            Self::Dir(DirChange::Rmdir { name }) => write!(f, "rmdir {name}"),
            Self::Dir(DirChange::Link { name, node }) => write!(f, "link {name} (file {node})"),
            Self::Dir(DirChange::Remove { name, .. }) => write!(f, "remove {name}"),
            Self::Dir(DirChange::Rename { from, to, node }) => {
                write!(f, "rename {from} to {to} (file {node})")
            }
        }
    }
}

fn lot(item: &Item, keep: usize, rng: &mut Rng) -> Fate {
    let Item::File(_, Change::Write { bytes, grew, .. }) = item else {
        return if rng.below(8) < keep {
            Fate::Kept
        } else {
            Fate::Lost
        };
    };
    let cut = rng.below(bytes.len().max(1));
    match rng.below(16) {
        0 => Fate::Head(cut),
        1 => Fate::Tail(cut),
        2 => Fate::Sectors(512, rng.next()),
        3 => Fate::Sectors(4096, rng.next()),
        4 if grew.is_some() => Fate::Short(cut),
        5 if grew.is_some() => Fate::LenOnly,
        _ if rng.below(8) < keep => Fate::Kept,
        _ => Fate::Lost,
    }
}

fn apply(image: &mut Image, change: &Change, fate: Fate) {
    match change {
        _ if fate == Fate::Lost => {}
        Change::SetLen { len } => image.set_len(*len),
        Change::Grow { len } => image.grow(*len),
        Change::Write {
            offset,
            bytes,
            grew,
            ..
        } => {
            let mut put = |from: usize, to: usize| {
                if let Some(part) = bytes.get(from..to) {
                    image.data(offset + from, part);
                }
            };
            match fate {
                Fate::Lost | Fate::LenOnly => {}
                Fate::Kept => put(0, bytes.len()),
                Fate::Head(cut) | Fate::Short(cut) => put(0, cut),
                Fate::Tail(cut) => put(cut, bytes.len()),
                Fate::Sectors(size, seed) => {
                    let mut rng = Rng::new(seed);
                    let mut from = 0;
                    while from < bytes.len() {
                        let to = (from + size - (offset + from) % size).min(bytes.len());
                        if rng.below(2) == 0 {
                            put(from, to);
                        }
                        from = to;
                    }
                }
            }
            match (fate, grew) {
                (_, None) => {}
                (Fate::Short(cut), _) => image.grow(offset + cut),
                (_, Some(len)) => image.grow(*len),
            }
        }
    }
}
