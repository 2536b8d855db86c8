//! Entries of the catalogue that cannot be read, or that name what is not there.

use std::sync::Arc;

use super::agreement::is_sound;
use super::plan::Plan;
use super::report::{ActionKind, LossKind, RepairLoss, RepairReport};
use crate::catalogue::{Collection, merged_description};
use crate::error::{Error, ErrorKind, Result};
use crate::segment::rows::salvage::Salvaged;

impl Plan {
    /// Takes out of the catalogue what a reader or a writer would fail at.
    ///
    /// # Errors
    /// `FormatTooNew` for a summary of a newer version.
    pub(super) fn check_entries(&mut self, report: &mut RepairReport) -> Result<()> {
        let collections: Vec<Arc<Collection>> = self.catalogue.collections().cloned().collect();
        for collection in collections {
            let Err(error) = merged_description(&collection.schema) else {
                continue;
            };
            let name = &collection.name;
            if error.newer {
                return Err(Error::new(
                    ErrorKind::FormatTooNew,
                    format!(
                        "The summary of the values of {name} was written by a newer lakebed; upgrade lakebed to repair the store."
                    ),
                ));
            }
            let mut loss = RepairLoss::new(
                LossKind::Catalogue,
                format!(
                    "The summary of the values of {name} is damaged ({error}): types and layout that were declared for it are lost, and \
                     its types are inferred from its rows."
                ),
            );
            loss.collection = Some(name.to_string());
            report.losses.push(loss);
            self.catalogue.forget_schema(collection.id);
            self.infer.insert(Arc::clone(name));
            self.amended = true;
        }
        if self.catalogue.forget_ids_from(self.next_blob) {
            report.losses.push(RepairLoss::new(
                LossKind::Catalogue,
                "Blobs that there never were are counted as put or deleted: they are not any more."
                    .to_owned(),
            ));
            self.amended = true;
        }
        let forgotten = self.catalogue.forget_nameless_ingests();
        if forgotten > 0 {
            let mut loss = RepairLoss::new(
                LossKind::Catalogue,
                format!(
                    "Of {forgotten} ingests the collection or the name of the file is lost; the same files are ingested again if that is \
                     asked for."
                ),
            );
            loss.count = forgotten;
            report.losses.push(loss);
            self.amended = true;
        }
        Ok(())
    }
}

/// Collections that rows name and whose creation is lost.
pub(super) fn recover_collections(plan: &mut Plan, found: &Salvaged, report: &mut RepairReport) {
    for batch in found.listed.iter().chain(&found.batches) {
        if !is_sound(batch, plan.next_blob.max(found.next_blob)) {
            continue;
        }
        let id = batch.collection;
        let known = plan.catalogue.collection(id);
        if known.is_none() && id >= plan.catalogue.next_collection {
            let name = plan.catalogue.recover_collection(id, batch.time);
            report.act(
                ActionKind::Collection,
                &*name,
                format!("The name of collection {id} is lost; its rows are in {name}."),
            );
            plan.infer.insert(name);
        } else if found.lost_records
            && let Some(known) = known
        {
            plan.infer.insert(Arc::clone(&known.name));
        }
        plan.catalogue
            .add_rows(id, lakebed_format::Seq(batch.first_seq.0 + batch.rows));
        // Numbers that rows name were given, also where the record of that is lost.
        plan.catalogue.give_file(batch.file);
    }
}
