use lakebed_format::coding::put_varint;

use super::*;
use crate::PageEncoding;
use crate::leaf::Physical;
use crate::values::Values;

/// DELTA_BINARY_PACKED, each difference in 32 bits.
fn packed(numbers: &[u32], out: &mut Vec<u8>) {
    let zigzag = |number: i64| ((number << 1) ^ (number >> 63)).cast_unsigned();
    put_varint(out, 128);
    put_varint(out, 4);
    put_varint(out, numbers.len() as u64);
    let first = numbers.first().copied().unwrap_or(0);
    put_varint(out, zigzag(first.into()));
    let differences: Vec<i64> = numbers
        .windows(2)
        .map(|pair| i64::from(pair[1]) - i64::from(pair[0]))
        .collect();
    for block in differences.chunks(128) {
        let least = block.iter().copied().min().unwrap_or(0);
        put_varint(out, zigzag(least));
        out.extend([32; 4]);
        for at in 0..128_usize.min(block.len().next_multiple_of(32)) {
            let above = block.get(at).map_or(0, |number| number - least);
            out.extend((above as u32).to_le_bytes());
        }
    }
}

#[test]
fn a_text_that_shares_its_beginning_is_found_alone_and_among_others() {
    let mut numbers = Numbers(2);
    let mut texts: Vec<String> = Vec::new();
    for at in 0..700_usize {
        let before = texts.last().cloned().unwrap_or_default();
        let keep = numbers.next(before.len() as u64 + 1) as usize;
        let new = "abcdefghijklmnopqrstuvwxyz".repeat(3);
        let text = format!("{}{}", &before[..keep], &new[..numbers.next(60) as usize]);
        texts.push(if at % 50 == 0 { String::new() } else { text });
    }
    let mut shared = vec![0];
    for pair in texts.windows(2) {
        let same = pair[0].bytes().zip(pair[1].bytes());
        shared.push(same.take_while(|(a, b)| a == b).count() as u32);
    }
    let rest: Vec<&str> = texts
        .iter()
        .zip(&shared)
        .map(|(text, shared)| &text[*shared as usize..])
        .collect();
    let mut body = b"levels".to_vec();
    let start = body.len();
    packed(&shared, &mut body);
    let lengths: Vec<u32> = rest.iter().map(|rest| rest.len() as u32).collect();
    packed(&lengths, &mut body);
    body.extend(rest.concat().into_bytes());
    let decode = || {
        let encoding = PageEncoding::DeltaBytes;
        Values::decode(Physical::Bytes, encoding, body.clone(), start, 700, None).unwrap()
    };
    let many = decode();
    for (index, text) in texts.iter().enumerate().rev() {
        assert_eq!(
            decode().bytes(index),
            Some(text.as_bytes()),
            "{index} alone"
        );
        assert_eq!(many.bytes(index), Some(text.as_bytes()), "{index}");
    }
    assert_eq!((many.bytes(700), decode().bytes(700)), (None, None));

    // A prefix that is longer than the text before.
    let mut wrong = Vec::new();
    packed(&[0, 3], &mut wrong);
    packed(&[2, 1], &mut wrong);
    wrong.extend(b"abc");
    let encoding = PageEncoding::DeltaBytes;
    assert!(Values::decode(Physical::Bytes, encoding, wrong, 0, 2, None).is_none());
}
