use super::*;

use crate::PageEncoding;

#[test]
fn a_text_that_shares_its_beginning_is_found_alone_and_among_others() {
    let texts: Vec<String> = (0..3_000)
        .map(|at| {
            format!(
                "pool/main/lib{:05}/lib{:05}-{at}_1.{}.deb",
                at / 7,
                at / 7,
                at % 5
            )
        })
        .collect();
    let records: Vec<String> = texts
        .iter()
        .map(|text| format!("{{\"path\":\"{text}\"}}"))
        .collect();
    let (_, batch) = columns_of(&records);
    let part = part_of(&batch, 1);
    let pages = &part.directory.chunks[0][0].pages;
    assert_eq!(pages[0].encoding, PageEncoding::DeltaBytes);
    let lists = Lists::new(&part.directory, []).unwrap();
    let reader = || RowValues::new(Unkept(&part.bytes, &part.directory), 1, &lists);
    let mut numbers = Numbers(2);
    let mut many = reader();
    for _ in 0..200 {
        let row = numbers.next(3_000);
        let mut alone = reader();
        for values in [&mut alone, &mut many] {
            values.go_to(row);
            assert_eq!(values.next_bytes(0), Some(texts[row as usize].as_bytes()));
            assert_eq!(values.next_bytes(0), None);
        }
    }
}
