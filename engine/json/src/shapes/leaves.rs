//! The leaves of a part: the scalars that its columns consist of, and the lists around them.
//!
//! Numbers are those of the leaf columns of a Parquet file with the same types: depth first, in the order of the
//! columns and of the fields inside them; the entries of a MAP are its key, then its value. Lists and maps are numbered
//! in the same order.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::schema::{Column, ColumnSource, DataType, Declared, Step};

/// The type of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeafKind {
    /// BOOLEAN.
    Boolean,
    /// BIGINT.
    BigInt,
    /// UBIGINT.
    UBigInt,
    /// HUGEINT.
    HugeInt,
    /// DOUBLE.
    Double,
    /// VARCHAR, and the keys of a MAP.
    Varchar,
    /// JSON: the exact bytes of a value.
    Json,
    /// DATE.
    Date,
    /// TIMESTAMP.
    Timestamp,
    /// TIMESTAMP WITH TIME ZONE.
    TimestampTz,
}

/// A step from a column to a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeafStep {
    /// To the field of a STRUCT with this name.
    Field(String),
    /// To the elements of a list.
    Element,
    /// To the keys of a MAP.
    MapKey,
    /// To the values of a MAP.
    MapValue,
}

/// A leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its type.
    pub kind: LeafKind,
    /// The index of its column among those that the leaves were made of.
    pub column: usize,
    /// The steps from the column to it; none where the column is the leaf.
    pub path: Vec<LeafStep>,
    /// The numbers of the lists and maps that it lies in, outermost first.
    pub lists: Vec<usize>,
}

/// A list or a MAP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The numbers of the leaves inside it. Each of them tells the list's lengths.
    pub leaves: std::ops::Range<usize>,
    /// How many lists and maps it lies in, itself included: the repetition level of its second and later elements.
    pub depth: usize,
}

/// How the value at some place of a record is stored in the columns.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) form: Form,
    /// Set where the type was declared: the texts that mean NULL.
    pub(super) declared: Option<DeclaredType>,
}

#[derive(Clone, Debug)]
pub(super) struct DeclaredType {
    pub(super) data_type: DataType,
    pub(super) nulls: Arc<[Box<str>]>,
}

#[derive(Clone, Debug)]
pub(super) enum Form {
    Leaf(u32, LeafKind),
    Struct(Fields),
    List(u32, Box<Node>),
    /// The number of the list, the leaf of the keys, the values.
    Map(u32, u32, Box<Node>),
}

/// The keys of an object that are stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    /// By unescaped key.
    pub(super) keys: Vec<Box<[u8]>>,
    pub(super) nodes: Vec<Node>,
    /// The leaf that holds the members that have no field, as one JSON object.
    pub(super) rest: Option<u32>,
    /// The fields in the order of the columns, by their place in `nodes`; `None` for the rest.
    pub(super) order: Vec<Option<usize>>,
    /// Keys that `rest` does not hold though they have no field here; only of the record itself.
    pub(super) known: Option<Arc<BTreeSet<Box<[u8]>>>>,
}

/// The leaves of the columns of a part, and how records lead to them. See the [module](crate::shapes).
#[derive(Clone, Debug, Default)]
pub struct Leaves {
    all: Vec<Leaf>,
    lists: Vec<List>,
    /// A node for each column.
    pub(super) columns: Vec<Node>,
    pub(super) record: Fields,
    /// The leaf of records that are not objects.
    pub(super) non_object: Option<u32>,
}

impl Leaves {
    /// The leaves of these columns: all columns of a [`crate::schema::Schema`], in its order. A column whose source is
    /// a path ([`ColumnSource::Path`]) has leaves, and no record is rebuilt from them.
    pub fn of(columns: &[Column]) -> Self {
        let mut made = Self::default();
        for (number, column) in columns.iter().enumerate() {
            let mut place = Place {
                column: number,
                path: Vec::new(),
                lists: Vec::new(),
            };
            let node = made.node(&column.data_type, &column.declared, &mut place);
            made.columns.push(node.clone());
            match (&column.source, &node.form) {
                (ColumnSource::Key(key), _) => {
                    made.record.keys.push(key.clone());
                    made.record.nodes.push(node);
                }
                (ColumnSource::NonObject, Form::Leaf(leaf, _)) => made.non_object = Some(*leaf),
                (ColumnSource::Rest(known), Form::Leaf(leaf, _)) => {
                    made.record.rest = Some(*leaf);
                    made.record.known = Some(Arc::clone(known));
                }
                _ => {}
            }
        }
        made
    }

    /// The leaves, by their numbers.
    pub fn leaves(&self) -> &[Leaf] {
        &self.all
    }

    /// The lists and maps, by their numbers.
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// A node of that type; adds its leaves and lists. `declared` is as [`Column::declared`], from this place on.
    fn node(&mut self, data_type: &DataType, declared: &[Declared], place: &mut Place) -> Node {
        let whole = declared.iter().find(|part| part.path.is_empty());
        let form = match data_type {
            DataType::List(element) => {
                let list = self.begin_list(place);
                place.path.push(LeafStep::Element);
                let node = self.node(element, &Declared::inside(declared, &Step::Element), place);
                self.end_list(list, place);
                Form::List(list, Box::new(node))
            }
            DataType::Map(value) => {
                let list = self.begin_list(place);
                place.path.push(LeafStep::MapKey);
                let key = self.leaf(LeafKind::Varchar, place);
                place.path.pop();
                place.path.push(LeafStep::MapValue);
                let node = self.node(value, whole.map_or(&[], std::slice::from_ref), place);
                self.end_list(list, place);
                Form::Map(list, key, Box::new(node))
            }
            DataType::Struct(fields) => {
                let mut made = Fields::default();
                for field in fields {
                    place.path.push(LeafStep::Field(field.name.clone()));
                    let step = Step::Key(field.name.as_bytes().into());
                    let node =
                        self.node(&field.data_type, &Declared::inside(declared, &step), place);
                    place.path.pop();
                    match &node.form {
                        Form::Leaf(leaf, _) if field.rest => {
                            made.rest = Some(*leaf);
                            made.order.push(None);
                        }
                        _ => {
                            made.order.push(Some(made.nodes.len()));
                            made.keys.push(field.name.as_bytes().into());
                            made.nodes.push(node);
                        }
                    }
                }
                Form::Struct(made)
            }
            scalar => {
                let kind = kind_of(scalar);
                Form::Leaf(self.leaf(kind, place), kind)
            }
        };
        Node {
            form,
            declared: whole.map(|part| DeclaredType {
                data_type: data_type.clone(),
                nulls: Arc::clone(&part.nulls),
            }),
        }
    }

    fn leaf(&mut self, kind: LeafKind, place: &Place) -> u32 {
        let number = self.all.len();
        self.all.push(Leaf {
            kind,
            column: place.column,
            path: place.path.clone(),
            lists: place.lists.clone(),
        });
        as_u32(number)
    }

    fn begin_list(&mut self, place: &mut Place) -> u32 {
        let number = self.lists.len();
        place.lists.push(number);
        let first = self.all.len();
        self.lists.push(List {
            leaves: first..first,
            depth: place.lists.len(),
        });
        as_u32(number)
    }

    fn end_list(&mut self, list: u32, place: &mut Place) {
        place.path.pop();
        place.lists.pop();
        let end = self.all.len();
        if let Some(list) = self.lists.get_mut(list as usize) {
            list.leaves.end = end;
        }
    }
}

/// Where a node is.
struct Place {
    column: usize,
    path: Vec<LeafStep>,
    lists: Vec<usize>,
}

fn kind_of(data_type: &DataType) -> LeafKind {
    match data_type {
        DataType::Boolean => LeafKind::Boolean,
        DataType::BigInt => LeafKind::BigInt,
        DataType::UBigInt => LeafKind::UBigInt,
        DataType::HugeInt => LeafKind::HugeInt,
        DataType::Double => LeafKind::Double,
        DataType::Varchar => LeafKind::Varchar,
        DataType::Date => LeafKind::Date,
        DataType::Timestamp => LeafKind::Timestamp,
        DataType::TimestampTz => LeafKind::TimestampTz,
        DataType::Json | DataType::List(_) | DataType::Struct(_) | DataType::Map(_) => {
            LeafKind::Json
        }
    }
}

/// Numbers of leaves, shapes and places in their bytes stay below 2^32.
pub(super) fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
