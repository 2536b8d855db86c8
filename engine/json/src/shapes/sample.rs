//! Spellers from a sample of records.

use super::keys::Keys;
use super::leaves::{LeafKind, Leaves};
use super::spell::{LeafValue, Spellers, Trial};
use super::table::{Interner, Limits};
use super::text_value::value_of;
use super::walk::{Holes, Spelling, Walk, Work};

impl Spellers {
    /// The spellers that spell most values of these records, a sample of those to be written; some thousands do.
    /// Records that the leaves are not of take no part.
    pub fn of<'r>(leaves: &Leaves, records: impl IntoIterator<Item = &'r [u8]>) -> Self {
        let mut trial = Trial::new(leaves);
        observe(leaves, &mut trial, records);
        trial.spellers(Self::plain(leaves))
    }
}

/// Lets a trial see the values of a sample.
struct Observed<'a> {
    trial: &'a mut Trial,
    unescaped: Vec<u8>,
}

impl Holes for Observed<'_> {
    fn spelling(&mut self, leaf: u32, kind: LeafKind, raw: &[u8], escaped: bool) -> Spelling {
        if let Some(value) = value_of(kind, raw, escaped, &mut self.unescaped) {
            self.trial.observe(leaf as usize, raw, value);
        }
        Spelling::Same
    }

    fn spelling_of(&mut self, leaf: u32, raw: &[u8], value: LeafValue<'_>) -> Spelling {
        self.trial.observe(leaf as usize, raw, value);
        Spelling::Same
    }
}

/// Lets a trial see the values of these records.
fn observe<'r>(leaves: &Leaves, trial: &mut Trial, records: impl IntoIterator<Item = &'r [u8]>) {
    let spellers = Spellers::plain(leaves);
    let mut keys = Keys::of(leaves);
    let mut work = Work::default();
    let mut interner = Interner::new(Limits::default());
    let mut holes = Observed {
        trial,
        unescaped: Vec::new(),
    };
    for record in records {
        work.clear();
        let mut walk = Walk {
            record,
            work: &mut work,
            holes: &mut holes,
            interner: &mut interner,
            spellers: &spellers,
        };
        // A record that is to be raw has shown some values, and no more is asked of it.
        let _ = walk.record(&mut keys);
    }
}
