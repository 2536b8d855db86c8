//! Dictionary and frame in one piece of memory, the frame right behind the dictionary's bytes.
//!
//! To zstd both are then one history: it neither tests at each match in which of the two it lies, nor searches two sets of tables. It
//! finds that by comparing addresses; nothing in a frame tells or needs it, and what was written so is read in any other way too.

mod decode;
mod encode;
mod memory;

pub(super) use decode::Windows;
pub(super) use encode::EncodeWindows;

use super::Dictionary;

/// Frames up to this many raw bytes go through a window.
const ROOM: usize = 64 << 10;
