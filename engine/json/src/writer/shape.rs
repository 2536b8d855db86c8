//! What a column holds beyond its Arrow type: the canonical extension types that have a JSON form of their own.

use arrow_schema::{DataType, Field, Fields, Schema};

use super::error::WriteError;
use crate::quoted::quoted;

const NAME: &str = "ARROW:extension:name";
const METADATA: &str = "ARROW:extension:metadata";

/// How the values of a column are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    pub(super) form: Form,
    /// Of the values inside: the fields of a struct, the item of a list, the key and the value of a map, the members of
    /// a union, the values of a dictionary.
    pub(super) children: Vec<Shape>,
}

/// How values are written whose Arrow type alone does not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// As the Arrow type says.
    #[default]
    Plain,
    /// Text that is JSON (`arrow.json`).
    Json,
    /// 16 bytes (`arrow.uuid`).
    Uuid,
    /// A byte (`arrow.bool8`).
    Bool8,
    /// 16 bytes of an integer, the least first: `DuckDB`'s HUGEINT where the connection exports types without loss.
    Signed128,
    /// The same without a sign: UHUGEINT.
    Unsigned128,
}

impl Shape {
    /// The shapes of the columns of a schema.
    pub(super) fn of_columns(schema: &Schema) -> Result<Vec<Self>, WriteError> {
        unique(schema.fields()).map_err(|name| {
            WriteError(format!(
                "Two columns are named {name}, and a JSON object has each key once; rename one of them.", name = quoted(name)))
        })?;
        schema
            .fields()
            .iter()
            .map(|field| {
                Self::of(field).map_err(|reason| {
                    WriteError(format!("Column {} {reason}", quoted(field.name())))
                })
            })
            .collect()
    }

    fn of(field: &Field) -> Result<Self, String> {
        let form = match field.metadata().get(NAME).map(String::as_str) {
            Some("arrow.json") => Form::Json,
            Some("arrow.uuid") => Form::Uuid,
            Some("arrow.bool8") => Form::Bool8,
            Some("arrow.opaque") => opaque(field)?,
            Some("arrow.parquet.variant") => return Err(unknown("VARIANT")),
            _ => Form::Plain,
        };
        let all = |fields: &Fields| fields.iter().map(|field| Self::of(field)).collect();
        let children: Result<Vec<Self>, String> = match field.data_type() {
            DataType::Struct(fields) => {
                unique(fields).map_err(|name| {
                    format!(
                        "has two fields named {name}, and a JSON object has each key once; rename one of them.", name = quoted(name))
                })?;
                all(fields)
            }
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _) => Ok(vec![Self::of(item)?]),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) => all(fields),
                _ => Ok(Vec::new()),
            },
            DataType::Union(fields, _) => fields.iter().map(|(_, field)| Self::of(field)).collect(),
            DataType::RunEndEncoded(_, values) => Ok(vec![Self::of(values)?]),
            _ => Ok(Vec::new()),
        };
        Ok(Self {
            form,
            children: children?,
        })
    }

    /// Says that the values at a path of positions from here are JSON.
    pub(super) fn set_json(&mut self, path: &[usize]) {
        match path.split_first() {
            None => self.form = Form::Json,
            Some((&first, rest)) => {
                if let Some(child) = self.children.get_mut(first) {
                    child.set_json(rest);
                }
            }
        }
    }

    /// The shape of the values inside.
    pub(super) fn child(&self, at: usize) -> &Self {
        static PLAIN: Shape = Shape {
            form: Form::Plain,
            children: Vec::new(),
        };
        self.children.get(at).unwrap_or(&PLAIN)
    }
}

/// A name that two fields share, as an error.
fn unique(fields: &Fields) -> Result<(), &str> {
    let mut names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find_map(|pair| match pair {
        [one, other] if one == other => Some(*one),
        _ => None,
    }) {
        Some(name) => Err(name),
        None => Ok(()),
    }
}

/// The form of a type that Arrow does not know, by its name in the system it comes from.
fn opaque(field: &Field) -> Result<Form, String> {
    let name = field
        .metadata()
        .get(METADATA)
        .and_then(|text| text.split_once("\"type_name\""))
        .and_then(|(_, rest)| rest.split('"').nth(1))
        .unwrap_or("opaque");
    match name {
        "hugeint" => Ok(Form::Signed128),
        "uhugeint" => Ok(Form::Unsigned128),
        other => Err(unknown(&other.to_uppercase())),
    }
}

fn unknown(name: &str) -> String {
    format!("has the type {name}, which has no JSON form; CAST it AS VARCHAR first.")
}
