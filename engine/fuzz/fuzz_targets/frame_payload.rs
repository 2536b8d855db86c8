//! Payloads of frames, with and without a dictionary, in a window and without one: what is compressed comes back,
//! arbitrary bytes give the stated length or an error.
#![no_main]

use std::sync::{Arc, OnceLock};

use lakebed_codec::{Decoded, Dictionary, Encoder, Page, decode};
use lakebed_format::{DictionaryNumber, Encoding};
use libfuzzer_sys::fuzz_target;

fn dictionary() -> &'static Dictionary {
    static DICTIONARY: OnceLock<Dictionary> = OnceLock::new();
    DICTIONARY.get_or_init(|| {
        let text: String = (0..200)
            .map(|n| {
                format!(
                    "{{\"id\":{n},\"name\":\"user {}\",\"tags\":[\"red\"]}}",
                    n * 7919 % 1000
                )
            })
            .collect();
        Dictionary::new(DictionaryNumber(1), Arc::from(text.as_bytes())).expect("there is memory")
    })
}

fuzz_target!(|data: &[u8]| {
    let (&[kind, low, high, blobs], bytes) = data.split_first_chunk().unwrap_or((&[0; 4], data));
    let encoding = match kind % 3 {
        0 => Encoding::Raw,
        1 => Encoding::Zstd,
        _ => Encoding::ZstdDictionary(DictionaryNumber(1)),
    };
    // Above 64 KiB no window is used.
    let length = u64::from(u16::from_le_bytes([low, high])) << (kind % 5);
    if let Ok(raw) = decode(encoding, Some(dictionary()), bytes, length) {
        assert_eq!(raw.len() as u64, length);
    }
    if let Ok(frame) = Decoded::new(bytes.to_vec(), u32::from(blobs)) {
        assert_eq!(frame.len(), usize::from(blobs));
        for index in 0..frame.len() {
            let blob = frame.blob(index).expect("a blob of this frame");
            let text = frame.text(index).map(str::as_bytes);
            assert_eq!(text, std::str::from_utf8(blob).ok().map(str::as_bytes));
        }
    }

    let mut page = Page::default();
    for blob in bytes.split(|byte| *byte == 0) {
        page.push(blob);
    }
    let mut scratch = Vec::new();
    let raw = page.payload(&mut scratch).to_vec();
    let mut encoder = Encoder::new(i32::from(kind % 5)).expect("there is memory");
    for used in [None, Some(dictionary())] {
        let Some((encoding, stored)) = encoder.encode(&raw, used).expect("there is memory") else {
            continue;
        };
        assert!(stored.len() < raw.len());
        let again = decode(encoding, used, &stored, raw.len() as u64).expect("just encoded");
        assert_eq!(again, raw);
        for other in [raw.len() as u64 + 1, raw.len() as u64 - 1] {
            assert!(decode(encoding, used, &stored, other).is_err());
        }
    }
    let frame = Decoded::new(raw, page.blobs() as u32).expect("a page's payload");
    for index in 0..page.blobs() {
        assert_eq!(frame.blob(index), page.blob(index));
    }
});
