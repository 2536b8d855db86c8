//! Replies of Ollama: the events do not depend on how the bytes are split, and a line is never longer than the limit.
#![no_main]

use lakebed_ollama::fuzzing::decode;
use lakebed_ollama::{PullProgress, ReplyChunk};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 256;

fuzz_target!(|data: &[u8]| {
    let Some((&size, data)) = data.split_first() else {
        return;
    };
    let pieces: Vec<&[u8]> = data.chunks(usize::from(size).max(1)).collect();
    let (events, error) = decode::<ReplyChunk>(&[data], LIMIT);
    assert_eq!(
        decode::<ReplyChunk>(&pieces, LIMIT),
        (events, error.clone())
    );
    let too_long = data
        .split(|byte| *byte == b'\n')
        .any(|line| line.len() > LIMIT);
    assert!(!too_long || error.is_some());
    let _ = decode::<PullProgress>(&pieces, LIMIT);
});
