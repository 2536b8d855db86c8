use std::sync::Arc;

use lakebed_codec::Decoded;
use lakebed_format::{Hash, SegmentNumber};

use super::*;

fn key(segment: u64, offset: u64) -> FrameKey {
    FrameKey {
        segment: SegmentNumber(segment),
        offset,
    }
}

fn block(bytes: usize) -> Arc<Decoded> {
    Arc::new(Decoded::new(vec![7; bytes], 1).unwrap())
}

#[test]
fn the_cache_stays_within_its_budget_and_keeps_what_is_used() {
    let cache = FrameCache::new(1 << 20);
    let hot: Vec<FrameKey> = (0..10).map(|n| key(1, n * 16_384)).collect();
    for &key in &hot {
        cache.insert(key, block(16_000));
    }
    for n in 0..2000 {
        if n % 20 == 0 {
            assert!(hot.iter().all(|&key| cache.get(key).is_some()), "{n}");
        }
        cache.insert(key(2, n * 16_384), block(16_000));
        assert!(cache.stats().bytes <= 1 << 20);
    }
    let stats = cache.stats();
    assert!(stats.frames > 55, "{stats:?}");
    assert_eq!((stats.hits, stats.misses, stats.budget), (1000, 0, 1 << 20));
    assert!(cache.get(key(3, 0)).is_none());
    assert_eq!(cache.stats().misses, 1);
}

#[test]
fn filling_pushes_nothing_out() {
    let cache = FrameCache::new(1 << 20);
    for n in 0..30 {
        cache.insert(key(1, n * 16_384), block(16_000));
    }
    for n in 0..1000 {
        cache.fill(key(2, n * 16_384), &block(16_000));
    }
    assert!((0..30).all(|n| cache.peek(key(1, n * 16_384)).is_some()));
    assert!((0..30).all(|n| cache.peek(key(2, n * 16_384)).is_some()));
    assert!(cache.stats().bytes <= 1 << 20 && cache.peek(key(2, 999 * 16_384)).is_none());
    // What was asked for takes the place of what was filled in.
    cache.insert(key(3, 0), block(16_000));
    assert!(cache.peek(key(3, 0)).is_some());
}

#[test]
fn a_frame_is_kept_once() {
    let cache = FrameCache::new(1 << 20);
    let first = cache.insert(key(1, 64), block(100));
    first.prove(0, &Hash::of(b"x"));
    let second = cache.insert(key(1, 64), block(100));
    assert!(Arc::ptr_eq(&first, &second) && second.is_proven(0, &Hash::of(b"x")));
    assert_eq!(cache.stats().frames, 1);
}

#[test]
fn no_budget_and_too_large_frames_keep_nothing() {
    let none = FrameCache::new(0);
    none.insert(key(1, 0), block(10));
    assert!(none.get(key(1, 0)).is_none());
    let small = FrameCache::new(1000);
    small.insert(key(1, 0), block(900));
    assert_eq!(small.stats().bytes, 0);
}
