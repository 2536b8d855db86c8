//! The bytes of every structure, fixed: a change of them is a change of the format. A change that is meant raises the
//! version and adds samples; those of earlier versions stay.

use std::fmt::Write as _;

use super::samples::samples;

#[test]
fn bytes_stay_as_they_are() {
    let mut text = String::new();
    for sample in samples() {
        // The long blocks by head and hash: the text stays readable.
        let shown = sample.bytes.get(..512).unwrap_or(&sample.bytes);
        let hash = crate::Hash::of(&sample.bytes);
        write!(text, "{}\n{} {hash} ", sample.name, sample.bytes.len()).unwrap();
        for byte in shown {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    let golden = include_str!("golden.txt");
    for (ours, fixed) in text.lines().zip(golden.lines()) {
        assert_eq!(ours, fixed);
    }
    assert!(
        text == golden,
        "structures are missing on one side:\n{text}"
    );
}
