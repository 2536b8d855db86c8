//! Typed columns from a summary and from what is fixed of them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::infer::{Notes, REST, infer_column};
use super::names::{NamedKey, names};
use super::node::{MAX_COLUMNS, NONE, NodeId, ROOT, by_place};
use super::settings::{Named, Settings};
use super::stats::key_mark;
use super::summary::Summary;
use super::types::{Column, ColumnSource, DataType, Schema};

/// The typed columns of the records that `summary` describes.
pub fn to_columns(summary: &Summary, settings: &Settings) -> Schema {
    columns_of(summary, settings, &BTreeSet::new())
}

/// As [`to_columns`]; `admitted` are keys that get a column although `settings` leaves them without.
pub(super) fn columns_of(
    summary: &Summary,
    settings: &Settings,
    admitted: &BTreeSet<Box<[u8]>>,
) -> Schema {
    let root = summary.node(ROOT);
    let rows = summary.rows();
    let all = summary.top_keys().count();
    let is_wide = settings.names.contains_key(&Named::Rest) || summary.is_wide();
    let mut fields: Vec<NodeId> = if is_wide {
        chosen_fields(summary, settings, admitted)
    } else {
        root.fields.ids().collect()
    };
    fields.retain(|field| !summary.is_blank(*field));
    fields.sort_by(|a, b| by_place(summary.node(*a), summary.node(*b)));
    let shown: HashSet<&[u8]> = fields
        .iter()
        .map(|field| &*summary.node(*field).key)
        .collect();
    let absent: Vec<(&[u8], DataType, String)> = settings
        .declared_keys()
        .filter(|(key, _)| !shown.contains(key))
        .map(|(key, declaration)| (key, declaration.data_type.clone(), declaration.note()))
        .collect();
    let of_fields = fields.iter().map(|field| {
        let node = summary.node(*field);
        NamedKey {
            key: &node.key,
            rows: node.stats.total(),
        }
    });
    let of_absent = absent.iter().map(|(key, _, _)| NamedKey { key, rows: 0 });
    let keys: Vec<NamedKey<'_>> = of_fields.chain(of_absent).collect();
    let mut names = names(&keys, settings);
    let unique = unique_keys(summary);
    let mut columns: Vec<Column> = Vec::with_capacity(keys.len() + 2);
    let mut given = names.of_keys.split_off(0).into_iter();
    for (field, name) in fields.iter().zip(&mut given) {
        let node = summary.node(*field);
        let mut notes = Notes::default();
        notes.list.extend(name.note);
        let data_type = infer_column(summary, settings, *field, &mut notes);
        let total = node.stats.total();
        columns.push(Column {
            name: name.name,
            source: ColumnSource::Key(node.key.clone()),
            data_type,
            values: total.saturating_sub(node.stats.nulls),
            nulls: node.stats.nulls,
            missing: rows.saturating_sub(total),
            notes: notes.list,
            unique: unique.columns.contains(field),
            declared: settings.declared_in(&node.key),
            misfits: 0,
        });
    }
    for ((key, data_type, note), name) in absent.iter().zip(given) {
        columns.push(Column {
            name: name.name,
            source: ColumnSource::Key((*key).into()),
            data_type: data_type.clone(),
            values: 0,
            nulls: 0,
            missing: rows,
            notes: name.note.into_iter().chain([note.clone()]).collect(),
            unique: false,
            declared: settings.declared_in(key),
            misfits: 0,
        });
    }
    if is_wide {
        let known = keys.iter().map(|key| key.key.into()).collect();
        columns.push(rest_column(
            summary,
            names.other(settings, &Named::Rest, REST),
            known,
            all.saturating_sub(fields.len()),
        ));
    }
    let others = summary.non_objects();
    if others > 0 {
        columns.push(Column {
            name: names.other(settings, &Named::NonObject, "value"),
            source: ColumnSource::NonObject,
            data_type: DataType::Json,
            values: others.saturating_sub(root.stats.nulls),
            nulls: root.stats.nulls,
            missing: root.stats.objects,
            notes: vec!["holds the records that are no objects".to_owned()],
            unique: false,
            declared: Vec::new(),
            misfits: 0,
        });
    }
    Schema {
        columns,
        rows,
        unique_paths: unique.paths,
    }
}

/// The column of the keys that have none of their own: those that are not in `known`. `hidden` are the keys of the
/// summary among them; where the record collapsed, there are others.
fn rest_column(
    summary: &Summary,
    name: String,
    known: BTreeSet<Box<[u8]>>,
    hidden: usize,
) -> Column {
    let root = summary.node(ROOT);
    let count = match root.value {
        NONE => hidden.to_string(),
        _ => "all".to_owned(),
    };
    let note = format!(
        "holds the {count} keys that have no column of their own, as one object: the records have more than {MAX_COLUMNS} different \
         keys"
    )
    .replace("the all keys", "all keys");
    Column {
        name,
        data_type: DataType::Json,
        // Which records have such a key is not known without reading them.
        values: root.stats.objects,
        nulls: 0,
        missing: summary.non_objects(),
        source: ColumnSource::Rest(Arc::new(known)),
        notes: vec![note],
        unique: false,
        declared: Vec::new(),
        misfits: 0,
    }
}

/// The fields that have a column where the records have too many keys: those whose name is fixed, and those that are
/// admitted. Where nothing is fixed yet, those in most rows.
fn chosen_fields(
    summary: &Summary,
    settings: &Settings,
    admitted: &BTreeSet<Box<[u8]>>,
) -> Vec<NodeId> {
    let keeps =
        |key: &[u8]| settings.names.contains_key(&Named::Key(key.into())) || admitted.contains(key);
    let mut chosen: Vec<NodeId> = summary
        .node(ROOT)
        .fields
        .ids()
        .filter(|field| keeps(&summary.node(*field).key))
        .collect();
    if !settings.names.contains_key(&Named::Rest) {
        // One column is for the rest, and one for records that are no objects.
        let room = (MAX_COLUMNS - 2).saturating_sub(chosen.len());
        chosen.extend(frequent_in_rows(summary, keeps).take(room));
    }
    chosen
}

/// The fields of the record that get a column although there are too many: those in many rows, and in more than one, so
/// that a single record with very many keys takes no column that later rows need. Those in most rows first.
pub(super) fn frequent_in_rows(
    summary: &Summary,
    skip: impl Fn(&[u8]) -> bool,
) -> impl Iterator<Item = NodeId> {
    let fields = summary.frequent_fields(ROOT, skip).into_iter();
    fields.filter(|field| summary.node(*field).stats.total() > 1)
}

/// Keys that occur at no other path and that a search for their bytes finds; see [`Column::unique`].
#[derive(Default)]
struct UniqueKeys {
    /// Those of the record.
    columns: HashSet<NodeId>,
    /// Those inside objects that are in no array, by their path.
    paths: BTreeSet<Vec<Box<[u8]>>>,
}

fn unique_keys(summary: &Summary) -> UniqueKeys {
    if summary.key_marks & (key_mark::ESCAPED_KEY | key_mark::HIDDEN_KEY) != 0
        || summary.collapsed()
    {
        return UniqueKeys::default();
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
    let mut unique = UniqueKeys::default();
    for (key, (count, field)) in paths {
        if count != 1 || !findable(key) {
            continue;
        }
        if summary.node(field).parent == ROOT {
            unique.columns.insert(field);
        } else {
            unique.paths.extend(path_of(summary, field));
        }
    }
    unique
}

/// The keys from the record to a field; `None` where an array is between them.
fn path_of(summary: &Summary, field: NodeId) -> Option<Vec<Box<[u8]>>> {
    let mut path = Vec::new();
    let mut id = field;
    while id != ROOT {
        let node = summary.node(id);
        if summary.node(node.parent).element == id {
            return None;
        }
        path.push(node.key.clone());
        id = node.parent;
    }
    path.reverse();
    Some(path)
}
