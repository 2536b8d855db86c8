//! The headers of pages: the fields that a page directory repeats, from Thrift's compact protocol.

use lakebed_format::coding::unzigzag;

/// What a page header says of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageHeader {
    /// Parquet's `PageType`: 0 data, 2 dictionary.
    pub(crate) kind: i64,
    /// Bytes of the body before compression.
    pub(crate) raw_len: i64,
    /// Bytes of the body in the file.
    pub(crate) body_len: i64,
    pub(crate) values: i64,
    /// Parquet's number of the encoding.
    pub(crate) encoding: i64,
    /// Bytes of the header itself.
    pub(crate) len: usize,
}

/// Reads a header at the start of `bytes`. `None` when it is none.
pub(crate) fn read(bytes: &[u8]) -> Option<PageHeader> {
    let mut input = Input { rest: bytes };
    let mut header = PageHeader::default();
    input.fields(&mut |input, field, kind| {
        match field {
            1 => header.kind = input.integer()?,
            2 => header.raw_len = input.integer()?,
            3 => header.body_len = input.integer()?,
            // The headers of data pages and of dictionary pages begin with the same two fields.
            5 | 7 => input.fields(&mut |input, field, kind| match field {
                1 => input.integer().map(|values| header.values = values),
                2 => input.integer().map(|encoding| header.encoding = encoding),
                _ => input.skip(kind),
            })?,
            _ => input.skip(kind)?,
        }
        Some(())
    })?;
    header.len = bytes.len() - input.rest.len();
    Some(header)
}

struct Input<'a> {
    rest: &'a [u8],
}

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        self.varint().map(unzigzag)
    }

    /// Passes the number and the type of each field; the callback reads its value.
    fn fields(&mut self, each: &mut dyn FnMut(&mut Self, i64, u8) -> Option<()>) -> Option<()> {
        let mut field = 0;
        loop {
            let byte = self.byte()?;
            if byte == 0 {
                return Some(());
            }
            let step = i64::from(byte >> 4);
            field = if step == 0 {
                self.integer()?
            } else {
                field + step
            };
            each(self, field, byte & 15)?;
        }
    }

    fn skip(&mut self, kind: u8) -> Option<()> {
        match kind {
            1 | 2 => {}
            3 => {
                self.byte()?;
            }
            4..=6 => {
                self.varint()?;
            }
            7 => self.rest = self.rest.get(8..)?,
            8 => {
                let len = usize::try_from(self.varint()?).ok()?;
                self.rest = self.rest.get(len..)?;
            }
            12 => self.fields(&mut |input, _, kind| input.skip(kind))?,
            _ => return None,
        }
        Some(())
    }
}
