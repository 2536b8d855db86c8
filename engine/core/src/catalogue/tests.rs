use lakebed_format::{CatalogueRecord, CollectionId, NewCollection, Seq};

use super::Catalogue;

fn created(id: u64, name: &str) -> CatalogueRecord {
    CatalogueRecord::CollectionCreated(NewCollection {
        id: CollectionId(id),
        name: name.to_owned(),
        created: 7,
    })
}

#[test]
fn a_dropped_collection_gives_its_name_free_and_a_clone_keeps_what_it_saw() {
    let mut catalogue = Catalogue::default();
    catalogue.apply(&created(1, "events")).unwrap();
    catalogue.add_rows(CollectionId(1), Seq(5));
    let before = catalogue.clone();
    catalogue
        .apply(&CatalogueRecord::CollectionDropped(CollectionId(1)))
        .unwrap();
    catalogue.apply(&created(2, "events")).unwrap();
    assert_eq!(catalogue.named("events").unwrap().rows(), 0);
    assert_eq!(before.named("events").unwrap().rows(), 5);
    assert!(catalogue.apply(&created(3, "events")).is_err());
}
