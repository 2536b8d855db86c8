//! What a store keeps of a collection's values: a summary, and what is fixed whatever the values are.
//!
//! A store keeps descriptions in the order of its commits. Their sum is the description of the collection: summaries
//! merge, settings take the place of those before, and a description that *replaces* starts the summary anew.

use super::bytes::{BadSummary, Input, bad, newer};
use super::columns::to_columns;
use super::settings::Settings;
use super::summary::Summary;
use super::types::Schema;

const SUMMARY_ALONE: u8 = 1;
const WITH_FLAGS: u8 = 2;

const REPLACES: u8 = 1;
const SETTINGS: u8 = 2;

/// A summary of values, and settings.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Of the values.
    pub summary: Summary,
    /// What is fixed from now on; `None` where nothing changes.
    pub settings: Option<Settings>,
    /// Whether the summary takes the place of those before, instead of being merged with them.
    pub replaces: bool,
}

impl From<Summary> for Description {
    fn from(summary: Summary) -> Self {
        Self {
            summary,
            ..Self::default()
        }
    }
}

impl Description {
    /// Adds a later one.
    pub fn add(&mut self, later: Self) {
        if later.replaces {
            self.summary = later.summary;
            self.replaces = true;
        } else {
            self.summary.merge(&later.summary);
        }
        if later.settings.is_some() {
            self.settings = later.settings;
        }
    }

    /// The typed columns of the values.
    pub fn columns(&self) -> Schema {
        match &self.settings {
            Some(settings) => to_columns(&self.summary, settings),
            None => to_columns(&self.summary, &Settings::default()),
        }
    }

    /// Its canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let flag = |bit: u8, set: bool| if set { bit } else { 0 };
        let flags = flag(REPLACES, self.replaces) | flag(SETTINGS, self.settings.is_some());
        let mut out = Vec::new();
        if flags == 0 && !self.summary.needs_second_version() {
            out.push(SUMMARY_ALONE);
        } else {
            out.extend_from_slice(&[WITH_FLAGS, flags]);
        }
        if let Some(settings) = &self.settings {
            settings.encode(&mut out);
        }
        self.summary.encode_body(&mut out);
        out
    }

    /// Reads the bytes that [`Description::encode`] wrote.
    ///
    /// # Errors
    /// For any other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadSummary> {
        Self::decode_into(Summary::new(), bytes)
    }

    /// As [`Description::decode`], with the limits of an empty summary.
    pub(super) fn decode_into(summary: Summary, bytes: &[u8]) -> Result<Self, BadSummary> {
        let mut input = Input { bytes };
        let mut description = Self::from(summary);
        let flags = match input.byte()? {
            SUMMARY_ALONE => None,
            WITH_FLAGS => Some(input.byte()?),
            _ => return newer("has a version this program does not know; use a newer one"),
        };
        if let Some(flags) = flags {
            if flags & !(REPLACES | SETTINGS) != 0 {
                return bad("has unknown flags");
            }
            description.replaces = flags & REPLACES != 0;
            if flags & SETTINGS != 0 {
                description.settings = Some(Settings::decode(&mut input)?);
            }
        }
        description.summary.decode_body(&mut input)?;
        let second =
            flags.is_some_and(|flags| flags != 0) || description.summary.needs_second_version();
        if second != flags.is_some() {
            return bad("has the wrong version");
        }
        Ok(description)
    }
}
