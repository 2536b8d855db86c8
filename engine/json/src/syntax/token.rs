//! Tokens of a text, and the trait that receives them.

/// The type of a text's outermost value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// The type of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number without fraction and exponent.
    Integer,
    /// Any other number.
    Float,
    /// A string value.
    String,
    /// A key; the tokens of its value follow.
    Key,
    /// `{`.
    ObjectStart,
    /// `}`.
    ObjectEnd,
    /// `[`.
    ArrayStart,
    /// `]`.
    ArrayEnd,
}

/// Properties of a string or key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    const ESCAPED: u8 = 1;
    const SURROGATE: u8 = 2;
    const NUL: u8 = 4;

    /// It has at least one escape: the value differs from the bytes between the quotes.
    #[inline]
    pub(crate) fn escaped(self) -> bool {
        self.0 & Self::ESCAPED != 0
    }

    /// It has an escaped surrogate without its partner: valid JSON, but not Unicode text.
    #[inline]
    pub(crate) fn lone_surrogate(self) -> bool {
        self.0 & Self::SURROGATE != 0
    }

    /// It has the character U+0000.
    #[inline]
    pub(crate) fn nul(self) -> bool {
        self.0 & Self::NUL != 0
    }

    #[inline]
    pub(super) fn set_escaped(&mut self) {
        self.0 |= Self::ESCAPED;
    }

    #[inline]
    pub(super) fn set_lone_surrogate(&mut self) {
        self.0 |= Self::SURROGATE;
    }

    #[inline]
    pub(super) fn set_nul(&mut self) {
        self.0 |= Self::NUL;
    }
}

/// One token. Strings and keys span the bytes between their quotes; container tokens span their bracket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Offset of the first byte in the text.
    pub(crate) start: u32,
    /// Offset after the last byte.
    pub(crate) end: u32,
    /// The type.
    pub(crate) kind: TokenKind,
    /// Properties of a string or key; none for other tokens.
    pub(crate) flags: Flags,
}

impl Token {
    /// Its bytes in `text`, which must be the text it was parsed from.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "the parser made the offsets from this text"
    )]
    pub(crate) fn bytes(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..self.end as usize]
    }
}

/// Receives the tokens of a text in order. When the parser then rejects the text, the sink must discard them.
pub(crate) trait Sink {
    /// Receives the next token.
    fn token(&mut self, token: Token);
}

/// A sink that discards all tokens: for validation alone.
pub(crate) struct Ignore;

impl Sink for Ignore {
    #[inline]
    fn token(&mut self, _: Token) {}
}

impl Sink for Vec<Token> {
    #[inline]
    fn token(&mut self, token: Token) {
        self.push(token);
    }
}
