//! Names of columns: the keys, where SQL can have them.

use std::collections::{HashMap, HashSet};

use super::settings::{Named, Settings};
use super::types::SYSTEM_COLUMNS;

/// The name of a column, and a note where it is not its key.
pub(super) struct Name {
    pub(super) name: String,
    pub(super) note: Option<String>,
}

/// A key that gets a column.
pub(super) struct NamedKey<'a> {
    pub(super) key: &'a [u8],
    /// In how many rows it is.
    pub(super) rows: u64,
}

/// The names given so far.
pub(super) struct Names {
    pub(super) of_keys: Vec<Name>,
    taken: HashSet<String>,
}

impl Names {
    /// The fixed name of such a column, or `base`, or that with the first number that makes it free.
    pub(super) fn other(&mut self, settings: &Settings, named: &Named, base: &str) -> String {
        match settings.names.get(named) {
            Some(name) => name.clone(),
            None => self.free(base),
        }
    }

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

/// Names of the columns of `keys`: a fixed one; else the key, where SQL allows it. Of keys that differ only in case,
/// the one in most rows keeps its name.
pub(super) fn names(keys: &[NamedKey<'_>], settings: &Settings) -> Names {
    let system = SYSTEM_COLUMNS.iter().map(|name| (*name).to_owned());
    let fixed = settings
        .names
        .values()
        .map(|name| name.to_ascii_lowercase());
    let mut names = Names {
        of_keys: Vec::with_capacity(keys.len()),
        taken: system.chain(fixed).collect(),
    };
    let mut by_rows: Vec<(usize, &NamedKey<'_>)> = keys.iter().enumerate().collect();
    by_rows.sort_by_key(|(_, key)| std::cmp::Reverse(key.rows));
    let mut own: HashMap<usize, String> = HashMap::new();
    for (place, key) in by_rows {
        if let Some(name) = settings.names.get(&Named::Key(key.key.into())) {
            own.insert(place, name.clone());
        } else if let Some(name) = plain_name(key.key)
            && names.taken.insert(name.to_ascii_lowercase())
        {
            own.insert(place, name.to_owned());
        }
    }
    for (place, key) in keys.iter().enumerate() {
        let shown = shown_key(key.key);
        let name = own.remove(&place).unwrap_or_else(|| {
            names.free(if shown.is_empty() {
                "empty_key"
            } else {
                &shown
            })
        });
        let note = (name.as_bytes() != key.key).then(|| format!("renamed from \"{shown}\""));
        names.of_keys.push(Name { name, note });
    }
    names
}

/// The key as a name, where it is one: not empty, without U+0000 and lone surrogates.
pub(super) fn plain_name(key: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(key).ok()?;
    (!name.is_empty() && !name.contains('\0')).then_some(name)
}

/// The key for display: lone surrogates as escapes, U+0000 as its symbol.
pub(super) fn shown_key(key: &[u8]) -> String {
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
