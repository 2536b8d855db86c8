//! Decodes a reply without a connection. For `engine/fuzz` alone, behind the feature `fuzzing`.

use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::lines::Lines;

/// The events of a reply that arrives in `pieces`, up to the first error, and that error. `limit` is the most bytes of
/// a line.
pub fn decode<T: Event>(pieces: &[&[u8]], limit: usize) -> (Vec<T>, Option<Error>) {
    let mut found = Vec::new();
    let error = collect(pieces, limit, &mut found).err();
    (found, error)
}

fn collect<T: Event>(pieces: &[&[u8]], limit: usize, found: &mut Vec<T>) -> Result<()> {
    let mut lines = Lines::new(limit);
    for piece in pieces {
        lines.push(piece);
        while let Some(line) = lines.next_line()? {
            found.extend(events::parse(line)?);
        }
    }
    found.extend(events::parse(&lines.take_rest())?);
    Ok(())
}
