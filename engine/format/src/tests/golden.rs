//! The bytes of every structure, fixed: whoever changes them changes the format. When that is meant, raise the version and write the new
//! text from the test's message.

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
