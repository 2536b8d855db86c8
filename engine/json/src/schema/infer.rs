//! The types of values: the lattice of docs/types.md.

use std::collections::HashSet;

use super::names::plain_name;
use super::node::{MAX_DEPTH, NONE, Node, NodeId, ROOT, by_place};
use super::settings::Settings;
use super::stats::{Stats, format, key_mark, value_mark};
use super::summary::Summary;
use super::types::{DataType, Field, Step};

/// Nested objects with more keys than this are a MAP, where each object has few of them.
const MAP_KEYS: usize = 200;

/// The largest integer of 38 digits: Arrow's decimals hold no more.
const MAX_HUGEINT: i128 = 10i128.pow(38) - 1;

/// The name of the column or field of the keys that have none of their own.
pub(super) const REST: &str = "other_keys";

/// The greatest number of notes of one column.
const MAX_NOTES: usize = 8;

/// Notes for the user about one column.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) list: Vec<String>,
}

impl Notes {
    pub(super) fn add(&mut self, path: &str, note: &str) {
        if self.list.len() < MAX_NOTES {
            self.list.push(if path.is_empty() {
                note.to_owned()
            } else {
                format!("{path}: {note}")
            });
        }
    }
}

/// The type of the values of the column of the key `id`.
pub(super) fn infer_column(
    summary: &Summary,
    settings: &Settings,
    id: NodeId,
    notes: &mut Notes,
) -> DataType {
    let mut place = Place {
        settings,
        steps: vec![Step::Key(summary.node(id).key.clone())],
    };
    infer(summary, id, "", &mut place, notes)
}

/// Where in a record a value stands, for the types declared there.
struct Place<'a> {
    settings: &'a Settings,
    /// Empty where no type can be declared: in a MAP.
    steps: Vec<Step>,
}

impl Place<'_> {
    /// Calls `infer` one step further in.
    fn inside(&mut self, step: Step, infer: impl FnOnce(&mut Self) -> DataType) -> DataType {
        let known = !self.steps.is_empty();
        if known {
            self.steps.push(step);
        }
        let data_type = infer(self);
        if known {
            self.steps.pop();
        }
        data_type
    }
}

/// The type of the values of `id`, whose path in its column is `path`. Recurses into at most `MAX_DEPTH` levels.
fn infer(
    summary: &Summary,
    id: NodeId,
    path: &str,
    place: &mut Place<'_>,
    notes: &mut Notes,
) -> DataType {
    if let Some(declaration) = place.settings.declared_at(&place.steps) {
        notes.add(path, &declaration.note());
        return declaration.data_type.clone();
    }
    let node = summary.node(id);
    let stats = &node.stats;
    let kinds: Vec<&str> = [
        ("booleans", stats.bools),
        ("numbers", stats.ints.saturating_add(stats.floats)),
        ("strings", stats.strings),
        ("arrays", stats.arrays),
        ("objects", stats.objects),
    ]
    .into_iter()
    .filter_map(|(kind, count)| (count > 0).then_some(kind))
    .collect();
    if node.duplicates > 0 {
        notes.add(
            path,
            "the key stands more than once in some objects; the first counts",
        );
    }
    match kinds.as_slice() {
        [] => {
            notes.add(path, "only nulls so far");
            DataType::Json
        }
        ["booleans"] => DataType::Boolean,
        ["numbers"] => number(stats, path, notes),
        ["strings"] => string(stats, path, notes),
        ["arrays"] => array(summary, node, path, place, notes),
        ["objects"] => object(summary, id, path, place, notes),
        mixed => {
            notes.add(path, &format!("mixed kinds: {}", mixed.join(", ")));
            DataType::Json
        }
    }
}

fn number(stats: &Stats, path: &str, notes: &mut Notes) -> DataType {
    let marked = |mark: u8| stats.marks & mark != 0;
    if marked(value_mark::BEYOND)
        || stats.max > MAX_HUGEINT
        || (stats.ints > 0 && stats.min < -MAX_HUGEINT)
    {
        notes.add(path, "integers of more than 38 digits");
        return DataType::Json;
    }
    if stats.floats > 0 {
        if marked(value_mark::OUT_OF_RANGE) {
            notes.add(path, "numbers too large or too small for DOUBLE");
            return DataType::Json;
        }
        if marked(value_mark::INEXACT) {
            notes.add(path, "fractions and integers that are not exact as DOUBLE");
            return DataType::Json;
        }
        if marked(value_mark::ROUNDED) {
            notes.add(
                path,
                "some numbers have more than the 17 digits DOUBLE keeps; _json has them all",
            );
        }
        return DataType::Double;
    }
    if stats.min >= i64::MIN.into() && stats.max <= i64::MAX.into() {
        DataType::BigInt
    } else if stats.min >= 0 && stats.max <= u64::MAX.into() {
        DataType::UBigInt
    } else {
        DataType::HugeInt
    }
}

fn string(stats: &Stats, path: &str, notes: &mut Notes) -> DataType {
    if stats.marks & value_mark::SURROGATE != 0 {
        notes.add(
            path,
            "strings with lone surrogates, which are not Unicode text",
        );
        return DataType::Json;
    }
    if stats.marks & value_mark::NUL != 0 {
        notes.add(path, "strings with the character U+0000");
    }
    match stats.formats {
        format::DATE => DataType::Date,
        format::NAIVE => DataType::Timestamp,
        format::ZONED => {
            if stats.marks & value_mark::OFFSET != 0 {
                notes.add(
                    path,
                    "times of several zones, shown as instants; _json has the zones",
                );
            }
            DataType::TimestampTz
        }
        _ => DataType::Varchar,
    }
}

fn array(
    summary: &Summary,
    node: &Node,
    path: &str,
    place: &mut Place<'_>,
    notes: &mut Notes,
) -> DataType {
    if node.depth >= MAX_DEPTH {
        notes.add(path, "nested too deeply for types");
        return DataType::Json;
    }
    if node.element == NONE {
        notes.add(path, "only empty arrays so far");
        return DataType::List(Box::new(DataType::Json));
    }
    let below = format!("{path}[]");
    let element = place.inside(Step::Element, |place| {
        infer(summary, node.element, &below, place, notes)
    });
    DataType::List(Box::new(element))
}

fn object(
    summary: &Summary,
    id: NodeId,
    path: &str,
    place: &mut Place<'_>,
    notes: &mut Notes,
) -> DataType {
    let node = summary.node(id);
    if node.depth >= MAX_DEPTH {
        notes.add(path, "nested too deeply for types");
        return DataType::Json;
    }
    let seen = node.fields.ids().filter(|field| !summary.is_blank(*field));
    let mut fields: Vec<NodeId> = seen.collect();
    if fields.is_empty() && node.value == NONE {
        notes.add(path, "only empty objects so far");
        return DataType::Json;
    }
    let is_sparse = fields.len() > MAP_KEYS && {
        let filled = fields
            .iter()
            .map(|field| u128::from(summary.node(*field).stats.total()));
        filled.sum::<u128>() * 10 < u128::from(node.stats.objects) * fields.len() as u128
    };
    let has_rest = node.value != NONE || is_sparse;
    if has_rest {
        fields = summary.frequent_fields(id, |_| false);
        fields.retain(|field| !summary.is_blank(*field));
        if fields.is_empty() {
            return map(&summary.values_of(id), ROOT, path, place, notes);
        }
    }
    fields.sort_by(|a, b| by_place(summary.node(*a), summary.node(*b)));
    let mut taken = HashSet::new();
    let mut typed = Vec::with_capacity(fields.len());
    for field in fields {
        let Some(name) = plain_name(&summary.node(field).key) else {
            notes.add(path, "a key that no field can be named by");
            return DataType::Json;
        };
        if !taken.insert(name.to_ascii_lowercase()) {
            notes.add(path, &format!("keys that differ only in case: \"{name}\""));
            return DataType::Json;
        }
        let below = if path.is_empty() {
            format!(".{name}")
        } else {
            format!("{path}.{name}")
        };
        typed.push(Field {
            name: name.to_owned(),
            data_type: place.inside(Step::Key(summary.node(field).key.clone()), |place| {
                infer(summary, field, &below, place, notes)
            }),
            rest: false,
        });
    }
    if has_rest {
        let mut name = REST.to_owned();
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        notes.add(
            path,
            &format!("very many keys: those that most objects lack are in the field {name}"),
        );
        typed.push(Field {
            name,
            data_type: DataType::Json,
            rest: true,
        });
    }
    DataType::Struct(typed)
}

/// The type of an object with very many keys, whose values are all in the node `values`.
fn map(
    summary: &Summary,
    values: NodeId,
    path: &str,
    place: &Place<'_>,
    notes: &mut Notes,
) -> DataType {
    if summary.key_marks & key_mark::SURROGATE_KEY != 0 {
        notes.add(
            path,
            "very many keys, and somewhere keys with lone surrogates",
        );
        return DataType::Json;
    }
    let mut nowhere = Place {
        settings: place.settings,
        steps: Vec::new(),
    };
    match infer(
        summary,
        values,
        &format!("{path}{{}}"),
        &mut nowhere,
        &mut Notes::default(),
    ) {
        DataType::Json => {
            notes.add(path, "very many keys with values of different kinds");
            DataType::Json
        }
        value => DataType::Map(Box::new(value)),
    }
}
