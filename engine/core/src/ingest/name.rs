//! The default name of the collection that a file is ingested into.

use std::path::Path;

/// Suffixes of compressed files.
const COMPRESSED: [&str; 2] = [".gz", ".zst"];

/// Suffixes of compressed logs.
const ALL_COMPRESSED: [&str; 4] = [".gz", ".zst", ".xz", ".bz2"];

/// Suffixes of files of JSON.
const JSON: [&str; 3] = [".ndjson", ".jsonl", ".json"];

/// The collection that a file goes into unless the caller names one: the file's name without `.gz` or `.zst`, then
/// without `.ndjson`, `.jsonl` or `.json`, in upper or lower case. A suffix that is the whole name stays. Bytes that
/// are not UTF-8 become U+FFFD. `None` for a path without a file name.
pub fn collection_name(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_string_lossy();
    let name = without_suffix(without_suffix(&name, &COMPRESSED), &JSON);
    Some(name.to_owned())
}

/// The name that the files of one rotated log have in common: without suffixes of compression, numbers and dates at the
/// end (`app.log`, `app.log.1`, `app.log-20260131.gz`).
pub(super) fn rotation_name(file: &str) -> &str {
    let mut name = without_suffix(file, &ALL_COMPRESSED);
    loop {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let shorter = stem.strip_suffix(['.', '-', '_']);
        match shorter {
            Some(shorter) if stem.len() < name.len() && !shorter.is_empty() => name = shorter,
            _ => return name,
        }
    }
}

/// The name without the first of the suffixes that it ends with.
fn without_suffix<'a>(name: &'a str, suffixes: &[&str]) -> &'a str {
    let stem = suffixes.iter().find_map(|suffix| {
        let (stem, end) = name.split_at_checked(name.len().checked_sub(suffix.len())?)?;
        (!stem.is_empty() && end.eq_ignore_ascii_case(suffix)).then_some(stem)
    });
    stem.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{collection_name, rotation_name};

    #[test]
    fn a_collection_is_named_for_its_file() {
        let name = |file: &str| collection_name(Path::new(file));
        assert_eq!(name("/x/events.ndjson.gz").as_deref(), Some("events"));
        assert_eq!(name("events.jsonl").as_deref(), Some("events"));
        assert_eq!(name("Events.NDJSON.Gz").as_deref(), Some("Events"));
        assert_eq!(name("a.b.zst").as_deref(), Some("a.b"));
        assert_eq!(name("é.JSON").as_deref(), Some("é"));
        assert_eq!(name("a.gz.gz").as_deref(), Some("a.gz"));
        assert_eq!(name("/"), None);
        assert_eq!(name(".json").as_deref(), Some(".json"));
    }

    #[test]
    fn rotated_logs_have_a_name_in_common() {
        for name in [
            "x/app.log.1",
            "x/app.log.12.gz",
            "x/app.log-20260131",
            "x/app.log.2026-01-31.zst",
        ] {
            assert_eq!(rotation_name(name), "x/app.log", "{name}");
        }
        assert_eq!(rotation_name("part1.ndjson"), "part1.ndjson");
        assert_eq!(rotation_name("2026"), "2026");
    }
}
