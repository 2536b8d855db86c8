//! Typed columns from a summary: the lattice of docs/types.md.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::node::{MAX_DEPTH, NONE, Node, NodeId, ROOT};
use super::stats::{Stats, format, key_mark, value_mark};
use super::summary::Summary;
use super::types::{Column, ColumnSource, DataType, Field, SYSTEM_COLUMNS, Schema};

/// Collections with more keys than this get one JSON column.
const MAX_COLUMNS: usize = 4_096;

/// Nested objects with more keys than this are a MAP, where each object has few of them.
const MAP_KEYS: usize = 200;

/// The largest integer of 38 digits: Arrow's decimals hold no more.
const MAX_HUGEINT: i128 = 10i128.pow(38) - 1;

/// The greatest number of notes of one column.
const MAX_NOTES: usize = 8;

/// The typed columns of the records that `summary` describes.
pub fn to_columns(summary: &Summary) -> Schema {
    let root = summary.node(ROOT);
    let rows = summary.rows();
    if root.value != NONE || root.fields.len() > MAX_COLUMNS {
        let note = format!(
            "the records have more than {MAX_COLUMNS} different keys, too many for columns"
        );
        let column = Column {
            name: "value".to_owned(),
            source: ColumnSource::Record,
            data_type: DataType::Json,
            values: rows.saturating_sub(root.stats.nulls),
            nulls: root.stats.nulls,
            missing: 0,
            notes: vec![note],
            unique: false,
        };
        return Schema {
            columns: vec![column],
            rows,
        };
    }
    let mut fields: Vec<NodeId> = root.fields.ids().collect();
    fields.sort_by(|a, b| by_place(summary.node(*a), summary.node(*b)));
    let mut names = names(summary, &fields);
    let unique = unique_keys(summary);
    let mut columns: Vec<Column> = Vec::with_capacity(fields.len() + 1);
    for (field, name) in fields.iter().zip(names.of_fields.drain(..)) {
        let node = summary.node(*field);
        let mut notes = Notes::default();
        notes.list.extend(name.note);
        let data_type = infer(summary, *field, "", &mut notes);
        let total = node.stats.total();
        columns.push(Column {
            name: name.name,
            source: ColumnSource::Key(node.key.clone()),
            data_type,
            values: total.saturating_sub(node.stats.nulls),
            nulls: node.stats.nulls,
            missing: rows.saturating_sub(total),
            notes: notes.list,
            unique: unique.contains(field),
        });
    }
    // Counts saturate, so that those of a decoded summary need not add up.
    let others = rows.saturating_sub(root.stats.objects);
    if others > 0 {
        columns.push(Column {
            name: names.free("value"),
            source: ColumnSource::NonObject,
            data_type: DataType::Json,
            values: others.saturating_sub(root.stats.nulls),
            nulls: root.stats.nulls,
            missing: root.stats.objects,
            notes: vec!["holds the records that are no objects".to_owned()],
            unique: false,
        });
    }
    Schema { columns, rows }
}

/// Orders by mean position, then by key. Cross-multiplied, so that it is exact.
fn by_place(a: &Node, b: &Node) -> Ordering {
    let mean = |of: &Node, other: &Node| u128::from(of.order) * u128::from(other.stats.total());
    mean(a, b).cmp(&mean(b, a)).then_with(|| a.key.cmp(&b.key))
}

struct Name {
    name: String,
    note: Option<String>,
}

struct Names {
    of_fields: Vec<Name>,
    taken: HashSet<String>,
}

impl Names {
    /// `base`, or with the first number that makes it free.
    fn free(&mut self, base: &str) -> String {
        let mut name = base.to_owned();
        let mut number = 0u64;
        while !self.taken.insert(name.to_ascii_lowercase()) {
            number += 1;
            name = format!("{base}_{number}");
        }
        name
    }
}

/// Names of the columns of `fields`. A key is the name where SQL allows it; of keys that differ only in case, the one
/// in most rows keeps its name.
fn names(summary: &Summary, fields: &[NodeId]) -> Names {
    let taken = SYSTEM_COLUMNS
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    let mut names = Names {
        of_fields: Vec::with_capacity(fields.len()),
        taken,
    };
    let mut by_rows: Vec<(usize, NodeId)> = fields.iter().copied().enumerate().collect();
    by_rows.sort_by_key(|(_, id)| std::cmp::Reverse(summary.node(*id).stats.total()));
    let mut own: HashMap<usize, String> = HashMap::new();
    for (place, id) in by_rows {
        if let Some(name) = plain_name(&summary.node(id).key)
            && names.taken.insert(name.to_ascii_lowercase())
        {
            own.insert(place, name.to_owned());
        }
    }
    for (place, id) in fields.iter().enumerate() {
        let name = own.remove(&place).map_or_else(
            || {
                let shown = shown_key(&summary.node(*id).key);
                let base = if shown.is_empty() {
                    "empty_key"
                } else {
                    &shown
                };
                Name {
                    name: names.free(base),
                    note: Some(format!("renamed from \"{shown}\"")),
                }
            },
            |name| Name { name, note: None },
        );
        names.of_fields.push(name);
    }
    names
}

/// The key as a name, where it is one: not empty, without U+0000 and lone surrogates.
fn plain_name(key: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(key).ok()?;
    (!name.is_empty() && !name.contains('\0')).then_some(name)
}

/// The key for display: lone surrogates as escapes, U+0000 as its symbol.
fn shown_key(key: &[u8]) -> String {
    let mut shown = String::new();
    let mut rest = key;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\0', "\u{2400}");
    let surrogate = |bytes: &[u8]| matches!(bytes, [0xED, 0xA0..=0xBF, _]);
    while let Some(at) = rest.windows(3).position(surrogate) {
        let (before, from) = rest.split_at(at);
        shown.push_str(&text(before));
        if let [_, middle, last, after @ ..] = from {
            let unit = 0xD000 | u32::from(middle & 0x3F) << 6 | u32::from(last & 0x3F);
            shown.extend([format!("\\u{unit:04x}")]);
            rest = after;
        }
    }
    shown + &text(rest)
}

/// Top-level keys that occur at no other path and that a search for their bytes finds; see [`Column::unique`].
fn unique_keys(summary: &Summary) -> HashSet<NodeId> {
    if summary.key_marks & (key_mark::ESCAPED_KEY | key_mark::HIDDEN_KEY) != 0
        || summary.collapsed()
    {
        return HashSet::new();
    }
    let mut paths: HashMap<&[u8], (u32, NodeId)> = HashMap::new();
    let mut open = vec![ROOT];
    while let Some(id) = open.pop() {
        let node = summary.node(id);
        for field in node.fields.ids() {
            paths
                .entry(&summary.node(field).key)
                .or_insert((0, field))
                .0 += 1;
            open.push(field);
        }
        open.extend((node.element != NONE).then_some(node.element));
    }
    // Between two strings stand blanks and one of these bytes. A key that starts with one could be found there.
    let findable = |key: &[u8]| {
        !matches!(
            key.trim_ascii_start().first(),
            None | Some(b',' | b':' | b']' | b'}')
        )
    };
    let alone = paths.iter().filter(|(key, (count, field))| {
        *count == 1 && summary.node(*field).parent == ROOT && findable(key)
    });
    alone.map(|(_, (_, field))| *field).collect()
}

#[derive(Default)]
struct Notes {
    list: Vec<String>,
}

impl Notes {
    fn add(&mut self, path: &str, note: &str) {
        if self.list.len() < MAX_NOTES {
            self.list.push(if path.is_empty() {
                note.to_owned()
            } else {
                format!("{path}: {note}")
            });
        }
    }
}

/// The type of the values of `id`, whose path in its column is `path`. Recurses into at most `MAX_DEPTH` levels.
fn infer(summary: &Summary, id: NodeId, path: &str, notes: &mut Notes) -> DataType {
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
        ["arrays"] => array(summary, node, path, notes),
        ["objects"] => object(summary, id, path, notes),
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

fn array(summary: &Summary, node: &Node, path: &str, notes: &mut Notes) -> DataType {
    if node.depth >= MAX_DEPTH {
        notes.add(path, "nested too deeply for types");
        return DataType::Json;
    }
    if node.element == NONE {
        notes.add(path, "only empty arrays so far");
        return DataType::List(Box::new(DataType::Json));
    }
    DataType::List(Box::new(infer(
        summary,
        node.element,
        &format!("{path}[]"),
        notes,
    )))
}

fn object(summary: &Summary, id: NodeId, path: &str, notes: &mut Notes) -> DataType {
    let node = summary.node(id);
    if node.depth >= MAX_DEPTH {
        notes.add(path, "nested too deeply for types");
        return DataType::Json;
    }
    if node.value != NONE {
        return map(summary, node.value, path, notes);
    }
    let fields = node.fields.len();
    if fields == 0 {
        notes.add(path, "only empty objects so far");
        return DataType::Json;
    }
    if fields > MAP_KEYS {
        let filled = node
            .fields
            .ids()
            .map(|field| u128::from(summary.node(field).stats.total()))
            .sum::<u128>();
        if filled * 10 < u128::from(node.stats.objects) * fields as u128 {
            return map(&summary.values_of(id), ROOT, path, notes);
        }
    }
    let mut fields: Vec<NodeId> = node.fields.ids().collect();
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
            data_type: infer(summary, field, &below, notes),
        });
    }
    DataType::Struct(typed)
}

/// The type of an object with very many keys, whose values are all in the node `values`.
fn map(summary: &Summary, values: NodeId, path: &str, notes: &mut Notes) -> DataType {
    if summary.key_marks & key_mark::SURROGATE_KEY != 0 {
        notes.add(
            path,
            "very many keys, and somewhere keys with lone surrogates",
        );
        return DataType::Json;
    }
    match infer(
        summary,
        values,
        &format!("{path}{{}}"),
        &mut Notes::default(),
    ) {
        DataType::Json => {
            notes.add(path, "very many keys with values of different kinds");
            DataType::Json
        }
        value => DataType::Map(Box::new(value)),
    }
}
