use proptest::prelude::*;

use super::*;

proptest! {
    /// Values that stay packed, and bits of levels, are what the decoded numbers are, of any bytes.
    #[test]
    fn packed_values_and_row_bits_are_the_decoded_ones(
        bytes in prop::collection::vec(
            prop_oneof![3 => 0_u8..8, 2 => Just(3), 1 => any::<u8>()],
            0..60,
        ),
        width in 0_u32..=32,
        count in 0_usize..300,
        start in 0_usize..3,
        highest in 1_u8..6,
    ) {
        let stored = bytes.get(start..).unwrap_or_default();
        let decoded = hybrid(stored, width, count, |value| value);
        let packed = PackedValues::new(bytes.clone(), start, width, count);
        match (&decoded, &packed) {
            (Some(values), Some(packed)) => {
                for (index, value) in values.iter().enumerate() {
                    prop_assert_eq!(packed.get(index), Some(*value));
                }
                prop_assert_eq!(packed.get(count), None);
            }
            (None, None) => {}
            _ => prop_assert!(start > bytes.len(), "only one of the two decodes"),
        }

        let levels = hybrid(&bytes, width_of(highest.into()), count, |level| level as u8);
        let levels = levels.filter(|levels| levels.iter().all(|level| *level <= highest));
        let bits = RowBits::of_levels(&bytes, count, highest);
        prop_assert_eq!(levels.is_some(), bits.is_some());
        if let (Some(levels), Some(bits)) = (levels, bits) {
            let mut before = 0;
            for (row, level) in levels.iter().enumerate() {
                prop_assert_eq!(bits.get(row), Some((before, *level == highest)));
                before += usize::from(*level == highest);
            }
            prop_assert_eq!(bits.ones(), before);
        }
    }
}

#[test]
fn packed_numbers_of_every_width_are_read() {
    for width in 1..=64_u32 {
        let mask = u64::MAX >> (64 - width);
        let numbers: Vec<u64> = (1..=40_u64)
            .map(|at| at.wrapping_mul(0x9E37_79B9_7F4A_7C15) & mask)
            .collect();
        let mut bytes = vec![0_u8; (40 * width as usize).div_ceil(8)];
        for (at, number) in numbers.iter().enumerate() {
            for bit in (0..width as usize).filter(|bit| number >> bit & 1 == 1) {
                let place = at * width as usize + bit;
                bytes[place / 8] |= 1 << (place % 8);
            }
        }
        let mut found = Vec::new();
        unpack(&bytes, width, 40, &mut |number| found.push(number)).unwrap();
        assert_eq!(found, numbers, "of {width} bits");
        assert!(unpack(&bytes, width, 48, &mut |_| ()).is_none());
    }
}
