use super::*;

#[test]
fn texts_that_repeat_everywhere_have_one_dictionary() {
    let mut numbers = Numbers(9);
    let ids: Vec<String> = (0..6_000)
        .map(|_| {
            let parts: [String; 4] =
                std::array::from_fn(|_| format!("{:016x}", numbers.0 ^ numbers.next(u64::MAX)));
            parts.concat()
        })
        .collect();
    let records: Vec<String> = (0..70_000)
        .map(|at| {
            let id = &ids[numbers.next(6_000) as usize];
            format!(
                "{{\"own\":\"{at:x}-{}\",\"id\":\"{id}\"}}",
                numbers.next(1 << 40)
            )
        })
        .collect();
    let (_, batch) = columns_of(&records);
    let part = part_of(&batch, 5);
    // So that a row group is large enough for it.
    assert_eq!(part.directory.groups, [0]);
    let leaf = |name: &str| {
        let mut leaves = part.directory.leaves.iter();
        leaves.position(|leaf| leaf.name == name).unwrap()
    };
    let of = |name: &str| &part.directory.chunks[leaf(name)][0];
    let dictionary = of("id").dictionary.unwrap();
    assert_eq!((dictionary.values, dictionary.raw_len), (6_000, 6_000 * 68));
    assert!(of("own").dictionary.is_none());
    for page in &of("own").pages {
        assert!(page.raw_len < 14 << 10, "a page of {} bytes", page.raw_len);
    }
    check(&records[..9_000], 2);
}
