//! Sets of blob ids. The form is canonical, and queries agree with the ids.
#![no_main]

use lakebed_format::{BlobId, IdSet, coding::Reader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut reader = Reader::new("ids", data, 0);
    if let Ok(set) = IdSet::decode_counted(&mut reader) {
        let mut again = Vec::new();
        set.encode_counted(&mut again);
        assert_eq!(again, data[..reader.taken()]);
    }
    let Ok(mut set) = IdSet::decode(&mut Reader::new("ids", data, 0)) else {
        return;
    };
    let mut again = Vec::new();
    set.encode(&mut again);
    assert_eq!(again, data);
    assert_eq!(set.iter().next(), set.first());
    for (ordinal, id) in set.clone().iter().take(100).enumerate() {
        let ordinal = ordinal as u64;
        assert!(set.contains(id));
        assert_eq!((set.rank(id), set.nth(ordinal)), (ordinal, Some(id)));
    }
    assert_eq!(set.nth(set.len()), None);
    let id = BlobId(data.len() as u64);
    let (before, had) = (set.len(), set.contains(id));
    assert_eq!(set.remove(id), had);
    assert_eq!(set.len(), before - u64::from(had));
    assert!(set.insert(id));
    assert!(set.contains(id) && !set.is_empty());
});
