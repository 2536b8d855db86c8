//! Frame headers, the ids in them, and the lengths in a payload.
#![no_main]

use lakebed_format::{FrameHeader, decode_offsets, locate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(header) = FrameHeader::decode(data, 64) {
        let ids = header.ids;
        let total: u64 = ids.runs().map(|run| run.len).sum();
        assert_eq!(total, u64::from(ids.len()));
        assert_eq!(ids.position(ids.first()), Some(0));
        assert_eq!(ids.position(ids.last()), Some(ids.len() - 1));
        assert!(header.header_len <= data.len());
        let _ = header.payload(data, 64);
        let _ = header.check(data, 7, 64);
    }
    let Some((&blobs, payload)) = data.split_first() else {
        return;
    };
    let blobs = u32::from(blobs);
    let mut offsets = Vec::new();
    if decode_offsets(payload, blobs, &mut offsets).is_ok() {
        assert_eq!(offsets.len(), blobs as usize + 1);
        for (i, pair) in offsets.windows(2).enumerate() {
            let place = locate(payload, blobs, i as u32).expect("listed, so located");
            assert_eq!(place, pair[0] as usize..pair[1] as usize);
        }
    }
});
