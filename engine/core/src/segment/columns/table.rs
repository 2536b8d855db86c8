//! The table of a part: what reading its records takes besides its file.

use lakebed_codec::Encoder;
use lakebed_columns::PageDirectory;
use lakebed_format::coding::{Reader, put_bytes, put_u64, put_varint};
use lakebed_format::{Encoding, IdSet, SegmentNumber, checksum};

use crate::error::{Error, Result};

/// What a part's table says.
#[derive(Clone, Debug)]
pub(crate) struct PartTable {
    /// Its blobs, in the order of its rows.
    pub(crate) ids: IdSet,
    pub(crate) directory: PageDirectory,
    /// Of each list of the typed columns: a leaf inside it, and how many lists it lies in.
    pub(crate) lists: Vec<(usize, usize)>,
    /// Encoded [`lakebed_json::shapes::Spellers`].
    pub(crate) spellers: Vec<u8>,
    /// Encoded [`lakebed_json::shapes::Shapes`].
    pub(crate) shapes: Vec<u8>,
}

impl PartTable {
    /// Its bytes for a place in a segment.
    ///
    /// # Errors
    /// `Internal` when they cannot be compressed.
    pub(crate) fn encode(&self, salt: u64, offset: u64, level: i32) -> Result<Vec<u8>> {
        let mut raw = Vec::new();
        let mut ids = Vec::new();
        self.ids.encode(&mut ids);
        put_bytes(&mut raw, &ids);
        put_varint(&mut raw, self.lists.len() as u64);
        for (leaf, depth) in &self.lists {
            put_varint(&mut raw, *leaf as u64);
            put_varint(&mut raw, *depth as u64);
        }
        put_bytes(&mut raw, &self.spellers);
        put_bytes(&mut raw, &self.shapes);
        self.directory.encode(&mut raw);
        let compressing = |error: lakebed_codec::FrameError| Error::compressing(&error);
        let packed = Encoder::new(level)
            .and_then(|mut encoder| encoder.encode(&raw, None))
            .map_err(compressing)?;
        let mut rest = Vec::new();
        put_varint(&mut rest, raw.len() as u64);
        match packed {
            Some((_, packed)) => rest.extend_from_slice(&packed),
            None => rest.extend_from_slice(&raw),
        }
        let mut out = Vec::with_capacity(8 + rest.len());
        put_u64(&mut out, checksum(salt, offset + 8, &rest));
        out.extend_from_slice(&rest);
        Ok(out)
    }

    /// Reads the table at `offset` of a segment.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn decode(
        segment: SegmentNumber,
        salt: u64,
        offset: u64,
        bytes: &[u8],
    ) -> Result<Self> {
        let damaged = |detail: &str| Error::corrupt(segment, offset, detail);
        let refused = |error: lakebed_format::FormatError| Error::of_format(segment, &error);
        let mut reader = Reader::new("table of a part", bytes, offset);
        let stored = reader.u64().map_err(refused)?;
        if checksum(salt, offset + 8, reader.rest()) != stored {
            return Err(damaged("the table of a part does not have its checksum"));
        }
        let raw_len = reader.varint().map_err(refused)?;
        let encoding = if raw_len == reader.remaining() as u64 {
            Encoding::Raw
        } else {
            Encoding::Zstd
        };
        let raw = lakebed_codec::decode(encoding, None, reader.rest(), raw_len)
            .map_err(|error| damaged(&error.to_string()))?;
        let mut reader = Reader::new("table of a part", &raw, offset);
        Self::decode_raw(&mut reader).map_err(refused)
    }

    fn decode_raw(reader: &mut Reader<'_>) -> lakebed_format::Result<Self> {
        let offset = reader.offset();
        let ids = IdSet::decode(&mut Reader::new("ids of a part", reader.block()?, offset))?;
        let mut lists = Vec::new();
        for _ in 0..reader.count(2)? {
            lists.push((reader.varint32()? as usize, reader.varint32()? as usize));
        }
        let spellers = reader.block()?.to_vec();
        let shapes = reader.block()?.to_vec();
        let directory = PageDirectory::decode(reader)?;
        reader.finish()?;
        if directory.rows != ids.len() {
            return Err(reader.value("a part has more or fewer rows than ids"));
        }
        Ok(Self {
            ids,
            directory,
            lists,
            spellers,
            shapes,
        })
    }
}

#[cfg(test)]
mod tests {
    use lakebed_columns::{PageEncoding, PageEntry};
    use lakebed_format::SegmentNumber;

    use super::PartTable;

    /// Reads `tests/vectors/NAME.txt`, which `python -m tests.pure.vectors` writes.
    macro_rules! vector {
        ($name:literal) => {
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../tests/vectors/",
                $name,
                ".txt"
            ))
        };
    }

    fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
        let texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        if texts.is_empty() {
            "-".to_owned()
        } else {
            texts.join(" ")
        }
    }

    fn hex(bytes: &[u8]) -> String {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        digits.concat()
    }

    fn line(kind: &str, leaf: usize, group: usize, page: &PageEntry) -> String {
        let encoding = match page.encoding {
            PageEncoding::Plain => 0,
            PageEncoding::Dictionary => 1,
            PageEncoding::DeltaBinary => 2,
            PageEncoding::DeltaLength => 3,
            PageEncoding::DeltaBytes => 4,
        };
        let numbers = [
            leaf as u64,
            group as u64,
            page.offset,
            page.len.into(),
            page.header_len.into(),
            page.raw_len.into(),
            page.values.into(),
            page.first_row,
            encoding,
            page.checksum,
        ];
        format!("{kind} {}", list(numbers))
    }

    #[test]
    fn the_test_vector_of_a_table_decodes_to_its_fields() {
        let text = vector!("part-table");
        let (head, data) = text.split_once("\nhex\n").unwrap();
        let digits: String = data.split_whitespace().collect();
        let bytes: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        let found =
            PartTable::decode(SegmentNumber(7), 0x0123_4567_89AB_CDEF, 4096, &bytes).unwrap();
        let ids = found.ids.runs().iter();
        let mut lines = vec![format!(
            "ids {}",
            list(ids.map(|run| format!("{}..{}", run.first.0, run.end())))
        )];
        lines.extend(
            found
                .lists
                .iter()
                .map(|(leaf, depth)| format!("list {leaf} {depth}")),
        );
        lines.push(format!("spellers {}", hex(&found.spellers)));
        lines.push(format!("shapes {}", hex(&found.shapes)));
        lines.push(format!("rows {}", found.directory.rows));
        for leaf in &found.directory.leaves {
            let physical = leaf.physical.number();
            lines.push(format!(
                "leaf {} {physical} {} {}",
                leaf.name,
                leaf.max_def,
                list(&leaf.lists)
            ));
        }
        lines.push(format!("groups {}", list(&found.directory.groups)));
        for (leaf, chunks) in found.directory.chunks.iter().enumerate() {
            for (group, chunk) in chunks.iter().enumerate() {
                let dictionary = chunk.dictionary.iter();
                lines.extend(dictionary.map(|page| line("dictionary", leaf, group, page)));
                lines.extend(
                    chunk
                        .pages
                        .iter()
                        .map(|page| line("page", leaf, group, page)),
                );
            }
        }
        let expected: Vec<&str> = head
            .lines()
            .filter(|line| !line.starts_with(['#']) && !line.starts_with("given "))
            .collect();
        assert_eq!(lines, expected);
    }
}
