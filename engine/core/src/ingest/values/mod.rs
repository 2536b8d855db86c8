//! Content that is not one JSON value a line: a JSON array, or values one after the other, over several lines or
//! several on one. It is read as lines all the same: each element or value becomes a line, and the number of the line
//! is the number of the value.
//!
//! A value keeps its own text. Only one with line breaks in it is minified: blanks between its parts are left out,
//! because a record is one line. Values are cut apart by their brackets and quotes alone, and are validated as lines
//! afterwards, so that a wrong one can be left out like any other bad line.

mod kind;
mod minified;
mod splitter;

use std::io::{self, Read};

pub(super) use kind::Layout;
use kind::layout;
pub(super) use minified::Minified;
use splitter::Splitter;

/// Bytes per read of the content.
const BLOCK: usize = 64 << 10;
/// The most bytes that are read to tell how the values are laid out.
const LOOK_AHEAD: usize = 1 << 20;

/// Content as one value a line.
pub(super) struct Values<R> {
    inner: R,
    minified: Minified,
    state: State,
    /// Bytes that are to be given.
    out: io::Cursor<Vec<u8>>,
}

enum State {
    /// Lines already: given as they are.
    Lines,
    Split(Splitter),
    Ended,
}

impl<R: Read> Values<R> {
    pub(super) fn new(inner: R, minified: Minified) -> Self {
        Self {
            inner,
            minified,
            state: State::Lines,
            out: io::Cursor::default(),
        }
    }

    /// Reads as much as tells how the values are laid out. It is to be called once, before anything is read.
    pub(super) fn look(&mut self) -> io::Result<Layout> {
        let mut first = Vec::new();
        let mut wanted = BLOCK;
        let found = loop {
            let ended = !self.read_more(&mut first, wanted)?;
            if let Some(found) = layout(&first, ended || first.len() >= LOOK_AHEAD) {
                break found;
            }
            // A value over many reads is not looked at again for each of them.
            wanted = first.len();
        };
        match found {
            Layout::Lines => {
                self.state = State::Lines;
                self.out = io::Cursor::new(first);
            }
            Layout::Array | Layout::Concatenated => {
                let mut splitter = Splitter::new(found == Layout::Array, self.minified.clone());
                let mut out = Vec::new();
                splitter.split(&first, &mut out)?;
                self.out = io::Cursor::new(out);
                self.state = State::Split(splitter);
            }
        }
        Ok(found)
    }

    /// Reads at least one byte, and no more than a stream has to give. False at the end.
    fn read_more(&mut self, into: &mut Vec<u8>, most: usize) -> io::Result<bool> {
        let start = into.len();
        into.resize(start + most.min(LOOK_AHEAD), 0);
        let Some(room) = into.get_mut(start..) else {
            return Ok(false);
        };
        let read = loop {
            match self.inner.read(room) {
                Err(error)
                    if error.kind() == io::ErrorKind::Interrupted && error.get_ref().is_none() => {}
                read => break read,
            }
        };
        into.truncate(start + *read.as_ref().unwrap_or(&0));
        Ok(read? > 0)
    }
}

impl<R: Read> Read for Values<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let given = self.out.read(into)?;
            if given > 0 || into.is_empty() {
                return Ok(given);
            }
            match &mut self.state {
                State::Ended => return Ok(0),
                State::Lines => {
                    self.out = io::Cursor::default();
                    return self.inner.read(into);
                }
                State::Split(splitter) => {
                    let mut block = vec![0; BLOCK];
                    let read = self.inner.read(&mut block)?;
                    let mut out = std::mem::take(&mut self.out).into_inner();
                    out.clear();
                    if read == 0 {
                        splitter.finish(&mut out)?;
                        self.state = State::Ended;
                    } else {
                        splitter.split(block.get(..read).unwrap_or_default(), &mut out)?;
                    }
                    self.out = io::Cursor::new(out);
                }
            }
        }
    }
}
