//! Page directories of parts, and the pages they list: from arbitrary bytes come errors or pages of the stated rows.
#![no_main]

use lakebed_columns::{Page, PageDictionary, PageDirectory};
use lakebed_format::coding::Reader;
use libfuzzer_sys::fuzz_target;

/// Pages that are tried of one directory.
const MOST: usize = 32;

fuzz_target!(|data: &[u8]| {
    let mut reader = Reader::new("directory", data, 0);
    let Ok(directory) = PageDirectory::decode(&mut reader) else {
        return;
    };
    let mut encoded = Vec::new();
    directory.encode(&mut encoded);
    let again = PageDirectory::decode(&mut Reader::new("directory", &encoded, 0));
    assert_eq!(again.expect("an encoded directory").pages().count(), directory.pages().count());
    let rest = reader.rest();
    for leaf in 0..directory.leaves.len().min(MOST) {
        let mut row = 0;
        for _ in 0..MOST {
            let Some(found) = directory.page(leaf, row) else {
                break;
            };
            let from = usize::try_from(found.page.offset).unwrap_or(0) % (rest.len() + 1);
            let bytes = &rest[from..rest.len().min(from.saturating_add(found.page.len as usize))];
            let dictionary = found.dictionary;
            let dictionary = dictionary.map(|entry| PageDictionary::decode(found.leaf, entry, bytes));
            let dictionary = dictionary.and_then(Result::ok);
            let _ = Page::decode(found.leaf, found.page, found.rows, dictionary.as_ref(), bytes);
            row = found.page.first_row.saturating_add(found.rows.max(1) as u64);
        }
    }
});
