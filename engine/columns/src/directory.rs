//! The page directory of a part: where the pages of each leaf lie, their rows and checksums.

use lakebed_format::checksum;
use lakebed_format::coding::{Reader, put_u64, put_varint};
use parquet::basic::Encoding as ParquetEncoding;
use parquet::file::metadata::ParquetMetaData;

use crate::error::{ColumnsError, Result};
use crate::leaf::Leaf;
use crate::limits::RAW_LIMIT;
use crate::page_header;

/// How the values of a page are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageEncoding {
    /// One after the other.
    Plain,
    /// Places in the dictionary of the column chunk.
    Dictionary,
    /// DELTA_BINARY_PACKED.
    DeltaBinary,
    /// DELTA_LENGTH_BYTE_ARRAY.
    DeltaLength,
    /// DELTA_BYTE_ARRAY.
    DeltaBytes,
}

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageEntry {
    /// Where its header begins in the file.
    pub offset: u64,
    /// Bytes of header and body.
    pub len: u32,
    /// Bytes of the header.
    pub header_len: u32,
    /// Bytes of the body before compression.
    pub raw_len: u32,
    /// Levels, or the values of a dictionary.
    pub values: u32,
    /// How values are encoded.
    pub encoding: PageEncoding,
    /// Its first row, counted from the start of the part.
    pub first_row: u64,
    /// Of its bytes in the file, header included, with the salt of the segment.
    pub checksum: u64,
}

/// The pages of one leaf in one row group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The dictionary page.
    pub dictionary: Option<PageEntry>,
    /// The data pages, by their rows.
    pub pages: Vec<PageEntry>,
}

/// Where the pages of a part lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageDirectory {
    /// Rows of the part.
    pub rows: u64,
    /// The leaves, in the order of the columns.
    pub leaves: Vec<Leaf>,
    /// The first rows of the row groups.
    pub groups: Vec<u64>,
    /// For each leaf, its chunks in the order of the row groups.
    pub chunks: Vec<Vec<Chunk>>,
}

/// A page of a directory, and what decoding it takes.
#[derive(Clone, Copy, Debug)]
pub struct PageRef<'a> {
    /// The leaf.
    pub leaf: &'a Leaf,
    /// The page.
    pub page: &'a PageEntry,
    /// Its rows.
    pub rows: usize,
    /// The dictionary page of its chunk.
    pub dictionary: Option<&'a PageEntry>,
}

/// Reads bytes of a part.
pub type ReadPart<'a> = dyn FnMut(u64, &mut [u8]) -> std::io::Result<()> + 'a;

impl PageDirectory {
    /// The directory of a file that was just written. `read` reads it; checksums have that salt.
    ///
    /// # Errors
    /// The file is not as parts are; reading fails.
    pub(crate) fn of_file(
        leaves: Vec<Leaf>,
        metadata: &ParquetMetaData,
        salt: u64,
        read: &mut ReadPart<'_>,
    ) -> Result<Self> {
        let mut groups = Vec::new();
        let mut chunks: Vec<Vec<Chunk>> = vec![Vec::new(); leaves.len()];
        let mut rows = 0;
        for (number, group) in metadata.row_groups().iter().enumerate() {
            groups.push(rows);
            let index = metadata.page_index_for_row_group(number);
            for ((place, column), chunks) in group.columns().iter().enumerate().zip(&mut chunks) {
                let locations = index
                    .offset_index(place)
                    .ok_or_else(|| ColumnsError::damaged("the file has no offset index"))?
                    .page_locations();
                let dictionary = column.dictionary_page_offset().zip(locations.first());
                let dictionary = match dictionary {
                    Some((offset, first)) => Some(page(
                        read,
                        salt,
                        (offset as u64, (first.offset - offset) as usize),
                        rows,
                        2,
                    )?),
                    None => None,
                };
                let mut pages = Vec::with_capacity(locations.len());
                for location in locations {
                    pages.push(page(
                        read,
                        salt,
                        (
                            location.offset as u64,
                            location.compressed_page_size as usize,
                        ),
                        rows + location.first_row_index as u64,
                        0,
                    )?);
                }
                chunks.push(Chunk { dictionary, pages });
            }
            rows += group.num_rows() as u64;
        }
        Ok(Self {
            rows,
            leaves,
            groups,
            chunks,
        })
    }

    /// The page of a leaf that holds a row.
    pub fn page(&self, leaf: usize, row: u64) -> Option<PageRef<'_>> {
        let group = self
            .groups
            .partition_point(|first| *first <= row)
            .checked_sub(1)?;
        let chunk = self.chunks.get(leaf)?.get(group)?;
        let place = chunk
            .pages
            .partition_point(|page| page.first_row <= row)
            .checked_sub(1)?;
        let page = chunk.pages.get(place)?;
        let end = match (chunk.pages.get(place + 1), self.groups.get(group + 1)) {
            (Some(next), _) => next.first_row,
            (None, Some(next)) => *next,
            (None, None) => self.rows,
        };
        Some(PageRef {
            leaf: self.leaves.get(leaf)?,
            page,
            rows: usize::try_from(end.checked_sub(page.first_row)?).ok()?,
            dictionary: chunk.dictionary.as_ref(),
        })
    }

    /// All pages, with the number of the leaf of each; dictionaries, too.
    pub fn pages(&self) -> impl Iterator<Item = (usize, &PageEntry)> {
        let chunks = self.chunks.iter().enumerate();
        let chunks =
            chunks.flat_map(|(leaf, chunks)| chunks.iter().map(move |chunk| (leaf, chunk)));
        chunks.flat_map(|(leaf, chunk)| {
            let pages = chunk.dictionary.iter().chain(&chunk.pages);
            pages.map(move |page| (leaf, page))
        })
    }

    /// Appends its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.rows);
        put_varint(out, self.leaves.len() as u64);
        for leaf in &self.leaves {
            leaf.encode(out);
        }
        put_varint(out, self.groups.len() as u64);
        let mut before = 0;
        for first in &self.groups {
            put_varint(out, first - before);
            before = *first;
        }
        for chunks in &self.chunks {
            for (chunk, first) in chunks.iter().zip(&self.groups) {
                out.push(u8::from(chunk.dictionary.is_some()));
                put_varint(out, chunk.pages.len() as u64);
                let all: Vec<&PageEntry> = chunk.dictionary.iter().chain(&chunk.pages).collect();
                // The pages of a chunk lie one behind the other.
                put_varint(out, all.first().map_or(0, |page| page.offset));
                let mut before = *first;
                for page in &all {
                    put_varint(out, u64::from(page.len));
                    put_varint(out, u64::from(page.header_len));
                    put_varint(out, u64::from(page.raw_len));
                    put_varint(out, u64::from(page.values));
                    put_varint(out, page.first_row - before);
                    out.push(page.encoding.code());
                    before = page.first_row;
                }
                for page in &all {
                    put_u64(out, page.checksum);
                }
            }
        }
    }

    /// Reads what [`PageDirectory::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn decode(reader: &mut Reader<'_>) -> lakebed_format::Result<Self> {
        let rows = reader.varint()?;
        let mut leaves = Vec::new();
        for _ in 0..reader.count(4)? {
            leaves.push(Leaf::decode(reader)?);
        }
        let mut groups = Vec::new();
        let mut before = 0_u64;
        for _ in 0..reader.count(1)? {
            before = before.saturating_add(reader.varint()?);
            groups.push(before);
        }
        let mut chunks = Vec::new();
        for _ in &leaves {
            let mut own = Vec::new();
            for first in &groups {
                own.push(Chunk::decode(reader, *first)?);
            }
            chunks.push(own);
        }
        Ok(Self {
            rows,
            leaves,
            groups,
            chunks,
        })
    }
}

impl Chunk {
    fn decode(reader: &mut Reader<'_>, first_row: u64) -> lakebed_format::Result<Self> {
        let has_dictionary = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(reader.value("a chunk has an unknown flag")),
        };
        let count = reader.count(14)? + usize::from(has_dictionary);
        let mut offset = reader.varint()?;
        let mut before = first_row;
        let mut pages = Vec::with_capacity(count);
        for _ in 0..count {
            let len = reader.varint32()?;
            let header_len = reader.varint32()?;
            let raw_len = reader.varint32()?;
            let values = reader.varint32()?;
            before = before.saturating_add(reader.varint()?);
            let code = reader.u8()?;
            let encoding = PageEncoding::of_code(code)
                .ok_or_else(|| reader.value("a page has an unknown encoding"))?;
            if header_len > len || raw_len as usize > RAW_LIMIT {
                return Err(reader.value("a page has an impossible length"));
            }
            pages.push(PageEntry {
                offset,
                len,
                header_len,
                raw_len,
                values,
                encoding,
                first_row: before,
                checksum: 0,
            });
            offset = offset.saturating_add(u64::from(len));
        }
        for page in &mut pages {
            page.checksum = reader.u64()?;
        }
        let mut pages = pages.into_iter();
        let dictionary = if has_dictionary { pages.next() } else { None };
        Ok(Self {
            dictionary,
            pages: pages.collect(),
        })
    }
}

impl PageEncoding {
    fn code(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Dictionary => 1,
            Self::DeltaBinary => 2,
            Self::DeltaLength => 3,
            Self::DeltaBytes => 4,
        }
    }

    fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Plain,
            1 => Self::Dictionary,
            2 => Self::DeltaBinary,
            3 => Self::DeltaLength,
            4 => Self::DeltaBytes,
            _ => return None,
        })
    }

    /// The encoding with Parquet's number.
    fn of_parquet(number: i64) -> Result<Self> {
        let encodings = [
            (ParquetEncoding::PLAIN, 0, Self::Plain),
            (ParquetEncoding::PLAIN_DICTIONARY, 2, Self::Dictionary),
            (ParquetEncoding::RLE_DICTIONARY, 8, Self::Dictionary),
            (ParquetEncoding::DELTA_BINARY_PACKED, 5, Self::DeltaBinary),
            (
                ParquetEncoding::DELTA_LENGTH_BYTE_ARRAY,
                6,
                Self::DeltaLength,
            ),
            (ParquetEncoding::DELTA_BYTE_ARRAY, 7, Self::DeltaBytes),
        ];
        let known = encodings.into_iter().find(|(_, known, _)| *known == number);
        known.map(|(_, _, encoding)| encoding).ok_or_else(|| {
            ColumnsError(format!(
                "a page has the encoding {number}, which parts do not have"
            ))
        })
    }
}

/// The entry of a page that lies in a file, of Parquet's page type `kind`.
fn page(
    read: &mut ReadPart<'_>,
    salt: u64,
    (offset, len): (u64, usize),
    first_row: u64,
    kind: i64,
) -> Result<PageEntry> {
    let mut bytes = vec![0; len];
    read(offset, &mut bytes)
        .map_err(|error| ColumnsError(format!("reading the part back: {error}")))?;
    let header = page_header::read(&bytes)
        .ok_or_else(|| ColumnsError::damaged("a page header is malformed"))?;
    if header.kind != kind || header.len + header.body_len as usize != len {
        return Err(ColumnsError::damaged(
            "a page is not where the offset index says",
        ));
    }
    let mut encoding = PageEncoding::of_parquet(header.encoding)?;
    if kind == 2 && encoding == PageEncoding::Dictionary {
        encoding = PageEncoding::Plain;
    }
    let narrow = |number: i64| {
        u32::try_from(number).map_err(|_| ColumnsError::damaged("a page header is out of range"))
    };
    Ok(PageEntry {
        offset,
        len: narrow(len as i64)?,
        header_len: narrow(header.len as i64)?,
        raw_len: narrow(header.raw_len)?,
        values: narrow(header.values)?,
        encoding,
        first_row,
        checksum: checksum(salt, offset, &bytes),
    })
}
