//! Chooses the spellers of leaves: those that spell most values of a sample.

use super::doubles::{DoubleStyle, MOST_DIGITS};
use super::spellers::{LeafValue, Speller, Spellers};
use super::strings::{Escapes, Votes};
use super::times::{Fraction, TimeStyle, minutes_of, zone_of};
use crate::shapes::leaves::{LeafKind, Leaves};

/// What the values of a sample have shown.
#[derive(Debug)]
pub(in crate::shapes) struct Trial {
    of_leaf: Vec<Shown>,
}

#[derive(Debug)]
enum Shown {
    /// One way to spell it.
    Nothing,
    Doubles(Vec<(DoubleStyle, u32)>),
    Texts(Votes),
    /// With their number; of the fraction only the digits are known yet.
    Times(Vec<(TimeStyle, u32)>),
}

/// The most styles that the trial of a leaf counts.
const MOST_STYLES: usize = 64;

/// The most values that the trial of a leaf spells in every style.
const MOST_VALUES: u32 = 2000;

impl Trial {
    pub(in crate::shapes) fn new(leaves: &Leaves) -> Self {
        let of_leaf = leaves.leaves().iter().map(|leaf| match leaf.kind {
            LeafKind::Double => {
                Shown::Doubles(DoubleStyle::shortest().map(|style| (style, 0)).collect())
            }
            LeafKind::Varchar => Shown::Texts(Votes::default()),
            LeafKind::Timestamp | LeafKind::TimestampTz => Shown::Times(Vec::new()),
            _ => Shown::Nothing,
        });
        Self {
            of_leaf: of_leaf.collect(),
        }
    }

    /// Takes a value of a leaf and its text, without quotes.
    pub(in crate::shapes) fn observe(&mut self, leaf: usize, raw: &[u8], value: LeafValue<'_>) {
        match (self.of_leaf.get_mut(leaf), value) {
            (Some(Shown::Doubles(styles)), LeafValue::Double(value)) => {
                observe_double(styles, raw, value);
            }
            (Some(Shown::Texts(votes)), _) => votes.observe(raw),
            (Some(Shown::Times(styles)), LeafValue::Integer(_)) => observe_time(styles, raw),
            _ => {}
        }
    }

    /// The best spellers; `plain` where nothing was shown.
    pub(in crate::shapes) fn spellers(self, plain: Spellers) -> Spellers {
        let mut spellers = plain;
        let mut all = Votes::default();
        for shown in &self.of_leaf {
            if let Shown::Texts(votes) = shown {
                all.add(votes);
            }
        }
        for (speller, shown) in spellers.of_leaf.iter_mut().zip(self.of_leaf) {
            match (speller, shown) {
                (Speller::Double(style), Shown::Doubles(styles)) => {
                    // The first of the best: `max_by_key` gives the last.
                    if let Some((best, 1..)) = styles.iter().rev().max_by_key(|(_, hits)| *hits) {
                        *style = *best;
                    }
                }
                (Speller::Varchar(escapes), Shown::Texts(votes)) => {
                    *escapes = Escapes::of(votes.or(&all).style());
                }
                (Speller::Timestamp(style) | Speller::TimestampTz(style), Shown::Times(styles)) => {
                    *style = best_time(&styles).unwrap_or_else(|| style.clone());
                }
                _ => {}
            }
        }
        spellers
    }
}

fn observe_double(styles: &mut Vec<(DoubleStyle, u32)>, raw: &[u8], value: f64) {
    if styles.iter().any(|(_, hits)| *hits >= MOST_VALUES) {
        return;
    }
    let digits = raw
        .iter()
        .position(|byte| *byte == b'.')
        .map_or(0, |point| raw.len() - point - 1);
    if let Ok(digits @ 1..=MOST_DIGITS) = u8::try_from(digits) {
        let fixed = DoubleStyle::Fixed(digits);
        if styles.iter().all(|(style, _)| *style != fixed) {
            styles.push((fixed, 0));
        }
    }
    let mut text = Vec::with_capacity(32);
    for (style, hits) in styles {
        text.clear();
        if style.write(value, &mut text).is_some() && text == raw {
            *hits += 1;
        }
    }
}

/// The style of a timestamp, with as many digits as this one has.
fn time_style(raw: &[u8]) -> Option<TimeStyle> {
    let t = match raw.get(10)? {
        b'T' => true,
        b' ' => false,
        _ => return None,
    };
    let zone = zone_of(raw)?;
    let digits = raw.len().saturating_sub(zone.len() + 20);
    Some(TimeStyle {
        t,
        fraction: Fraction::from_byte(u8::try_from(digits).ok().filter(|digits| *digits <= 9)?)?,
        minutes: minutes_of(zone)?,
        zone: zone.into(),
    })
}

fn observe_time(styles: &mut Vec<(TimeStyle, u32)>, raw: &[u8]) {
    let Some(style) = time_style(raw) else {
        return;
    };
    // The digits that are needed decide between the ways to write them.
    let fraction = raw.get(19..).and_then(|rest| rest.strip_prefix(b"."));
    let digits = fraction.unwrap_or_default().iter();
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    let (mut length, mut last) = (0usize, 0usize);
    for digit in digits {
        length += 1;
        if *digit != b'0' {
            last = length;
        }
    }
    let ways = [
        Some(style.fraction),
        (length == last).then_some(Fraction::Trimmed),
        (length == last.next_multiple_of(3)).then_some(Fraction::Threes),
        (length == last.next_multiple_of(6)).then_some(Fraction::SixOrNone),
    ];
    for fraction in ways.into_iter().flatten() {
        let style = TimeStyle {
            fraction,
            ..style.clone()
        };
        if let Some((_, hits)) = styles.iter_mut().find(|(known, _)| *known == style) {
            *hits += 1;
        } else if styles.len() < MOST_STYLES {
            styles.push((style, 1));
        }
    }
}

fn best_time(styles: &[(TimeStyle, u32)]) -> Option<TimeStyle> {
    // The first of the best: fixed digits where others do as well.
    let best = styles.iter().rev().max_by_key(|(_, hits)| *hits)?;
    Some(best.0.clone())
}

#[cfg(test)]
mod tests {
    use super::Trial;
    use crate::schema::{Settings, Summary, to_columns, validate_and_observe};
    use crate::shapes::spell::{DoubleStyle, Fraction, Notation, Speller, TextStyle};
    use crate::shapes::{Leaves, Spellers};

    fn spellers(records: &[&str]) -> Vec<Speller> {
        let mut summary = Summary::new();
        for record in records {
            validate_and_observe(record.as_bytes(), &mut summary).unwrap();
        }
        let schema = to_columns(&summary, &Settings::default());
        let leaves = Leaves::of(&schema.columns);
        Spellers::of(&leaves, records.iter().map(|record| record.as_bytes())).of_leaf
    }

    #[test]
    fn doubles_have_the_style_of_most() {
        for (records, expected) in [
            (
                ["{\"x\":1.5}", "{\"x\":2.0}", "{\"x\":1e-05}"],
                (Notation::Python, true),
            ),
            (
                ["{\"x\":1.5}", "{\"x\":2}", "{\"x\":1e-7}"],
                (Notation::JavaScript, false),
            ),
            (
                ["{\"x\":1.0E10}", "{\"x\":2.0}", "{\"x\":0.5}"],
                (Notation::Java, true),
            ),
            (
                ["{\"x\":1e16}", "{\"x\":2.0}", "{\"x\":0.5}"],
                (Notation::Ryu, true),
            ),
        ] {
            let spellers = spellers(&records);
            let [Speller::Double(DoubleStyle::Shortest { notation, point })] = spellers.as_slice()
            else {
                panic!("{spellers:?}");
            };
            assert_eq!((*notation, *point), expected);
        }
        let spellers = spellers(&["{\"x\":1.50}", "{\"x\":2.00}", "{\"x\":0.25}"]);
        assert!(matches!(
            spellers.as_slice(),
            [Speller::Double(DoubleStyle::Fixed(2))]
        ));
    }

    #[test]
    fn timestamps_have_the_style_of_most() {
        for (times, fraction, zone) in [
            (["12:00:00.500Z", "12:00:00.000Z"], Fraction::Fixed(3), "Z"),
            (["12:00:00.5Z", "12:00:00Z"], Fraction::Trimmed, "Z"),
            (
                ["12:00:00.500000+02:00", "12:00:00+02:00"],
                Fraction::SixOrNone,
                "+02:00",
            ),
            (["12:00:00.500", "12:00:00.000250"], Fraction::Threes, ""),
            (["12:00:00", "12:00:01"], Fraction::Fixed(0), ""),
        ] {
            let records = times.map(|time| format!("{{\"x\":\"2024-02-29 {time}\"}}"));
            let spellers = spellers(&[&records[0], &records[1]]);
            let [Speller::Timestamp(style) | Speller::TimestampTz(style)] = spellers.as_slice()
            else {
                panic!("{spellers:?}");
            };
            assert_eq!(
                (style.fraction, &*style.zone, style.t),
                (fraction, zone.as_bytes(), false)
            );
        }
    }

    #[test]
    fn a_leaf_that_shows_nothing_takes_after_the_others() {
        let spellers = spellers(&["{\"x\":\"\\u00e9\",\"y\":\"a\"}"]);
        for speller in &spellers {
            let Speller::Varchar(escapes) = speller else {
                panic!("{speller:?}");
            };
            assert!(escapes.style.has(TextStyle::ASCII));
        }
        let _ = Trial::new(&Leaves::default());
    }
}
