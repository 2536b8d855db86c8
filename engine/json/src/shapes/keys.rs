//! The keys of records, and the memory of those that were walked.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::leaves::{DeclaredType, Fields, Form, LeafKind, Leaves, Node};
use crate::syntax::Text;

/// The keys of records, and what is remembered of the last ones.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) record: Object,
    pub(super) non_object: Option<u32>,
}

/// An object's keys.
#[derive(Debug)]
pub(super) struct Object {
    keys: Vec<Box<[u8]>>,
    pub(super) values: Vec<Place>,
    /// The numbers of the keys, where they are many.
    numbers: HashMap<Box<[u8]>, usize>,
    /// For each key, the number of the last object that had it.
    pub(super) stamps: Vec<u64>,
    pub(super) stamp: u64,
    /// For each key, the one that came after it last; before all of them, the one that came first.
    follow: Vec<usize>,
    pub(super) rest: Option<Rest>,
}

#[derive(Debug)]
pub(super) struct Rest {
    pub(super) leaf: u32,
    pub(super) known: Option<Arc<BTreeSet<Box<[u8]>>>>,
    /// The separator of the last object: that of an object with one member.
    pub(super) separator: Vec<u8>,
}

/// The value under a key, or an element.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) form: PlaceForm,
    pub(super) declared: Option<DeclaredType>,
}

#[derive(Debug)]
pub(super) enum PlaceForm {
    Leaf(u32, LeafKind),
    Object(Box<Object>),
    List(Box<ListPlace>),
}

#[derive(Debug)]
pub(super) struct ListPlace {
    pub(super) list: u32,
    /// The leaf of the keys of a MAP.
    pub(super) key: Option<u32>,
    pub(super) element: Place,
    /// The separator of the last list: that of a list with one element.
    pub(super) separator: Vec<u8>,
    /// Lists outside.
    pub(super) depth: usize,
}

/// The number of keys from which they are looked up in a table.
const MANY_KEYS: usize = 12;

impl Keys {
    pub(super) fn of(leaves: &Leaves) -> Self {
        Self {
            record: Object::of(&leaves.record, 0),
            non_object: leaves.non_object,
        }
    }
}

impl Object {
    fn of(fields: &Fields, depth: usize) -> Self {
        let numbered = fields.keys.iter().cloned().enumerate();
        let is_many = fields.keys.len() >= MANY_KEYS;
        Self {
            keys: fields.keys.clone(),
            values: fields
                .nodes
                .iter()
                .map(|node| Place::of(node, depth))
                .collect(),
            numbers: numbered
                .filter(|_| is_many)
                .map(|(number, key)| (key, number))
                .collect(),
            stamps: vec![0; fields.keys.len()],
            stamp: 0,
            follow: (0..=fields.keys.len()).collect(),
            rest: fields.rest.map(|leaf| Rest {
                leaf,
                known: fields.known.clone(),
                separator: b",".to_vec(),
            }),
        }
    }

    /// The number of a key; `last` is that of the key before it, plus one, and 0 for none.
    #[inline]
    pub(super) fn position(&mut self, key: Text<'_>, last: usize) -> Option<usize> {
        if key.escaped {
            let unescaped = key.unescaped();
            return self.keys.iter().position(|known| **known == *unescaped);
        }
        let expected = self.follow.get(last).copied().unwrap_or(0);
        if self
            .keys
            .get(expected)
            .is_some_and(|known| **known == *key.raw)
        {
            return Some(expected);
        }
        let found = if self.numbers.is_empty() {
            self.keys.iter().position(|known| **known == *key.raw)?
        } else {
            *self.numbers.get(key.raw)?
        };
        if let Some(follow) = self.follow.get_mut(last) {
            *follow = found;
        }
        Some(found)
    }
}

impl Place {
    fn of(node: &Node, depth: usize) -> Self {
        let list = |list, key, element| {
            PlaceForm::List(Box::new(ListPlace {
                list,
                key,
                element: Self::of(element, depth + 1),
                separator: b",".to_vec(),
                depth,
            }))
        };
        let form = match &node.form {
            Form::Leaf(leaf, kind) => PlaceForm::Leaf(*leaf, *kind),
            Form::Struct(fields) => PlaceForm::Object(Box::new(Object::of(fields, depth))),
            Form::List(number, element) => list(*number, None, element),
            Form::Map(number, key, value) => list(*number, Some(*key), value),
        };
        Self {
            form,
            declared: node.declared.clone(),
        }
    }
}
