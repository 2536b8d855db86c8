//! The values of leaves in the text of records.

use super::leaves::LeafKind;
use super::spell::LeafValue;
use crate::syntax::{Integer, fitting_double, integer, unescape_into};
use crate::time::{Moment, moment};

/// The value of a leaf in the text of a record, without quotes. Texts are unescaped into `unescaped` where they have
/// escapes. `None` where the leaf cannot have it.
pub(super) fn value_of<'a>(
    kind: LeafKind,
    raw: &'a [u8],
    escaped: bool,
    unescaped: &'a mut Vec<u8>,
) -> Option<LeafValue<'a>> {
    Some(match kind {
        LeafKind::Boolean => LeafValue::Boolean(raw == b"true"),
        LeafKind::BigInt => match integer(raw)? {
            Integer::Small(value) => LeafValue::Integer(value),
            _ => return None,
        },
        LeafKind::UBigInt => LeafValue::Unsigned(match integer(raw)? {
            Integer::Small(value) => value.try_into().ok()?,
            Integer::Large(value) => value.try_into().ok()?,
            Integer::Beyond => return None,
        }),
        LeafKind::HugeInt => LeafValue::Huge(match integer(raw)? {
            Integer::Small(value) => value.into(),
            Integer::Large(value) => value,
            Integer::Beyond => return None,
        }),
        LeafKind::Double => LeafValue::Double(fitting_double(raw)?),
        LeafKind::Varchar if escaped => {
            unescaped.clear();
            unescape_into(raw, unescaped);
            LeafValue::Text(unescaped)
        }
        LeafKind::Varchar | LeafKind::Json => LeafValue::Text(raw),
        LeafKind::Date => match moment(raw)? {
            Moment::Date(days) => LeafValue::Integer(days.into()),
            _ => return None,
        },
        LeafKind::Timestamp => match moment(raw)? {
            Moment::Naive(micros) => LeafValue::Integer(micros),
            _ => return None,
        },
        LeafKind::TimestampTz => match moment(raw)? {
            Moment::Zoned { micros, .. } => LeafValue::Integer(micros),
            _ => return None,
        },
    })
}
