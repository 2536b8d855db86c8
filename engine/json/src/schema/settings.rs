//! What is fixed of a collection, whatever its rows hold: names of columns that were given, declared types, and how
//! records are stored.

use std::collections::{BTreeMap, BTreeSet};

use super::bytes::{BadSummary, Input, bad, newer, varint};
use super::summary::Summary;
use super::types::{ColumnSource, DataType, Declared, Step};
use crate::quoted::quoted;

/// Without what [`WITH_LAYOUT`] adds.
const VERSION: u8 = 1;
/// How records are stored follows.
const WITH_LAYOUT: u8 = 2;

/// How the records of a collection are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredLayout {
    /// Whole, in frames.
    Rows,
    /// In Parquet files, from which they are rebuilt, where their values allow it.
    Columns,
    /// In Parquet files where that is smaller and there are enough of them, else whole.
    Auto,
}

impl StoredLayout {
    const ALL: [Self; 3] = [Self::Rows, Self::Columns, Self::Auto];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Columns => "columns",
            Self::Auto => "auto",
        }
    }

    /// The layout with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layout| layout.name() == name)
    }
}

/// A column by what it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    Key(Box<[u8]>),
    NonObject,
    Rest,
}

impl Named {
    pub(super) fn of(source: &ColumnSource) -> Option<Self> {
        match source {
            ColumnSource::Key(key) => Some(Self::Key(key.clone())),
            ColumnSource::NonObject => Some(Self::NonObject),
            ColumnSource::Rest(_) => Some(Self::Rest),
            ColumnSource::Path(_) => None,
        }
    }
}

/// The type that somebody declared for the values of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The type.
    pub data_type: DataType,
    /// Texts that stand for NULL: strings, or numbers and words as they are written.
    pub nulls: Vec<String>,
}

impl Declaration {
    /// What it means for the values, for the user.
    pub(super) fn note(&self) -> String {
        let note = "declared: what does not fit is NULL, and in _json";
        if self.nulls.is_empty() {
            return note.to_owned();
        }
        let texts: Vec<String> = self
            .nulls
            .iter()
            .map(|text| format!("{text}", text = quoted(text)))
            .collect();
        format!("{note}; {} mean NULL", texts.join(", "))
    }
}

/// What stays as it is when rows are added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Names that were given and that the rows alone would not give. While [`Named::Rest`] is among them, only the keys
    /// that are there have a column.
    pub(super) names: BTreeMap<Named, String>,
    /// Declared types by their path: a key of the record, then what leads into its value.
    declared: BTreeMap<Vec<Step>, Declaration>,
    /// How records are stored; `None` where nobody said.
    pub layout: Option<StoredLayout>,
    /// Rows with smaller sequence numbers were found unfit for columns, and stay whole unless somebody asks again.
    pub stays_rows: u64,
}

impl Settings {
    /// Whether nothing is fixed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Declared types by their path: a key of the record, then what leads into its value.
    pub fn declared(&self) -> impl Iterator<Item = (&[Step], &Declaration)> {
        self.declared
            .iter()
            .map(|(path, declaration)| (path.as_slice(), declaration))
    }

    /// The type declared for this path.
    pub(super) fn declared_at(&self, path: &[Step]) -> Option<&Declaration> {
        self.declared.get(path)
    }

    /// Declares the type of a path; `None` makes it inferred again. What was declared inside the path before is
    /// forgotten.
    pub fn declare(&mut self, path: Vec<Step>, declaration: Option<Declaration>) {
        self.declared
            .retain(|known, _| !(known.len() > path.len() && known.starts_with(&path)));
        match declaration {
            Some(declaration) => {
                self.declared.insert(path, declaration);
            }
            None => {
                self.declared.remove(&path);
            }
        }
    }

    /// The declarations for the column of a key, by the path inside it.
    pub(super) fn declared_in(&self, key: &[u8]) -> Vec<Declared> {
        let inside = self.declared.iter().filter_map(|(path, declaration)| {
            let (Step::Key(first), rest) = path.split_first()? else {
                return None;
            };
            (**first == *key).then(|| Declared {
                path: rest.to_vec(),
                nulls: declaration
                    .nulls
                    .iter()
                    .map(|text| text.as_str().into())
                    .collect(),
            })
        });
        inside.collect()
    }

    /// The keys of the record for which a type is declared as a whole.
    pub(super) fn declared_keys(&self) -> impl Iterator<Item = (&[u8], &Declaration)> {
        self.declared
            .iter()
            .filter_map(|(path, declaration)| match path.as_slice() {
                [Step::Key(key)] => Some((&**key, declaration)),
                _ => None,
            })
    }

    /// Fixes the name of a key's column.
    pub fn name_key(&mut self, key: &[u8], name: &str) {
        self.names.insert(Named::Key(key.into()), name.to_owned());
    }

    /// Forgets the names of keys that `live` has not, and which keys have a column of their own.
    pub fn forget_all_but(&mut self, live: &Summary) {
        let keys: BTreeSet<Box<[u8]>> = live.top_keys().map(Into::into).collect();
        let declared: BTreeSet<Box<[u8]>> =
            self.declared_keys().map(|(key, _)| key.into()).collect();
        let was_wide = self.names.contains_key(&Named::Rest);
        self.names.retain(|named, name| match named {
            Named::Key(key) => {
                let chosen = !was_wide || name.as_bytes() != &**key;
                (chosen && keys.contains(key)) || declared.contains(key)
            }
            Named::NonObject => live.non_objects() > 0,
            Named::Rest => false,
        });
    }

    /// Their bytes.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let has_layout = self.layout.is_some() || self.stays_rows > 0;
        out.push(if has_layout { WITH_LAYOUT } else { VERSION });
        varint(self.names.len() as u64, out);
        for (named, name) in &self.names {
            match named {
                Named::Key(key) => {
                    out.push(0);
                    block(key, out);
                }
                Named::NonObject => out.push(1),
                Named::Rest => out.push(2),
            }
            block(name.as_bytes(), out);
        }
        varint(self.declared.len() as u64, out);
        for (path, declaration) in &self.declared {
            varint(path.len() as u64, out);
            for step in path {
                match step {
                    Step::Key(key) => {
                        out.push(0);
                        block(key, out);
                    }
                    Step::Element => out.push(1),
                }
            }
            block(declaration.data_type.to_string().as_bytes(), out);
            varint(declaration.nulls.len() as u64, out);
            for text in &declaration.nulls {
                block(text.as_bytes(), out);
            }
        }
        if has_layout {
            out.push(match self.layout {
                None => 0,
                Some(StoredLayout::Rows) => 1,
                Some(StoredLayout::Columns) => 2,
                Some(StoredLayout::Auto) => 3,
            });
            varint(self.stays_rows, out);
        }
    }

    /// Reads what [`Settings::encode`] wrote.
    pub(super) fn decode(input: &mut Input<'_>) -> Result<Self, BadSummary> {
        let version = input.byte()?;
        if !matches!(version, VERSION | WITH_LAYOUT) {
            return newer("has settings of a version this program does not know; use a newer one");
        }
        let mut settings = Self::default();
        for _ in 0..input.varint()? {
            let named = match input.byte()? {
                0 => Named::Key(input.block()?.into()),
                1 => Named::NonObject,
                2 => Named::Rest,
                _ => return bad("has a name of an unknown kind"),
            };
            if settings
                .names
                .last_key_value()
                .is_some_and(|(last, _)| *last >= named)
            {
                return bad("has its names out of order");
            }
            let name = text(input)?;
            settings.names.insert(named, name);
        }
        for _ in 0..input.varint()? {
            let mut path = Vec::new();
            for _ in 0..input.varint()? {
                path.push(match input.byte()? {
                    0 => Step::Key(input.block()?.into()),
                    1 => Step::Element,
                    _ => return bad("has a step of an unknown kind"),
                });
            }
            if !matches!(path.first(), Some(Step::Key(_)))
                || settings
                    .declared
                    .last_key_value()
                    .is_some_and(|(last, _)| *last >= path)
            {
                return bad("has its declared types out of order");
            }
            let Ok(data_type) = text(input)?.parse() else {
                return bad("has a declared type that cannot be read");
            };
            let mut nulls = Vec::new();
            for _ in 0..input.varint()? {
                nulls.push(text(input)?);
            }
            settings
                .declared
                .insert(path, Declaration { data_type, nulls });
        }
        if version == WITH_LAYOUT {
            settings.layout = match input.byte()? {
                0 => None,
                1 => Some(StoredLayout::Rows),
                2 => Some(StoredLayout::Columns),
                3 => Some(StoredLayout::Auto),
                _ => return bad("has an unknown layout"),
            };
            settings.stays_rows = input.varint()?;
            if settings.layout.is_none() && settings.stays_rows == 0 {
                return bad("has settings of the wrong version");
            }
        }
        Ok(settings)
    }
}

fn block(bytes: &[u8], out: &mut Vec<u8>) {
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn text(input: &mut Input<'_>) -> Result<String, BadSummary> {
    match std::str::from_utf8(input.block()?) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => bad("has a text that is not UTF-8"),
    }
}
