//! BLAKE3 of many short inputs side by side.
//!
//! `blake3::hash` fills the processor's vector registers with the chunks (1 KiB) of one input. A record is mostly one
//! chunk, whose blocks depend on each other, so that only one lane of the registers works. Here the first blocks of
//! several records with the same number of blocks are hashed together, and only the last block of each by itself: about
//! a third of the time for records of 800 bytes with AVX-512. The result equals [`Hash::of`] (BLAKE3 specification,
//! sections 2.1, 2.4 and 5.3).
#![expect(
    clippy::cast_possible_truncation,
    reason = "a block has 64 bytes; a batch holds fewer records than 2^32"
)]

use blake3::IncrementCounter;
use blake3::platform::{Platform, le_bytes_from_words_32, words_from_le_bytes_32};
use lakebed_format::Hash;

const BLOCK: usize = 64;
/// Inputs of up to one chunk are a tree of one node.
const CHUNK: usize = 1024;
/// Blocks of such an input before its last one, at most.
const BLOCKS: usize = CHUNK / BLOCK - 1;

/// The initial chaining value, and flags of a block.
const IV: [u32; 8] = [
    0x6A09_E667,
    0xBB67_AE85,
    0x3C6E_F372,
    0xA54F_F53A,
    0x510E_527F,
    0x9B05_688C,
    0x1F83_D9AB,
    0x5BE0_CD19,
];
const CHUNK_START: u8 = 1 << 0;
const CHUNK_END: u8 = 1 << 1;
const ROOT: u8 = 1 << 3;

/// The hash of each input, in their order.
pub(crate) fn hash_each(inputs: &[&[u8]]) -> Vec<Hash> {
    let mut hashes = vec![Hash::from_bytes([0; 32]); inputs.len()];
    // Indexes of the inputs by the number of blocks before the last one.
    let mut alike: [Vec<u32>; BLOCKS] = Default::default();
    for (index, (input, hash)) in inputs.iter().zip(&mut hashes).enumerate() {
        let blocks = input.len().saturating_sub(1) / BLOCK;
        match blocks.checked_sub(1).and_then(|class| alike.get_mut(class)) {
            Some(class) => class.push(index as u32),
            None => *hash = Hash::of(input),
        }
    }
    let platform = Platform::detect();
    let mut same_length = |class: usize, hash_all: HashAll| {
        if let Some(indexes) = alike.get(class - 1).filter(|indexes| !indexes.is_empty()) {
            hash_all(platform, inputs, indexes, &mut hashes);
        }
    };
    same_length(1, hash_alike::<64>);
    same_length(2, hash_alike::<128>);
    same_length(3, hash_alike::<192>);
    same_length(4, hash_alike::<256>);
    same_length(5, hash_alike::<320>);
    same_length(6, hash_alike::<384>);
    same_length(7, hash_alike::<448>);
    same_length(8, hash_alike::<512>);
    same_length(9, hash_alike::<576>);
    same_length(10, hash_alike::<640>);
    same_length(11, hash_alike::<704>);
    same_length(12, hash_alike::<768>);
    same_length(13, hash_alike::<832>);
    same_length(14, hash_alike::<896>);
    same_length(15, hash_alike::<960>);
    hashes
}

type HashAll = fn(Platform, &[&[u8]], &[u32], &mut [Hash]);

/// Hashes the inputs at `indexes`, each of which has `HEAD` bytes of whole blocks and then one more block, perhaps a
/// short one.
fn hash_alike<const HEAD: usize>(
    platform: Platform,
    inputs: &[&[u8]],
    indexes: &[u32],
    hashes: &mut [Hash],
) {
    let parts = || {
        let input = |index: &u32| inputs.get(*index as usize)?.split_first_chunk::<HEAD>();
        indexes.iter().filter_map(input)
    };
    let heads: Vec<&[u8; HEAD]> = parts().map(|(head, _)| head).collect();
    let mut chaining = vec![0; heads.len() * 32];
    platform.hash_many(
        &heads,
        &IV,
        0,
        IncrementCounter::No,
        0,
        CHUNK_START,
        0,
        &mut chaining,
    );
    let (chaining, _) = chaining.as_chunks::<32>();
    for ((index, value), (_, last)) in indexes.iter().zip(chaining).zip(parts()) {
        let mut block = [0; BLOCK];
        if let Some(begin) = block.get_mut(..last.len()) {
            begin.copy_from_slice(last);
        }
        let mut words = words_from_le_bytes_32(value);
        platform.compress_in_place(&mut words, &block, last.len() as u8, 0, CHUNK_END | ROOT);
        if let Some(hash) = hashes.get_mut(*index as usize) {
            *hash = Hash::from_bytes(le_bytes_from_words_32(&words));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, CHUNK, hash_each};
    use lakebed_format::Hash;
    use proptest::prelude::*;

    fn bytes(length: usize, seed: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 31 + seed * 7) as u8).collect()
    }

    fn as_one_by_one(inputs: &[Vec<u8>]) {
        let slices: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let expected: Vec<Hash> = slices.iter().map(|input| Hash::of(input)).collect();
        assert_eq!(hash_each(&slices), expected);
    }

    #[test]
    fn every_length_hashes_as_by_itself() {
        let inputs: Vec<Vec<u8>> = (0..3 * CHUNK).map(|length| bytes(length, length)).collect();
        as_one_by_one(&inputs);
        as_one_by_one(&[]);
    }

    #[test]
    fn any_number_of_inputs_of_one_length() {
        for count in 0..40 {
            let inputs: Vec<Vec<u8>> = (0..count).map(|seed| bytes(5 * BLOCK + 1, seed)).collect();
            as_one_by_one(&inputs);
        }
    }

    proptest! {
        #[test]
        fn mixed_inputs(inputs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1500), 0..60)) {
            as_one_by_one(&inputs);
        }
    }
}
