//! The vectors of what holds fingerprints besides index blocks.

use super::file::{Vector, list};
use crate::*;

#[test]
fn footer_sections() {
    vector!("footer-sections").check(|bytes, out| {
        let (extents, ordinals) = bytes.split_at(64);
        for e in FingerprintExtent::decode_all(extents, 0).unwrap() {
            out.add(
                "extent",
                &[&e.first_ordinal, &e.count, &e.offset, &e.sums_offset],
            );
        }
        let found = Ordinals::new(ordinals).unwrap();
        out.add("width", &[&ordinals[0]]);
        out.add(
            "ordinals",
            &[&list((0..found.len()).map(|at| found.get(at).unwrap()))],
        );
    });
}

#[test]
fn fingerprint_table() {
    vector!("fingerprint-table").check(|bytes, out| {
        let (extents, table) = bytes.split_at(48);
        for extent in TableExtent::decode_all(extents, 0).unwrap() {
            let pages = extent.pages;
            out.add("extent", &[&extent.count, &pages.offset, &pages.len]);
        }
        let table = FingerprintTable::new(table).unwrap();
        let stored = table.by_ordinal().unwrap();
        let shift = 64 - TABLE_FINGERPRINT_BITS;
        out.add(
            "fingerprints",
            &[&list(stored.iter().map(|one| one.0 >> shift))],
        );
        let mut ordinals = Vec::new();
        let range = Fingerprint(0)..=Fingerprint(u64::MAX);
        table
            .find(
                &range,
                |_| Ok(()),
                |error| error,
                |_, ordinal| ordinals.push(ordinal),
            )
            .unwrap();
        out.add("ordinals", &[&list(ordinals)]);
    });
}
