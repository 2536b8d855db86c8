//! Stores of columns in which every checksum can be made again: those of pages lie in tables that are compressed, and
//! here in tables that are not. The fuzz target `store` shares this file.

use std::ops::Range;

use lakebed_columns::{PageDirectory, PageEntry};
use lakebed_format::coding::{Reader, put_u64, put_varint};
use lakebed_format::{
    COMMIT_LEN, Commit, Encoding, FooterTrailer, IdSet, IndexBlock, Layout, PartEntry, PartList,
    SectionKind, SegmentHeader, TRAILER_LEN, names,
};
use lakebed_testkit::{Files, Forge, Links, Sum};

/// The files of a store whose segments of columns have their tables uncompressed, in the room behind the footer.
pub(crate) fn unpacked(mut files: Files) -> Forge {
    let links = Links::of_store(&files);
    let segments: Vec<String> = files.keys().cloned().collect();
    let mut sums = Vec::new();
    for name in segments {
        let of_columns = SegmentHeader::decode(&files[&name])
            .ok()
            .filter(|header| header.layout == Layout::Columns);
        if let Some(header) = of_columns {
            unpack(&mut files, &name, &header, &mut sums);
        }
    }
    assert!(!sums.is_empty(), "a segment of columns");
    links.make(&mut files);
    Forge::with_sums(files, sums)
}

fn unpack(files: &mut Files, name: &str, header: &SegmentHeader, sums: &mut Vec<Sum>) {
    let bytes = files.get_mut(name).unwrap();
    let tail_at = bytes.len() - TRAILER_LEN;
    let tail = FooterTrailer::decode(&bytes[tail_at..], header.salt, tail_at as u64).unwrap();
    let at = size(tail.last_commit);
    let commit = Commit::decode(
        &bytes[at..at + COMMIT_LEN],
        tail.last_commit,
        header.number,
        header.salt,
    );
    let commit = commit.unwrap().commit;
    let sections: Vec<Range<usize>> = [
        (commit.index_offset, commit.index_len),
        (tail.block_offset, tail.block_len),
    ]
    .into_iter()
    .map(|(offset, len)| {
        let block = IndexBlock::decode(&bytes[size(offset)..], header.salt, offset, len).unwrap();
        let section = block.section(SectionKind::Parts).unwrap();
        size(section.offset)..size(section.offset + section.len)
    })
    .collect();
    let listed = bytes[sections[0].clone()].to_vec();
    let mut list = PartList::decode(&listed, 0).unwrap();
    let mut room = room(&bytes[at..tail_at]);
    room = room.start + at..room.end + at;
    for entry in &mut list.parts {
        let packed = size(entry.table_offset)..size(entry.table_offset + entry.table_len);
        let raw = raw_table(&bytes[packed]);
        let mut table = Vec::new();
        put_u64(&mut table, 0);
        put_varint(&mut table, raw.len() as u64);
        let behind = table.len();
        table.extend_from_slice(&raw);
        let place = room.start;
        assert!(place + table.len() < room.end, "no room for a table");
        room.start = (place + table.len()).next_multiple_of(8);
        bytes[place..place + table.len()].copy_from_slice(&table);
        entry.table_offset = place as u64;
        entry.table_len = table.len() as u64;
        let salt = PartEntry::salt(header.salt, entry.collection);
        let part = names::part(header.number, entry.collection);
        for page in pages(&raw) {
            let sum = page.checksum.to_le_bytes();
            let found = raw.windows(8).position(|bytes| bytes == sum).unwrap();
            sums.push(Sum {
                of: (
                    part.clone(),
                    size(page.offset)..size(page.offset) + page.len as usize,
                ),
                salt,
                running: false,
                to: (name.to_owned(), place + behind + found),
            });
        }
        sums.push(Sum {
            of: (name.to_owned(), place + 8..place + table.len()),
            salt: header.salt,
            running: false,
            to: (name.to_owned(), place),
        });
        let sum = entry.checksum.to_le_bytes();
        let in_list = listed.windows(8).position(|bytes| bytes == sum).unwrap();
        for section in &sections {
            sums.push(Sum {
                of: (part.clone(), 0..size(entry.len)),
                salt,
                running: true,
                to: (name.to_owned(), section.start + in_list),
            });
        }
    }
    let list = list.encode();
    for section in sections {
        assert_eq!(
            list.len(),
            section.len(),
            "the list of parts has its length"
        );
        bytes[section].copy_from_slice(&list);
    }
}

/// The longest row of zeros.
fn room(bytes: &[u8]) -> Range<usize> {
    let mut best = 0..0;
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != 0 {
            start = at + 1;
        } else if at + 1 - start > best.len() {
            best = start..at + 1;
        }
    }
    (best.start + 8).next_multiple_of(8)..best.end
}

/// The table of a part, decompressed.
fn raw_table(bytes: &[u8]) -> Vec<u8> {
    let mut reader = Reader::new("table", bytes, 0);
    reader.u64().unwrap();
    let len = reader.varint().unwrap();
    let encoding = if len == reader.remaining() as u64 {
        Encoding::Raw
    } else {
        Encoding::Zstd
    };
    lakebed_codec::decode(encoding, None, reader.rest(), len).unwrap()
}

/// The pages that a table lists, with the dictionaries.
fn pages(raw: &[u8]) -> Vec<PageEntry> {
    let mut reader = Reader::new("table", raw, 0);
    IdSet::decode(&mut Reader::new("ids", reader.block().unwrap(), 0)).unwrap();
    for _ in 0..reader.count(2).unwrap() * 2 {
        reader.varint32().unwrap();
    }
    reader.block().unwrap();
    reader.block().unwrap();
    let directory = PageDirectory::decode(&mut reader).unwrap();
    let chunks = directory.chunks.into_iter().flatten();
    chunks
        .flat_map(|chunk| chunk.dictionary.into_iter().chain(chunk.pages))
        .collect()
}

fn size(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}
