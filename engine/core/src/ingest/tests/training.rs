//! When an ingest trains a dictionary.

use super::*;

#[test]
fn a_collection_without_a_dictionary_gets_one_if_it_pays() {
    let content = records(0, 15_000);
    let (_directory, plain) = file("plain.ndjson", &content);
    let (_directory2, packed) = file("packed.gz", &gzip(&content));
    for source in [
        Source::Path(plain.clone()),
        Source::Path(packed),
        source(&content),
    ] {
        let mut writer = MemoryWriter::default();
        let report = ingest(&mut writer, source, options()).unwrap();
        let trained = report.trained.unwrap();
        assert!(trained.installed && trained.generation == 1);
        assert!(trained.held_out_after < trained.held_out_before && trained.sample_bytes > 100_000);
        assert_eq!(writer.committed.dictionaries.len(), 1);
        assert_eq!(
            trained.size,
            writer.committed.dictionaries[0].1.len() as u64
        );
        assert!(writer.lines("events") == expected(&content));
        // The next one uses it.
        writer.encoding_for = None;
        let more = ingest(
            &mut writer,
            super::source(&records(15_000, 15_000)),
            options(),
        )
        .unwrap();
        assert!(more.trained.is_none() && writer.encoding_for.is_some());
    }
    let mut writer = MemoryWriter::default();
    let report = ingest(
        &mut writer,
        Source::Path(plain),
        IngestOptions {
            train: false,
            ..options()
        },
    )
    .unwrap();
    assert!(report.trained.is_none() && writer.committed.dictionaries.is_empty());
}

#[test]
fn little_or_incompressible_input_gets_none() {
    let mut noise = vec![0; 300_000];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    let random: Vec<u8> = noise
        .chunks(30)
        .flat_map(|chunk| format!("\"{}\"\n", blake3::hash(chunk).to_hex()).into_bytes())
        .collect();
    for content in [records(0, 200), random, "1\n".repeat(50_000).into_bytes()] {
        let (writer, report) = run(&content, options());
        assert!(report.unwrap().trained.is_none());
        assert!(writer.committed.dictionaries.is_empty());
        assert!(writer.lines("events") == expected(&content));
    }
}

#[test]
fn more_than_is_looked_ahead_arrives_in_order() {
    // Rows so small that what is held costs far more than their bytes.
    let content: Vec<u8> = (0..30_000_u32)
        .flat_map(|n| format!("{}\n", n % 1000).into_bytes())
        .collect();
    let mut writer = MemoryWriter::default();
    let report = ingest_small(&mut writer, source(&content), options());
    assert_eq!(report.unwrap().rows, 30_000);
    assert!(writer.commits >= 3);
    assert!(writer.lines("events") == expected(&content));
}
