//! The files of a disk in memory, and a disk of files.

use std::io;

use lakebed_vfs::{MemVfs, Open, ReadVfs, Vfs};

use crate::checksums::Files;

/// The names and bytes of every file.
pub fn files_of(disk: &MemVfs) -> io::Result<Files> {
    let mut files = Files::new();
    let mut dirs = vec![String::new()];
    while let Some(dir) = dirs.pop() {
        for name in disk.list(&dir)? {
            let name = if dir.is_empty() {
                name
            } else {
                format!("{dir}/{name}")
            };
            match disk.read(&name) {
                Ok(bytes) => _ = files.insert(name, bytes),
                Err(_) => dirs.push(name),
            }
        }
    }
    Ok(files)
}

/// A disk with these files and the directories of a store.
pub fn disk_of(files: &Files) -> io::Result<MemVfs> {
    let disk = MemVfs::new();
    for dir in ["segments", "manifests", "index"] {
        disk.create_dir(dir)?;
    }
    for (name, bytes) in files {
        if let Some((dir, _)) = name.rsplit_once('/') {
            disk.create_dir(dir)?;
        }
        disk.open(name, Open::Create)?.write_all_at(bytes, 0)?;
    }
    Ok(disk)
}
