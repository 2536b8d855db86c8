//! The bytes of a summary, as docs/types.md describes them. The form is canonical: fields are sorted by key, nothing
//! can be written in two ways, and so equal summaries have equal bytes.

use super::bytes::{BadSummary, Input, bad, varint};
use super::description::Description;
use super::node::{MAX_DEPTH, NONE, NodeId, ROOT};
use super::stats::{Stats, format, key_mark, value_mark};
use super::summary::Summary;

/// Bits of a node's first varint: which parts follow. The counts are bits 0 to 6.
mod part {
    pub(super) const RANGE: u64 = 1 << 7;
    pub(super) const WIDE_RANGE: u64 = 1 << 8;
    pub(super) const MARKS: u64 = 1 << 9;
    pub(super) const FORMATS: u64 = 1 << 10;
    pub(super) const DUPLICATES: u64 = 1 << 11;
    pub(super) const ELEMENT: u64 = 1 << 12;
    pub(super) const VALUE: u64 = 1 << 13;
    pub(super) const FIELDS: u64 = 1 << 14;
    pub(super) const ALL: u64 = (1 << 15) - 1;
}

fn counts(stats: &mut Stats) -> [&mut u64; 7] {
    [
        &mut stats.nulls,
        &mut stats.bools,
        &mut stats.ints,
        &mut stats.floats,
        &mut stats.strings,
        &mut stats.objects,
        &mut stats.arrays,
    ]
}

impl Summary {
    /// Its canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let version = if self.needs_second_version() { 2 } else { 1 };
        let mut out = vec![version];
        if version == 2 {
            out.push(0);
        }
        self.encode_body(&mut out);
        out
    }

    /// Whether an object collapsed and kept keys, which version 1 cannot say.
    pub(super) fn needs_second_version(&self) -> bool {
        let mut open = vec![ROOT];
        while let Some(id) = open.pop() {
            let node = self.node(id);
            let collapsed = node.value != NONE && node.stats.objects > 0;
            if collapsed && self.written_fields(id).next().is_some() {
                return true;
            }
            open.extend(self.written_fields(id));
            open.extend(collapsed.then_some(node.value));
            let has_elements = node.element != NONE && node.stats.arrays > 0;
            open.extend(has_elements.then_some(node.element));
        }
        false
    }

    pub(super) fn encode_body(&self, out: &mut Vec<u8>) {
        out.push(self.key_marks);
        self.encode_node(ROOT, out);
    }

    fn encode_node(&self, id: NodeId, out: &mut Vec<u8>) {
        let node = self.node(id);
        let mut stats = node.stats.clone();
        let (min, max, marks, formats) = (stats.min, stats.max, stats.marks, stats.formats);
        let counts = counts(&mut stats).map(|count| *count);
        let narrow = i64::try_from(min).ok().zip(i64::try_from(max).ok());
        let mut parts = 0;
        let mut set = |bit: u64, condition: bool| parts |= if condition { bit } else { 0 };
        for (bit, count) in counts.iter().enumerate() {
            set(1 << bit, *count > 0);
        }
        set(part::RANGE, min <= max && narrow.is_some());
        set(part::WIDE_RANGE, min <= max && narrow.is_none());
        set(part::MARKS, marks != 0);
        set(part::FORMATS, formats != format::ALL);
        set(part::DUPLICATES, node.duplicates > 0);
        let element = node.element != NONE && stats.arrays > 0;
        let value = node.value != NONE && stats.objects > 0;
        set(part::ELEMENT, element);
        set(part::VALUE, value);
        let mut fields: Vec<NodeId> = self.written_fields(id).collect();
        set(part::FIELDS, !fields.is_empty());

        varint(parts, out);
        for count in counts.into_iter().filter(|count| *count > 0) {
            varint(count, out);
        }
        if parts & part::RANGE != 0
            && let Some((min, max)) = narrow
        {
            varint(zigzag(min), out);
            varint(zigzag(max), out);
        }
        if parts & part::WIDE_RANGE != 0 {
            out.extend_from_slice(&min.to_le_bytes());
            out.extend_from_slice(&max.to_le_bytes());
        }
        if parts & part::MARKS != 0 {
            out.push(marks);
        }
        if parts & part::FORMATS != 0 {
            out.push(formats);
        }
        if node.duplicates > 0 {
            varint(node.duplicates, out);
        }
        if element {
            self.encode_node(node.element, out);
        }
        if value {
            self.encode_node(node.value, out);
        }
        if !fields.is_empty() {
            fields.sort_by(|a, b| self.node(*a).key.cmp(&self.node(*b).key));
            varint(fields.len() as u64, out);
            for field in fields {
                let node = self.node(field);
                varint(node.key.len() as u64, out);
                out.extend_from_slice(&node.key);
                varint(node.order, out);
                self.encode_node(field, out);
            }
        }
    }

    /// Reads the bytes that [`Summary::encode`] wrote.
    ///
    /// # Errors
    /// For any other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadSummary> {
        Self::new().decoded(bytes)
    }

    /// As [`Summary::decode`], with the limits of `self`, which must be empty.
    pub(super) fn decoded(self, bytes: &[u8]) -> Result<Self, BadSummary> {
        let description = Description::decode_into(self, bytes)?;
        if description.replaces || description.settings.is_some() {
            return bad("has settings where none can be");
        }
        Ok(description.summary)
    }

    /// Reads the rest of the bytes; `self` must be empty.
    pub(super) fn decode_body(&mut self, input: &mut Input<'_>) -> Result<(), BadSummary> {
        self.key_marks = input.byte()?;
        if self.key_marks & !key_mark::ALL != 0 {
            return bad("has unknown marks");
        }
        self.decode_node(ROOT, input)?;
        if !input.bytes.is_empty() {
            return bad("is followed by other bytes");
        }
        Ok(())
    }

    /// Recurses into at most `MAX_DEPTH` levels.
    fn decode_node(&mut self, id: NodeId, input: &mut Input<'_>) -> Result<(), BadSummary> {
        let parts = input.varint()?;
        let has = |bit: u64| parts & bit != 0;
        if parts & !part::ALL != 0 {
            return bad("has unknown parts");
        }
        let mut stats = Stats::default();
        for (bit, count) in counts(&mut stats).into_iter().enumerate() {
            if has(1 << bit) {
                *count = input.count()?;
            }
        }
        match (has(part::RANGE), has(part::WIDE_RANGE)) {
            (true, false) => {
                stats.min = unzigzag(input.varint()?).into();
                stats.max = unzigzag(input.varint()?).into();
            }
            (false, true) => {
                stats.min = i128::from_le_bytes(input.array()?);
                stats.max = i128::from_le_bytes(input.array()?);
                if i64::try_from(stats.min).is_ok() && i64::try_from(stats.max).is_ok() {
                    return bad("has a range that is too long");
                }
            }
            (false, false) => {}
            (true, true) => return bad("has two ranges"),
        }
        if (has(part::RANGE) || has(part::WIDE_RANGE)) && (stats.min > stats.max || stats.ints == 0)
        {
            return bad("has an impossible range");
        }
        if has(part::MARKS) {
            stats.marks = input.byte()?;
            if stats.marks == 0 || stats.marks & !value_mark::ALL != 0 {
                return bad("has unknown marks");
            }
        }
        if has(part::FORMATS) {
            stats.formats = input.byte()?;
            if stats.formats >= format::ALL || stats.strings == 0 {
                return bad("has unknown formats");
            }
        }
        if stats.marks & value_mark::OFFSET != 0 && stats.formats & format::ZONED == 0 {
            return bad("has an impossible mark");
        }
        let depth = self.node(id).depth;
        let (objects, arrays) = (stats.objects > 0, stats.arrays > 0);
        self.node_mut(id).stats = stats;
        if has(part::DUPLICATES) {
            self.node_mut(id).duplicates = input.count()?;
        }
        let inside = has(part::FIELDS) || has(part::VALUE);
        if (inside && !objects)
            || (has(part::ELEMENT) && !arrays)
            || ((inside || has(part::ELEMENT)) && depth >= MAX_DEPTH)
        {
            return bad("has an impossible shape");
        }
        if has(part::ELEMENT) {
            let element = self.child(id, Box::default());
            self.node_mut(id).element = element;
            self.decode_node(element, input)?;
        }
        if has(part::VALUE) {
            let value = self.child(id, Box::default());
            self.node_mut(id).value = value;
            self.decode_node(value, input)?;
        }
        if has(part::FIELDS) {
            self.decode_fields(id, depth, input)?;
        }
        self.weigh(id);
        Ok(())
    }

    fn decode_fields(
        &mut self,
        id: NodeId,
        depth: u8,
        input: &mut Input<'_>,
    ) -> Result<(), BadSummary> {
        let fields = input.count()?;
        if fields > u64::from(self.limit(depth)) {
            return bad("is larger than it may be");
        }
        let mut before: Option<&[u8]> = None;
        let mut weight = 0;
        for _ in 0..fields {
            let length = input.varint()?;
            let key = input.take(length)?;
            if before.is_some_and(|before| before >= key) {
                return bad("has its keys out of order");
            }
            before = Some(key);
            let field = self.child(id, key.into());
            self.list(id, field);
            self.node_mut(field).order = input.varint()?;
            self.decode_node(field, input)?;
            weight += self.share(field);
            if weight > self.limit(depth) {
                return bad("is larger than it may be");
            }
        }
        Ok(())
    }
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
