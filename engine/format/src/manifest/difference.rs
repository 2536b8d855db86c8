//! The body of a manifest as the difference from an earlier one, so that the footers of many small segments do not
//! repeat the whole catalogue each.

use std::collections::HashMap;

use super::WHAT;
use crate::checksum::checksum;
use crate::coding::{Reader, put_bytes, put_u64, put_varint};
use crate::error::{FormatError, Reason, Result};
use crate::ids::SegmentNumber;

/// Bytes that two bodies must have in common to be found so.
const WINDOW: usize = 16;

/// A body as the difference from the one that the footer of another segment repeats whole.
#[derive(Debug, Clone, Copy)]
pub struct BodyDifference<'a> {
    /// That segment.
    pub base: SegmentNumber,
    len: u64,
    checksum: u64,
    steps: &'a [u8],
    offset: u64,
}

impl<'a> BodyDifference<'a> {
    /// The difference in a footer's section, which is at `offset` in its file; `None` when it is a whole body.
    ///
    /// # Errors
    /// The bytes end too early.
    pub fn decode(data: &'a [u8], offset: u64) -> Result<Option<Self>> {
        // A body begins with the number of the last commit, and before the first commit nothing is sealed.
        if data.first() != Some(&0) {
            return Ok(None);
        }
        let mut r = Reader::new(WHAT, data, offset);
        r.u8()?;
        let base = SegmentNumber(r.varint()?);
        let (len, checksum) = (r.varint()?, r.u64()?);
        Ok(Some(Self {
            base,
            len,
            checksum,
            steps: r.rest(),
            offset,
        }))
    }

    /// The body, made from the one of the base.
    ///
    /// # Errors
    /// It is the difference from another one.
    pub fn apply(&self, base: &[u8]) -> Result<Vec<u8>> {
        let mut r = Reader::new(WHAT, self.steps, self.offset);
        let error = |text| FormatError::new(WHAT, self.offset, Reason::Value(text));
        if self.len > (base.len() + self.steps.len()) as u64 {
            return Err(error("a difference says too much of its length"));
        }
        let mut body = Vec::new();
        while !r.is_empty() {
            body.extend_from_slice(r.block()?);
            let (from, len) = (usize::try_from(r.varint()?), usize::try_from(r.varint()?));
            let copied = from
                .ok()
                .zip(len.ok())
                .and_then(|(from, len)| base.get(from..from.checked_add(len)?))
                .filter(|copied| (body.len() + copied.len()) as u64 <= self.len);
            body.extend_from_slice(copied.ok_or_else(|| error("a difference goes too far"))?);
        }
        if body.len() as u64 != self.len || checksum(0, 0, &body) != self.checksum {
            return Err(error("a difference is from another body"));
        }
        Ok(body)
    }
}

/// Appends the difference of a body from the one that the footer of segment `number` repeats whole.
pub fn put_body_difference(number: SegmentNumber, base: &[u8], body: &[u8], out: &mut Vec<u8>) {
    out.push(0);
    put_varint(out, number.0);
    put_varint(out, body.len() as u64);
    put_u64(out, checksum(0, 0, body));
    let (windows, _) = base.as_chunks::<WINDOW>();
    let mut places = HashMap::with_capacity(windows.len());
    for (n, window) in windows.iter().enumerate() {
        places.entry(window).or_insert(n * WINDOW);
    }
    // What lies before `done` was put; `at` looks for what the base has, too.
    let (mut done, mut at) = (0, 0);
    while let Some(window) = body.get(at..).and_then(<[u8]>::first_chunk::<WINDOW>) {
        let Some(&found) = places.get(window) else {
            at += 1;
            continue;
        };
        let (new, old) = (body.get(done..at), base.get(..found));
        let before = same(
            new.unwrap_or_default().iter().rev(),
            old.unwrap_or_default().iter().rev(),
        );
        let behind = same(
            body.get(at..).unwrap_or_default().iter(),
            base.get(found..).unwrap_or_default().iter(),
        );
        put_bytes(out, body.get(done..at - before).unwrap_or_default());
        put_varint(out, (found - before) as u64);
        put_varint(out, (before + behind) as u64);
        at += behind;
        done = at;
    }
    if done < body.len() {
        put_bytes(out, body.get(done..).unwrap_or_default());
        put_varint(out, 0);
        put_varint(out, 0);
    }
}

/// How many elements are the same from the start.
fn same<'a>(a: impl Iterator<Item = &'a u8>, b: impl Iterator<Item = &'a u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}
