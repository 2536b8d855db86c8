//! Windows: a dictionary's bytes and the frame in one piece of memory, the frame directly behind the dictionary.
//!
//! zstd then treats both as one history: it neither tests at each match which of the two it lies in, nor searches two
//! sets of tables. It detects this by comparing addresses. The bytes of a frame do not depend on it: a frame written
//! with a window can be read without one, and the other way round.

mod decode;
mod encode;
mod memory;

pub(crate) use decode::DecodeWindow;
pub(crate) use encode::EncodeWindows;
