//! Searching sorted fingerprints that are spread evenly, because they are parts of hashes.

use crate::error::Result;

/// Steps of interpolation before halving, in case the fingerprints are not spread evenly.
const INTERPOLATIONS: usize = 8;

/// The first of `len` ranks whose fingerprint is not below `wanted`; `len` when there is none.
pub(crate) fn lower_bound(
    len: usize,
    wanted: u64,
    mut probe: impl FnMut(usize) -> Result<u64>,
) -> Result<usize> {
    // The answer is in low..=high. Everything before `low` is below `wanted`; `below` is a bound of what is at `low`,
    // `above` of what is at `high`.
    let (mut low, mut high) = (0, len);
    let (mut below, mut above) = (0_u64, u64::MAX);
    let mut steps = 0;
    while low < high {
        let span = high - low;
        let middle = if steps < INTERPOLATIONS && above > below {
            steps += 1;
            let part = u128::from(wanted.clamp(below, above) - below) * span as u128
                / (u128::from(above - below) + 1);
            low + (part as usize).min(span - 1)
        } else {
            low + span / 2
        };
        let found = probe(middle)?;
        if found < wanted {
            low = middle + 1;
            below = found;
        } else {
            high = middle;
            above = found;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_the_first_that_is_not_below(
            mut fingerprints in prop::collection::vec(prop_oneof![any::<u64>(), 0_u64..20], 0..300),
            wanted in prop_oneof![any::<u64>(), 0_u64..20],
        ) {
            fingerprints.sort_unstable();
            let found =
                lower_bound(fingerprints.len(), wanted, |rank| Ok(fingerprints[rank])).unwrap();
            prop_assert_eq!(found, fingerprints.partition_point(|f| *f < wanted));
        }
    }
}
