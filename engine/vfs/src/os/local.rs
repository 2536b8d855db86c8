//! Whether a directory lies on a disk of this machine.

#[cfg(windows)]
use std::path::Path;

#[cfg(unix)]
use rustix::fd::BorrowedFd;

/// File systems whose files other machines, or a process that serves them, may change or remove.
#[cfg(any(target_os = "linux", target_os = "android"))]
const REMOTE: &[u32] = &[
    0x6969,      // NFS
    0x517B,      // SMB
    0xFE53_4D42, // SMB2
    0xFF53_4D42, // CIFS
    0x564C,      // NCP
    0x5346_414F, // AFS
    0x6B41_4653, // kAFS
    0x7375_7245, // Coda
    0x0102_1997, // 9P, also WSL's
    0x00C3_6400, // Ceph
    0x0BD0_0BD0, // Lustre
    0x4750_4653, // GPFS
    0xAAD7_AAEA, // PanFS
    0x6573_5546, // FUSE: sshfs, gcsfuse, virtiofs ... and local ones, which look the same
    0x786F_4256, // VirtualBox shared folders
    0x7C7C_6673, // Parallels shared folders
];

#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of file systems have 32 bits in a field whose width and sign depend on the architecture"
)]
pub(super) fn is_local(directory: BorrowedFd<'_>) -> bool {
    rustix::fs::fstatfs(directory).is_ok_and(|stat| !REMOTE.contains(&(stat.f_type as u32)))
}

/// Untested.
#[cfg(target_vendor = "apple")]
pub(super) fn is_local(directory: BorrowedFd<'_>) -> bool {
    rustix::fs::fstatfs(directory).is_ok_and(|stat| stat.f_flags & libc::MNT_LOCAL as u32 != 0)
}

/// Untested: a path to a share is recognised, a drive letter given to one is not.
#[cfg(windows)]
pub(super) fn is_local(directory: &Path) -> bool {
    use std::path::{Component, Prefix};
    !matches!(directory.components().next(), Some(Component::Prefix(prefix))
        if matches!(prefix.kind(), Prefix::UNC(..) | Prefix::VerbatimUNC(..)))
}

/// Other systems: no mapping.
#[cfg(all(
    unix,
    not(any(target_os = "linux", target_os = "android", target_vendor = "apple"))
))]
pub(super) fn is_local(_: BorrowedFd<'_>) -> bool {
    false
}

/// Other systems: no mapping.
#[cfg(not(any(unix, windows)))]
pub(super) fn is_local(_: &std::path::Path) -> bool {
    false
}
