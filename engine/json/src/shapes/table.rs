//! The table of shapes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::bytes::{BadShapes, Input, bad, block, varint};
use super::spell::Spellers;
use super::template::{self, Op, Span};

/// Bounds of a table of shapes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Shapes at most, those of list elements included.
    pub shapes: usize,
    /// Bytes of all their templates together at most.
    pub bytes: usize,
}

impl Default for Limits {
    /// 65,536 shapes, 16 MiB.
    fn default() -> Self {
        Self {
            shapes: 65_536,
            bytes: 16 << 20,
        }
    }
}

/// Shapes by number. See the [module](crate::shapes).
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    /// The templates, one after the other.
    text: Vec<u8>,
    ops: Vec<Op>,
    /// For each shape, where its template and its operations end.
    ends: Vec<(u32, u32)>,
}

impl Shapes {
    /// The version of their bytes.
    const VERSION: u8 = 1;

    /// The number of shapes, those of list elements included.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of all templates.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    #[inline]
    fn starts(&self, number: usize) -> Option<(u32, u32)> {
        match number.checked_sub(1) {
            None => Some((0, 0)),
            Some(before) => self.ends.get(before).copied(),
        }
    }

    /// The operations of a shape.
    #[inline]
    pub(super) fn ops(&self, number: u32) -> Option<&[Op]> {
        let (_, start) = self.starts(number as usize)?;
        let (_, end) = self.ends.get(number as usize)?;
        self.ops.get(start as usize..*end as usize)
    }

    fn template(&self, number: u32) -> Option<&[u8]> {
        let (start, _) = self.starts(number as usize)?;
        let (end, _) = self.ends.get(number as usize)?;
        self.text.get(start as usize..*end as usize)
    }

    #[inline]
    pub(super) fn text(&self, span: Span) -> &[u8] {
        let start = span.at as usize;
        let text = self.text.get(start..start + span.length as usize);
        text.unwrap_or_default()
    }

    /// Adds a shape. `None` where the bytes are not a template, or more than 4 GiB.
    fn push(&mut self, template: &[u8], spellers: &Spellers) -> Option<u32> {
        let number = u32::try_from(self.ends.len()).ok()?;
        let at = u32::try_from(self.text.len()).ok()?;
        let end = u32::try_from(self.text.len() + template.len()).ok()?;
        template::read(template, at, number, spellers, &mut self.ops)?;
        self.text.extend_from_slice(template);
        self.ends.push((end, u32::try_from(self.ops.len()).ok()?));
        Some(number)
    }

    /// Appends their bytes; `docs/format.md` has the layout.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(Self::VERSION);
        varint(self.ends.len() as u64, out);
        let mut start = 0;
        for (end, _) in &self.ends {
            let end = *end as usize;
            block(self.text.get(start..end).unwrap_or_default(), out);
            start = end;
        }
    }

    /// Reads what [`Shapes::encode`] wrote. It takes memory in proportion to the bytes.
    ///
    /// # Errors
    /// The bytes are cut, damaged, of a newer version, or not of leaves such as these.
    pub fn decode(bytes: &[u8], spellers: &Spellers) -> Result<Self, BadShapes> {
        let mut input = Input { bytes };
        if input.byte() != Some(Self::VERSION) {
            return bad("has shapes of a newer version");
        }
        let Some(count) = input.varint() else {
            return bad("is cut short");
        };
        let mut shapes = Self::default();
        for _ in 0..count {
            let Some(template) = input.block() else {
                return bad("is cut short");
            };
            if shapes.push(template, spellers).is_none() {
                return bad("has a damaged shape");
            }
        }
        if !input.bytes.is_empty() {
            return bad("has bytes after its end");
        }
        Ok(shapes)
    }
}

/// A table of shapes that finds the number of a template.
#[derive(Debug)]
pub(super) struct Interner {
    pub(super) shapes: Shapes,
    numbers: HashMap<Box<[u8]>, u32, BuildHasherDefault<Folding>>,
    limits: Limits,
}

impl Interner {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            shapes: Shapes::default(),
            numbers: HashMap::default(),
            limits,
        }
    }

    /// The number of the shape with this template; `None` where it is new and there is no room for it.
    #[inline]
    pub(super) fn intern(&mut self, template: &[u8], spellers: &Spellers) -> Option<u32> {
        match self.numbers.get(template) {
            Some(number) => Some(*number),
            None => self.add(template, spellers),
        }
    }

    /// Whether that is the template of a shape.
    #[inline]
    pub(super) fn is(&self, number: u32, template: &[u8]) -> bool {
        self.shapes.template(number) == Some(template)
    }

    #[cold]
    fn add(&mut self, template: &[u8], spellers: &Spellers) -> Option<u32> {
        let bytes = self.shapes.bytes() + template.len();
        if self.shapes.len() >= self.limits.shapes || bytes > self.limits.bytes {
            return None;
        }
        let number = self.shapes.push(template, spellers)?;
        self.numbers.insert(template.into(), number);
        Some(number)
    }
}

/// A hash of templates: multiplies words and folds the product. The keys are those of one process, and a collision
/// costs a comparison.
#[derive(Debug, Default)]
struct Folding(u64);

impl Folding {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a product")]
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x9E37_79B9_7F4A_7C15) * 0xA076_1D64_78BD_642F;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for Folding {
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((word, after)) = rest.split_first_chunk() {
            self.mix(u64::from_le_bytes(*word));
            rest = after;
        }
        let mut word = [0; 8];
        for (place, byte) in word.iter_mut().zip(rest) {
            *place = *byte;
        }
        self.mix(u64::from_le_bytes(word));
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }
}
