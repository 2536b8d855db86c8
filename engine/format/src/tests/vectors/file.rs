//! The files of test vectors, and the lines of fields in them.

use std::fmt::{Display, Write as _};

use crate::IdSet;

/// The lines of fields of a decoded structure, as the files write them.
#[derive(Default)]
pub(super) struct Fields(Vec<String>);

impl Fields {
    /// A line: a name and values.
    pub(super) fn add(&mut self, name: &str, values: &[&dyn Display]) {
        let mut line = name.to_owned();
        for value in values {
            line.push(' ');
            line.push_str(&value.to_string());
        }
        self.0.push(line);
    }

    /// A line for each pair.
    pub(super) fn each(&mut self, fields: &[(&str, &dyn Display)]) {
        for (name, value) in fields {
            self.add(name, &[*value]);
        }
    }
}

/// The text, or `-` where there is none.
pub(super) fn or_dash(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

pub(super) fn list<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
    or_dash(values.join(" "))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    or_dash(text)
}

pub(super) fn runs(set: &IdSet) -> String {
    list(
        set.runs()
            .iter()
            .map(|run| format!("{}..{}", run.first.0, run.first.0 + run.len)),
    )
}

pub(super) struct Vector {
    given: Vec<(String, u64)>,
    fields: Vec<String>,
    bytes: Vec<u8>,
}

impl Vector {
    pub(super) fn parse(text: &str) -> Self {
        let (head, data) = text.split_once("\nhex\n").unwrap();
        let digits: String = data.split_whitespace().collect();
        let bytes = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        let (mut given, mut fields) = (Vec::new(), Vec::new());
        for line in head.lines().filter(|line| !line.starts_with('#')) {
            match line.strip_prefix("given ") {
                Some(known) => {
                    let (name, value) = known.split_once(' ').unwrap();
                    given.push((name.to_owned(), value.parse().unwrap()));
                }
                None => fields.push(line.to_owned()),
            }
        }
        Self {
            given,
            fields,
            bytes,
        }
    }

    pub(super) fn given(&self, name: &str) -> u64 {
        self.given
            .iter()
            .find(|(known, _)| known == name)
            .unwrap()
            .1
    }

    pub(super) fn check(&self, decode: impl FnOnce(&[u8], &mut Fields)) {
        let mut fields = Fields::default();
        decode(&self.bytes, &mut fields);
        assert_eq!(fields.0, self.fields);
    }
}
