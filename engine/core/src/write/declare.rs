//! Settings of collections: declared types, how records are stored. Types inferred anew.

use std::collections::BTreeMap;

use lakebed_format::{CatalogueRecord, CollectionId, Seq};
use lakebed_json::schema::{
    ColumnSource, DataType, Declaration, Description, SYSTEM_COLUMNS, Schema, Settings, Step,
    StoredLayout, Summary,
};

use super::Session;
use crate::catalogue::Collection;
use crate::error::{Error, ErrorKind, Result};
use crate::spelling::{closest_name, quoted};

/// A type to declare, or one to infer again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeChange {
    /// A column's name, or one followed by fields inside it: `o.price`, `items[].price`.
    pub path: String,
    /// The type and what means NULL; `None` infers the type again.
    pub declaration: Option<Declaration>,
}

/// Declares types of a collection, which is created if there is none and `create` is set.
///
/// # Errors
/// `CollectionNotFound`; `InvalidArgument` for a column or field that the collection does not have.
pub(crate) fn declare(
    session: &mut Session<'_>,
    name: &str,
    changes: &[TypeChange],
    create: bool,
) -> Result<()> {
    if create {
        session.collection(name)?;
    }
    let snapshot = session.snapshot();
    let collection = snapshot.named(name)?;
    let schema = snapshot.committed.context.schema(collection)?;
    let mut settings = snapshot.settings(name)?;
    let before = settings.clone();
    for change in changes {
        let path = path_of(&schema, collection, &change.path, &settings, create)?;
        let outer = settings
            .declared()
            .find(|(known, _)| known.len() < path.len() && path.starts_with(known));
        if outer.is_some() {
            return Err(invalid(format!(
                "The type of {} is declared as a whole for its column: declare that anew, or let it be inferred first.",
                change.path
            )));
        }
        if change.declaration.is_some()
            && let [Step::Key(key)] = path.as_slice()
            && let Some(column) = schema
                .columns
                .iter()
                .find(|column| column.source == ColumnSource::Key(key.clone()))
            && column.name.as_bytes() != &**key
        {
            settings.name_key(key, &column.name);
        }
        settings.declare(path, change.declaration.clone());
    }
    if settings == before {
        return Ok(());
    }
    // Other types may fit.
    settings.stays_rows = 0;
    record_settings(session, collection.id, settings)
}

/// Sets how the records of a collection are stored; it is created if there is none and `create` is set.
///
/// # Errors
/// `CollectionNotFound`.
pub(crate) fn set_layout(
    session: &mut Session<'_>,
    name: &str,
    layout: StoredLayout,
    create: bool,
) -> Result<()> {
    if create {
        session.collection(name)?;
    }
    let snapshot = session.snapshot();
    let id = snapshot.named(name)?.id;
    let mut settings = snapshot.settings(name)?;
    if settings.layout == Some(layout) {
        return Ok(());
    }
    settings.layout = Some(layout);
    settings.stays_rows = 0;
    record_settings(session, id, settings)
}

/// Remembers of collections that their rows below a sequence number are unfit for columns.
///
/// # Errors
/// `Corrupt`.
pub(crate) fn remember_rows(
    session: &mut Session<'_>,
    refused: &BTreeMap<CollectionId, Seq>,
) -> Result<()> {
    // Segments were replaced, which leaves none.
    session.ensure_group()?;
    let snapshot = session.snapshot();
    for (id, end) in refused {
        let Some(collection) = snapshot.catalogue().collection(*id) else {
            continue;
        };
        let mut settings = snapshot.settings(&collection.name)?;
        if settings.stays_rows < end.0 {
            settings.stays_rows = end.0;
            record_settings(session, *id, settings)?;
        }
    }
    Ok(())
}

fn record_settings(session: &mut Session<'_>, id: CollectionId, settings: Settings) -> Result<()> {
    let description = Description {
        settings: Some(settings),
        ..Description::default()
    };
    record(session, id, description)
}

/// The layout with this name.
///
/// # Errors
/// `InvalidArgument`.
pub fn layout_named(name: &str) -> Result<StoredLayout> {
    StoredLayout::from_name(name).ok_or_else(|| {
        invalid(format!(
            "The layout is rows, columns or auto, not {name}.",
            name = quoted(name)
        ))
    })
}

/// Makes the summary of the live rows that of the collection. Declared types stay.
///
/// # Errors
/// `CollectionNotFound`, `Corrupt`, `Io`.
pub(crate) fn infer(session: &mut Session<'_>, name: &str) -> Result<()> {
    let snapshot = session.snapshot();
    let collection = snapshot.named(name)?;
    let live = snapshot.live_summary(name)?;
    let before = snapshot.committed.context.schema(collection)?;
    let mut settings = snapshot.settings(name)?;
    settings.forget_all_but(&live);
    settings.stays_rows = 0;
    settings.keep_names(&kept(&before, &live), &live);
    record(
        session,
        collection.id,
        Description {
            summary: live,
            settings: Some(settings),
            replaces: true,
        },
    )
}

/// The columns whose names stay: those of keys that live rows have. Where the record has too many keys, those with a
/// column are chosen anew.
fn kept(before: &Schema, live: &Summary) -> Schema {
    let wide = before
        .columns
        .iter()
        .any(|column| matches!(column.source, ColumnSource::Rest(_)));
    let mut kept = before.clone();
    kept.columns.retain(|column| match &column.source {
        ColumnSource::Key(key) => !wide && live.has_top_key(key),
        ColumnSource::NonObject => live.non_objects() > 0,
        _ => false,
    });
    kept
}

fn record(session: &mut Session<'_>, id: CollectionId, description: Description) -> Result<()> {
    session.record(CatalogueRecord::Schema {
        collection: id,
        summary: description.encode(),
    })
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// The steps of a path. The name of a column that is not there yet is one where `new` is set, or the collection is
/// empty.
fn path_of(
    schema: &Schema,
    collection: &Collection,
    path: &str,
    settings: &Settings,
    new: bool,
) -> Result<Vec<Step>> {
    if SYSTEM_COLUMNS
        .iter()
        .any(|own| own.eq_ignore_ascii_case(path))
    {
        return Err(invalid(format!(
            "{path} is a column of its own in every collection, and its type is fixed: only columns of the records can have a \
             declared type."
        )));
    }
    if let Some((column, inside)) = schema.resolve(path) {
        let ColumnSource::Key(key) = &column.source else {
            return Err(invalid(format!(
                "The column {path} holds what no key of the records holds, and is always JSON: no type can be declared for it."
            )));
        };
        let mut steps = vec![Step::Key(key.clone())];
        steps.extend(inside);
        return Ok(steps);
    }
    let known = |steps: &[Step]| settings.declared().any(|(path, _)| path == steps);
    let plain = vec![Step::Key(path.as_bytes().into())];
    if new || schema.rows == 0 || known(&plain) {
        return if path.is_empty() || path.contains('\0') {
            Err(invalid(
                "A type is declared for a column by its name, which is not empty.".to_owned(),
            ))
        } else {
            Ok(plain)
        };
    }
    let names = schema.columns.iter().map(|column| column.name.as_str());
    let hint = match closest_name(path, names) {
        Some(near) => format!("did you mean {near}?", near = quoted(near)),
        None => format!(
            "describe {} lists its columns and their fields.",
            collection.name
        ),
    };
    Err(invalid(format!(
        "Collection {} has no column or field {path}; {hint}",
        collection.name,
        path = quoted(path)
    )))
}

/// The declaration of a type by its name in SQL.
///
/// # Errors
/// `InvalidArgument` for a text that is no type.
pub fn declaration(path: &str, data_type: &str, nulls: Vec<String>) -> Result<Declaration> {
    let data_type: DataType = data_type.parse().map_err(|reason| {
        invalid(format!(
            "The type {data_type} of {path} cannot be read: {reason}.",
            data_type = quoted(data_type)
        ))
    })?;
    Ok(Declaration { data_type, nulls })
}
