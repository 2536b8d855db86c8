//! One call into zstd's trainer that `zstd-safe` does not offer: fastcover with a given window.
//!
//! `ZDICT_trainFromBuffer` tries five windows on three quarters of the samples and judges them by compressing the rest one by one.
//! That takes six times as long as one window on all samples, and judges what nobody does: here records are compressed in pages.
//! Measured at 25 times the dictionary's size, one window of 400 bytes makes the packages data 0.3 % smaller than its choice does,
//! and rows of 55 bytes 6 %.
#![expect(unsafe_code, reason = "a C function without a safe wrapper")]

use zstd_sys::{
    ZDICT_fastCover_params_t, ZDICT_isError, ZDICT_params_t, ZDICT_trainFromBuffer_fastCover,
};

/// Length of the substrings whose frequencies are counted.
const D: u32 = 8;
/// Base 2 logarithm of the size of the table they are counted in, 6 bytes each.
const F: u32 = 20;
/// From 1, exact, to 10, fast.
const ACCEL: u32 = 5;

/// A dictionary of at most `size` bytes from samples that lie end to end, with `lengths`. It is put together from pieces of about `window`
/// bytes. `None` when the samples are no good for that: too few, too small, too much alike.
pub(super) fn fastcover(
    samples: &[u8],
    lengths: &[usize],
    size: usize,
    window: u32,
) -> Option<Vec<u8>> {
    let count = u32::try_from(lengths.len()).ok()?;
    let total = lengths
        .iter()
        .try_fold(0_usize, |total, &length| total.checked_add(length))?;
    if total != samples.len() {
        return None;
    }
    let mut dictionary = vec![0_u8; size];
    let parameters = ZDICT_fastCover_params_t {
        k: window,
        d: D,
        f: F,
        steps: 0,
        nbThreads: 1,
        splitPoint: 1.0,
        accel: ACCEL,
        shrinkDict: 0,
        shrinkDictMaxRegression: 0,
        zParams: ZDICT_params_t {
            compressionLevel: 0,
            notificationLevel: 0,
            dictID: 0,
        },
    };
    // SAFETY: the first pointer is to `size` writable bytes; the second to as many bytes as the `count` lengths behind the third add up
    // to, which was checked. All outlive the call, which keeps none of them.
    let made = unsafe {
        ZDICT_trainFromBuffer_fastCover(
            dictionary.as_mut_ptr().cast(),
            dictionary.len(),
            samples.as_ptr().cast(),
            lengths.as_ptr(),
            count,
            parameters,
        )
    };
    // SAFETY: it only looks at its argument.
    let failed = unsafe { ZDICT_isError(made) } != 0;
    if failed || made == 0 || made > size {
        return None;
    }
    dictionary.truncate(made);
    dictionary.shrink_to_fit();
    Some(dictionary)
}
