//! Reading the file of a manifest.

use lakebed_vfs::ReadFile;

/// Bytes before the body: magic, number, uuid, salt and the length of the body (docs/format.md).
const HEAD: usize = 48;
/// Where the length of the body is.
const BODY_LEN: usize = 40;
/// Bytes behind the body: the checksum.
const SUM: u64 = 8;
/// No manifest is longer, in bytes.
const LONGEST: u64 = 1 << 30;

/// The bytes of a manifest. Of a file that is longer or shorter than it says, or too long for a manifest, only the
/// first, which do not pass for one.
///
/// # Errors
/// The system's.
pub(crate) fn manifest_bytes(file: &dyn ReadFile) -> std::io::Result<Vec<u8>> {
    let len = file.len()?;
    let mut head = vec![0; usize::try_from(len).map_or(HEAD, |len| len.min(HEAD))];
    file.read_exact_at(&mut head, 0)?;
    let body = head.get(BODY_LEN..).and_then(<[u8]>::first_chunk::<8>);
    let said = body.and_then(|len| u64::from_le_bytes(*len).checked_add(HEAD as u64 + SUM));
    let Some(len) = said.filter(|said| *said == len && len <= LONGEST) else {
        return Ok(head);
    };
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| std::io::ErrorKind::FileTooLarge)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
