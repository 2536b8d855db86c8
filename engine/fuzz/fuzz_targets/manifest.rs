//! Catalogues. The form is canonical: what is accepted encodes to the same bytes.
#![no_main]

use lakebed_format::{Manifest, ManifestBody};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Manifest::decode(data);
    if let Ok(body) = ManifestBody::decode(data, 48) {
        let mut again = Vec::new();
        body.encode(&mut again);
        assert_eq!(again, data);
    }
});
