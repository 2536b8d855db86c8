//! Short texts: the lock file, names of files, hashes, SQL types. What is accepted is written as the same text again.
#![no_main]

use lakebed_format::{Hash, LockText, names};
use lakebed_json::schema::DataType;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let lock = LockText::decode(data);
    let again = LockText::decode(lock.encode().as_bytes());
    assert_eq!((again.pid, again.since), (lock.pid, lock.since));
    assert_eq!(again.synced, lock.synced);

    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(number) = names::parse_segment(text) {
        assert!(names::segment(number).ends_with(text));
    }
    if let Some(number) = names::parse_manifest(text) {
        assert!(names::manifest(number).ends_with(text));
    }
    if let Some(number) = names::parse_run(text) {
        assert!(names::run(number).ends_with(text));
    }
    if let Ok(hash) = text.parse::<Hash>() {
        assert!(hash.to_string().eq_ignore_ascii_case(text));
    }
    if let Ok(data_type) = text.parse::<DataType>() {
        let written = data_type.to_string();
        assert_eq!(written.parse(), Ok(data_type));
    }
});
