//! Where the values of a row come from.

/// The values of one row, leaf by leaf.
///
/// A record is rebuilt by asking for *the next value of a leaf in this row*, over and over. Each leaf is a queue of its
/// own: the values that are not NULL, in the order they have in the row. NULLs, empty lists and NULL lists are never
/// asked for: they are part of the record's shape. A leaf outside lists has one value at most, a leaf inside lists has
/// all those of all its lists, one after the other.
///
/// | of the row `{"a":[{"x":1},{},{"x":null},{"x":2}],"b":null}` | gives |
/// |---|---|
/// | length of list `a` | 4, then none |
/// | leaf `a[].x` | 1, 2, then none |
/// | leaf `b` | none |
///
/// Whoever implements this stands at the beginning of a row when the rebuilding begins. Not every value need be asked
/// for, and those that were not are passed when it goes to another row. A leaf that is not asked for need not be read
/// or decoded at all. `None` means that the row has no further value there, and the record is then damaged.
///
/// Leaves and lists go by their numbers in [`Leaves`](super::Leaves). A method is called only for leaves of the kinds
/// that it names.
pub trait LeafValues {
    /// The next value of a BOOLEAN.
    fn boolean(&mut self, leaf: usize) -> Option<bool>;

    /// The next value of a BIGINT; of a DATE, in days since 1970; of a TIMESTAMP with or without zone, in microseconds
    /// since 1970.
    fn integer(&mut self, leaf: usize) -> Option<i64>;

    /// The next value of a UBIGINT.
    fn unsigned(&mut self, leaf: usize) -> Option<u64>;

    /// The next value of a HUGEINT.
    fn huge(&mut self, leaf: usize) -> Option<i128>;

    /// The next value of a DOUBLE.
    fn double(&mut self, leaf: usize) -> Option<f64>;

    /// The next text of a VARCHAR or of JSON.
    fn text(&mut self, leaf: usize) -> Option<&[u8]>;

    /// The number of elements, NULL ones included, of the next list (or entries of the next MAP) that is neither NULL
    /// nor empty.
    fn length(&mut self, list: usize) -> Option<usize>;
}
