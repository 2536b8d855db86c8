//! Damaged tables, values and fixes: errors, never a panic, never more than the limit.

use super::*;

/// Values without end.
struct Endless;

impl LeafValues for Endless {
    fn boolean(&mut self, _: usize) -> Option<bool> {
        Some(true)
    }
    fn integer(&mut self, _: usize) -> Option<i64> {
        Some(i64::MAX)
    }
    fn unsigned(&mut self, _: usize) -> Option<u64> {
        Some(7)
    }
    fn huge(&mut self, _: usize) -> Option<i128> {
        Some(7)
    }
    fn double(&mut self, _: usize) -> Option<f64> {
        Some(f64::NAN)
    }
    fn text(&mut self, _: usize) -> Option<&[u8]> {
        Some(b"{\"a\":")
    }
    fn length(&mut self, _: usize) -> Option<usize> {
        Some(usize::MAX)
    }
}

fn tables() -> (Vec<u8>, Vec<u8>, Part) {
    let records = [
        r#"{"a":[{"x":1.5},null,{"y":[2,3]}],"b":"t","c":1,"b":2,"d":"2024-02-29T12:00:00Z"}"#,
        r#"{"a":[],"b":"\u0041aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","d":"2024-02-29T12:00:00+01:00"}"#,
    ];
    let part = check(&records, &Settings::default());
    let (mut spellers, mut shapes) = (Vec::new(), Vec::new());
    part.shaper.spellers().encode(&mut spellers);
    part.shaper.shapes().encode(&mut shapes);
    (spellers, shapes, part)
}

#[test]
fn every_changed_byte_is_an_error_or_another_record() {
    let (spellers, shapes, mut part) = tables();
    for cut in 0..spellers.len() {
        assert!(Spellers::decode(&spellers[..cut]).is_err());
    }
    let decoded = Spellers::decode(&spellers).unwrap();
    for cut in 0..shapes.len() {
        assert!(Shapes::decode(&shapes[..cut], &decoded).is_err());
    }
    for bytes in [&spellers, &shapes] {
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                if let Ok(decoded) = Spellers::decode(&damaged) {
                    let _ = Shapes::decode(&shapes, &decoded);
                }
                let Ok(shapes) = Shapes::decode(&damaged, &decoded) else {
                    continue;
                };
                for number in 0..=shapes.len() as u32 {
                    let mut out = Vec::new();
                    for fix in part.rows.iter().map(|(_, fix)| fix) {
                        part.values.go_to(0);
                        let _ =
                            shapes.rebuild(&decoded, number, &mut part.values, fix, 200, &mut out);
                        let _ = shapes.rebuild(&decoded, number, &mut Endless, fix, 200, &mut out);
                    }
                }
            }
        }
    }
    let mut newer = shapes;
    newer[0] = 2;
    assert!(
        Shapes::decode(&newer, &decoded)
            .unwrap_err()
            .to_string()
            .contains("newer")
    );
}

#[test]
fn what_a_row_lacks_is_named() {
    let (_, _, mut part) = tables();
    let spellers = part.shaper.spellers().clone();
    let shape = part.rows[0].0.unwrap();
    let fix = part.rows[0].1.clone();
    let mut out = b"kept".to_vec();
    let mut rebuild = |shape, row, fix: &[u8], limit| {
        part.values.go_to(row);
        part.shaper
            .shapes()
            .rebuild(&spellers, shape, &mut part.values, fix, limit, &mut out)
    };
    assert_eq!(rebuild(shape, 0, &fix, 200), Ok(()));
    assert_eq!(rebuild(1000, 0, &fix, 200), Err(RebuildError::UnknownShape));
    assert_eq!(
        rebuild(shape, 1, &fix, 200),
        Err(RebuildError::MissingList { list: 0 })
    );
    assert_eq!(
        rebuild(shape, 7, &fix, 200),
        Err(RebuildError::MissingList { list: 0 })
    );
    assert_eq!(rebuild(shape, 0, &fix[..1], 200), Err(RebuildError::BadFix));
    assert_eq!(rebuild(shape, 0, &[], 200), Err(RebuildError::BadFix));
    assert_eq!(rebuild(shape, 0, &fix, 30), Err(RebuildError::TooLong));
    let mut longer = fix.clone();
    longer.push(0);
    assert_eq!(rebuild(shape, 0, &longer, 200), Err(RebuildError::BadFix));
    assert!(
        out.starts_with(b"kept{\"a\":") && out.len() == 4 + 81,
        "{}",
        out.len()
    );
}

#[test]
fn lists_without_end_stop_at_the_limit() {
    let (_, _, part) = tables();
    for number in 0..part.shaper.shapes().len() as u32 {
        for fix in part.rows.iter().map(|(_, fix)| fix) {
            let mut out = Vec::new();
            let rebuilt = part.shaper.shapes().rebuild(
                part.shaper.spellers(),
                number,
                &mut Endless,
                fix,
                1 << 16,
                &mut out,
            );
            assert!(rebuilt.is_err() || out.len() <= 1 << 16);
        }
    }
}

proptest! {
    #[test]
    fn other_bytes_than_json_do_not_panic(
        records in prop::collection::vec(record(), 1..4),
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut part = Part::of(&records, &Settings::default());
        let mut fix = Vec::new();
        let _ = part.shaper.shape(&bytes, &mut fix);
        let first = records[0].as_bytes();
        let _ = part.shaper.shape(&first[..cut.index(first.len())], &mut fix);
        if let Some(shape) = part.shaper.shape(first, &mut fix) {
            let mut out = Vec::new();
            let spellers = part.shaper.spellers().clone();
            let _ = part.shaper.shapes().rebuild(&spellers, shape, &mut part.values, &bytes, 1000, &mut out);
            part.values.go_to(0);
            out.clear();
            part.shaper.shapes().rebuild(&spellers, shape, &mut part.values, &fix, first.len(), &mut out).unwrap();
            prop_assert_eq!(out, first);
        }
    }
}
