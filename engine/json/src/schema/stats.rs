//! Statistics of the values of one path. Each is a sum, a minimum, a maximum or a set of marks, so merging is
//! associative and commutative.

/// Marks of a path: properties of at least one of its values.
pub(super) mod value_mark {
    /// An integer outside the signed 128-bit range.
    pub(crate) const BEYOND: u8 = 1;
    /// An integer that no double equals.
    pub(crate) const INEXACT: u8 = 2;
    /// A number with fraction or exponent whose nearest double is infinite, or zero although the number is not.
    pub(crate) const OUT_OF_RANGE: u8 = 4;
    /// A number with fraction or exponent and more than 17 significant digits.
    pub(crate) const ROUNDED: u8 = 8;
    /// A string with a lone surrogate.
    pub(crate) const SURROGATE: u8 = 16;
    /// A string with U+0000.
    pub(crate) const NUL: u8 = 32;
    /// A zoned timestamp that is not in UTC.
    pub(crate) const OFFSET: u8 = 64;
    pub(crate) const ALL: u8 = 127;
}

/// Marks of a whole summary: properties of at least one of its keys.
pub(super) mod key_mark {
    /// A key written with an escape.
    pub(crate) const ESCAPED_KEY: u8 = 1;
    /// A key with a lone surrogate.
    pub(crate) const SURROGATE_KEY: u8 = 2;
    /// A key inside a value that has no node: nested too deeply, or of a repeated key.
    pub(crate) const HIDDEN_KEY: u8 = 4;
    pub(crate) const ALL: u8 = 7;
}

/// The formats that all strings of a path have; every format while there is no string.
pub(super) mod format {
    pub(crate) const DATE: u8 = 1;
    pub(crate) const NAIVE: u8 = 2;
    pub(crate) const ZONED: u8 = 4;
    pub(crate) const ALL: u8 = 7;
}

/// Counts, ranges, marks and formats of the values of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stats {
    pub(super) nulls: u64,
    pub(super) bools: u64,
    pub(super) ints: u64,
    pub(super) floats: u64,
    pub(super) strings: u64,
    pub(super) objects: u64,
    pub(super) arrays: u64,
    /// The smallest integer of at most 128 bits; above `max` while there is none.
    pub(super) min: i128,
    /// The largest one.
    pub(super) max: i128,
    /// See [`value_mark`].
    pub(super) marks: u8,
    /// See [`mod@format`].
    pub(super) formats: u8,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            nulls: 0,
            bools: 0,
            ints: 0,
            floats: 0,
            strings: 0,
            objects: 0,
            arrays: 0,
            min: i128::MAX,
            max: i128::MIN,
            marks: 0,
            formats: format::ALL,
        }
    }
}

impl Stats {
    /// Adds the values that `other` describes.
    pub(super) fn merge(&mut self, other: &Self) {
        let add = |to: &mut u64, from: u64| *to = to.saturating_add(from);
        add(&mut self.nulls, other.nulls);
        add(&mut self.bools, other.bools);
        add(&mut self.ints, other.ints);
        add(&mut self.floats, other.floats);
        add(&mut self.strings, other.strings);
        add(&mut self.objects, other.objects);
        add(&mut self.arrays, other.arrays);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.marks |= other.marks;
        self.restrict_formats(other.formats);
    }

    /// Keeps the formats that are also in `formats`. The mark about zones is kept only while all strings have a zone,
    /// so that it does not depend on the order of the strings.
    #[inline]
    pub(super) fn restrict_formats(&mut self, formats: u8) {
        self.formats &= formats;
        if self.formats & format::ZONED == 0 {
            self.marks &= !value_mark::OFFSET;
        }
    }

    /// The number of values of any kind, nulls included.
    pub(super) fn total(&self) -> u64 {
        [
            self.nulls,
            self.bools,
            self.ints,
            self.floats,
            self.strings,
            self.objects,
            self.arrays,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}
