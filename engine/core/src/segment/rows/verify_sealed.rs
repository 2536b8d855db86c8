//! Verification of a sealed segment: its footer, then its groups, then each against the other.

use lakebed_format::SectionKind;

use super::agreement::{verify_footer, verify_ordinals};
use super::sealed::SealedRows;
use super::verify::{RowsTables, verify_rows};
use crate::error::{Error, Result};
use crate::problem::ProblemKind;
use crate::segment::interface::{ReadContext, Segment};
use crate::segment::verify::Verification;

impl SealedRows {
    /// Checks everything in the scope of the verification.
    ///
    /// # Errors
    /// Those that are not about damage of this segment.
    pub(super) fn check(
        &self,
        read: ReadContext<'_>,
        verification: &mut dyn Verification,
    ) -> Result<()> {
        let number = self.entry.number;
        let opened = self.opened(read.files);
        let Some(opened) = verification.keep(ProblemKind::Segment, number, None, opened)? else {
            return Ok(());
        };
        let kind = ProblemKind::Footer;
        let at = Some(opened.footer.offset);
        let structures = verification.scope().has_structures();
        let (mut opened, mut whole) = (opened, true);
        if structures && let Err(damage) = opened.check_tables() {
            if let Some(made) = self.by_groups(opened)? {
                opened = made;
            } else {
                verification.keep::<()>(kind, number, at, Err(damage))?;
                whole = false;
            }
        }
        if structures && opened.damage.is_some() {
            let text = "the footer is damaged; what it says was read from the groups".to_owned();
            verification.problem(kind, number, at, text);
        }
        let walker = opened.walker();
        let last = opened.last_commit().map_err(Error::from);
        let Some(last) = verification.keep(kind, number, None, last)? else {
            return Ok(());
        };
        let mut tables = RowsTables {
            only_frames: opened.footer.section(SectionKind::Parts).is_none(),
            end: opened.footer.offset,
            ..RowsTables::default()
        };
        let listed = self.fingerprints(read.files, &mut |id, fingerprint| {
            tables.fingerprints.push((id, fingerprint));
        });
        let frames = self.tables(read.files, |opened| self.all_frames(opened));
        let commits = self.commits(read.files);
        let is_listed = listed.is_ok();
        if !is_listed {
            tables.fingerprints.clear();
            for (_, run) in &opened.ids {
                tables.unread.insert_run(*run);
            }
        }
        if whole && structures {
            verification.keep(kind, number, at, listed)?;
            let commits = verification.keep(kind, number, at, commits)?;
            tables.commits = commits.unwrap_or_default();
        } else {
            // What damaged them was reported.
            tables.commits = commits.unwrap_or_default();
        }
        tables.frames = frames.unwrap_or_default();
        let walked = verify_rows(read, walker, last, &tables, verification)?;
        if structures && walked.whole && whole {
            verify_footer(
                read.files,
                opened,
                &self.entry,
                &walked.blocks,
                verification,
            )?;
            if opened.damage.is_none() && is_listed {
                verify_ordinals(opened, &self.entry, verification)?;
            }
        }
        Ok(())
    }
}
