//! A sorted map whose clones share what did not change: a change copies one chunk of entries and the list of chunks, so
//! that a commit costs nearly the same in a catalogue of ten collections and of ten thousand.

use std::borrow::Borrow;
use std::sync::Arc;

/// A chunk with more entries is split.
const MOST: usize = 64;

/// Entries that the clones of a map share.
type Chunk<K, V> = Arc<Vec<(K, V)>>;

/// Entries by ascending keys, in chunks that are not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SharedMap<K, V> {
    chunks: Arc<Vec<Chunk<K, V>>>,
    len: usize,
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self {
            chunks: Arc::default(),
            len: 0,
        }
    }
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The chunk that holds the key, or would, and its place there.
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> (usize, Result<usize, usize>)
    where
        K: Borrow<Q>,
    {
        let after = self.chunks.partition_point(|chunk| {
            chunk
                .first()
                .is_some_and(|(first, _)| first.borrow() <= key)
        });
        let chunk = after.saturating_sub(1);
        let entries = self.chunks.get(chunk).map_or(&[][..], |entries| entries);
        (
            chunk,
            entries.binary_search_by(|(known, _)| known.borrow().cmp(key)),
        )
    }

    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (chunk, place) = self.place(key);
        let (_, value) = self.chunks.get(chunk)?.get(place.ok()?)?;
        Some(value)
    }

    pub(super) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).1.is_ok()
    }

    pub(super) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (chunk, place) = self.place(key);
        let place = place.ok()?;
        let chunk = Arc::make_mut(&mut self.chunks).get_mut(chunk)?;
        let (_, value) = Arc::make_mut(chunk).get_mut(place)?;
        Some(value)
    }

    /// Adds an entry, in the place of one with this key.
    pub(super) fn insert(&mut self, key: K, value: V) {
        let (chunk, place) = self.place(&key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(entries) = chunks.get_mut(chunk) else {
            chunks.push(Arc::new(vec![(key, value)]));
            self.len += 1;
            return;
        };
        let entries = Arc::make_mut(entries);
        match place {
            Ok(at) => {
                if let Some((_, known)) = entries.get_mut(at) {
                    *known = value;
                }
                return;
            }
            Err(at) => entries.insert(at, (key, value)),
        }
        self.len += 1;
        if entries.len() > MOST {
            // Entries mostly come at the end: the chunk before it stays nearly full.
            let at = if place == Err(MOST) { MOST } else { MOST / 2 };
            let rest = entries.split_off(at);
            chunks.insert(chunk + 1, Arc::new(rest));
        }
    }

    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (chunk, place) = self.place(key);
        let place = place.ok()?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let entries = Arc::make_mut(chunks.get_mut(chunk)?);
        let (_, value) = entries.remove(place);
        if entries.is_empty() {
            chunks.remove(chunk);
        }
        self.len -= 1;
        Some(value)
    }

    /// The values by ascending keys.
    pub(super) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.iter().map(|(_, value)| value))
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for SharedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_is_a_map_and_older_clones_stay() {
        let mut map = SharedMap::default();
        let mut known = BTreeMap::new();
        let mut state = 1_u64;
        for step in 0..5000_u64 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let key = if step % 3 == 0 { step } else { state >> 52 };
            let (before, copy) = (map.clone(), known.clone());
            match state >> 20 & 3 {
                0 => assert_eq!(map.remove(&key), known.remove(&key)),
                1 => assert_eq!(
                    map.get_mut(&key).map(|value| *value += 1),
                    known.get_mut(&key).map(|value| *value += 1)
                ),
                _ => {
                    map.insert(key, step);
                    known.insert(key, step);
                }
            }
            assert_eq!(map.get(&key), known.get(&key));
            assert_eq!(map.contains_key(&key), known.contains_key(&key));
            assert_eq!(map.len(), known.len());
            if step % 50 == 0 {
                assert!(map.values().eq(known.values()) && before.values().eq(copy.values()));
                assert!(
                    map.chunks
                        .iter()
                        .all(|chunk| (1..=MOST).contains(&chunk.len()))
                );
            }
        }
    }

    #[test]
    fn a_change_copies_one_chunk() {
        let mut map: SharedMap<u64, u64> = (0..10_000).map(|n| (n, n)).collect();
        assert!(map.chunks.len() < 200, "{}", map.chunks.len());
        let before = map.clone();
        map.insert(10_000, 1);
        *map.get_mut(&5000).unwrap() = 7;
        let shared = map
            .chunks
            .iter()
            .filter(|chunk| before.chunks.iter().any(|other| Arc::ptr_eq(chunk, other)));
        assert!(shared.count() + 2 >= before.chunks.len());
        assert_eq!((before.get(&5000), map.get(&5000)), (Some(&5000), Some(&7)));
    }
}
