//! Writes `_fix`.

use super::bytes::{block, varint};

/// The `_fix` of the record that is shaped. See the [module](crate::shapes) and `docs/format.md`.
#[derive(Debug, Default)]
pub(super) struct FixWriter {
    exceptions: Vec<u8>,
    count: u64,
    /// The number of the hole from which the next exception counts.
    from: u64,
    /// The number of the next hole.
    pub(super) hole: u64,
    pub(super) stream: Vec<u8>,
}

/// A state to which [`FixWriter::restore`] goes back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    exceptions: usize,
    count: u64,
    from: u64,
    hole: u64,
    stream: usize,
}

impl FixWriter {
    pub(super) fn clear(&mut self) {
        self.exceptions.clear();
        self.stream.clear();
        (self.count, self.from, self.hole) = (0, 0, 0);
    }

    /// The text of the next hole, where it is not as its speller writes it.
    pub(super) fn exception(&mut self, text: &[u8]) {
        varint(self.hole - self.from, &mut self.exceptions);
        block(text, &mut self.exceptions);
        self.from = self.hole + 1;
        self.count += 1;
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            exceptions: self.exceptions.len(),
            count: self.count,
            from: self.from,
            hole: self.hole,
            stream: self.stream.len(),
        }
    }

    pub(super) fn restore(&mut self, mark: Mark) {
        self.exceptions.truncate(mark.exceptions);
        self.stream.truncate(mark.stream);
        (self.count, self.from, self.hole) = (mark.count, mark.from, mark.hole);
    }

    /// Appends it; nothing where there is nothing to say.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if self.count > 0 || !self.stream.is_empty() {
            varint(self.count, out);
            out.extend_from_slice(&self.exceptions);
            out.extend_from_slice(&self.stream);
        }
    }
}
