//! Catalogue records. The form is canonical: what is accepted encodes to the same bytes.
#![no_main]

use lakebed_format::CatalogueRecord;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let records: Result<Vec<CatalogueRecord>, _> = CatalogueRecord::decode_all(data, 0).collect();
    if let Ok(records) = records {
        let mut again = Vec::new();
        for record in records {
            record.encode(&mut again);
        }
        assert_eq!(again, data);
    }
});
