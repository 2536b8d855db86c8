//! Numbers and blocks in the bytes of descriptions.

use std::fmt;

use crate::varint::BadVarint;
pub(super) use crate::varint::write as varint;

/// The bytes are not a summary: cut, damaged, or of a newer version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSummary {
    /// What is wrong: half a sentence, to follow "the schema summary".
    pub reason: &'static str,
    /// Whether a newer version of the program may have written it.
    pub newer: bool,
}

impl fmt::Display for BadSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the schema summary {}", self.reason)
    }
}

impl std::error::Error for BadSummary {}

pub(super) const fn bad<T>(reason: &'static str) -> Result<T, BadSummary> {
    Err(BadSummary {
        reason,
        newer: false,
    })
}

/// What a newer version may have written.
pub(super) const fn newer<T>(reason: &'static str) -> Result<T, BadSummary> {
    Err(BadSummary {
        reason,
        newer: true,
    })
}

pub(super) struct Input<'a> {
    pub(super) bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], BadSummary> {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| self.bytes.split_at_checked(length));
        let Some((taken, rest)) = taken else {
            return bad("is cut short");
        };
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, BadSummary> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], BadSummary> {
        let Some((taken, rest)) = self.bytes.split_first_chunk() else {
            return bad("is cut short");
        };
        self.bytes = rest;
        Ok(*taken)
    }

    pub(super) fn varint(&mut self) -> Result<u64, BadSummary> {
        crate::varint::read(&mut self.bytes).or_else(|problem| match problem {
            BadVarint::Cut => bad("is cut short"),
            BadVarint::TooLong => bad("has a number that is too long"),
        })
    }

    /// A varint length, and as many bytes.
    pub(super) fn block(&mut self) -> Result<&'a [u8], BadSummary> {
        let length = self.varint()?;
        self.take(length)
    }

    /// A varint that is written only where it is not zero.
    pub(super) fn count(&mut self) -> Result<u64, BadSummary> {
        match self.varint()? {
            0 => bad("has a zero where none can be"),
            count => Ok(count),
        }
    }
}
