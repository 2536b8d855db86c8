//! The tools themselves: does the faulty storage fail, lose and keep as it says?

mod fault;
mod images;
mod model;
mod strategies;

use std::sync::Arc;

use lakebed_vfs::{File, MemVfs, Open, ReadVfs, Vfs};

use crate::FaultVfs;

fn create(vfs: &FaultVfs, name: &str) -> Arc<dyn File> {
    vfs.open(name, Open::CreateNew).unwrap()
}

/// A file that is on the disk, name and bytes.
fn durable(vfs: &FaultVfs, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = create(vfs, name);
    file.write_all_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
    vfs.sync_dir(name.rsplit_once('/').map_or("", |(dir, _)| dir))
        .unwrap();
    file
}

/// Everything in a storage, as lines of `name=bytes`; directories end in `/`.
fn contents(vfs: &MemVfs) -> String {
    fn walk(vfs: &MemVfs, dir: &str, lines: &mut Vec<String>) {
        for name in vfs.list(dir).unwrap() {
            let name = if dir.is_empty() {
                name
            } else {
                format!("{dir}/{name}")
            };
            if let Ok(bytes) = vfs.read(&name) {
                lines.push(format!("{name}={}", bytes.escape_ascii()));
            } else {
                lines.push(format!("{name}/"));
                walk(vfs, &name, lines);
            }
        }
    }
    let mut lines = Vec::new();
    walk(vfs, "", &mut lines);
    lines.sort_unstable();
    lines.join(" ")
}

/// What every crash image holds, each once.
fn images(vfs: &FaultVfs) -> std::collections::BTreeSet<String> {
    vfs.crash_images(usize::MAX, 1)
        .map(|image| contents(&image.vfs))
        .collect()
}
