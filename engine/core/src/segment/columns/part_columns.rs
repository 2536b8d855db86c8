//! Columns of a part as Arrow arrays, and the sequence numbers of its rows.

use std::ops::Range;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, ArrayRef};
use lakebed_columns::{ColumnPath, PartArrays};
use lakebed_format::Seq;

use super::arrays::{OpenArrays, SeqRun};
use super::pages::{Keeping, PartPages, SYSTEM};
use super::part::OpenPart;
use crate::error::Result;

/// The column of sequence numbers.
const SEQ: &str = "_seq";

impl OpenPart {
    /// What its footer says; read once.
    ///
    /// # Errors
    /// `Corrupt` when the footer does not fit the page directory; `Io`.
    pub(crate) fn arrays(&self) -> Result<&OpenArrays> {
        if let Some(known) = self.opened_arrays.get() {
            return Ok(known);
        }
        let opened = OpenArrays::new(&self.file);
        self.check_read()?;
        let opened = opened?;
        Ok(self.opened_arrays.get_or_init(|| opened))
    }

    /// Columns of the rows in these ranges, which ascend; `None` when they are too large for arrays.
    ///
    /// # Errors
    /// `Corrupt` names the column and the rows; `Io`.
    pub(crate) fn columns(
        &self,
        paths: &[ColumnPath],
        rows: &[Range<u64>],
    ) -> Result<Option<Vec<ArrayRef>>> {
        let opened = self.arrays()?;
        let mut leaves: Vec<usize> = paths
            .iter()
            .flat_map(|path| opened.arrays.leaves(path))
            .collect();
        leaves.sort_unstable();
        leaves.dedup();
        let pages = PartPages {
            part: &self.file,
            keeping: Keeping::Never,
            dictionaries: Vec::new(),
            error: None,
        };
        for leaf in leaves {
            let mut checked = None;
            for range in rows {
                for found in PartArrays::pages(&self.file.directory, leaf, range.clone()) {
                    // Pages of a row group share a dictionary.
                    let both = (found.page.offset, found.dictionary.map(|page| page.offset));
                    if checked.is_none_or(|(_, dictionary)| dictionary != both.1) {
                        pages.check(found)?;
                    } else if checked != Some(both) {
                        pages.check_values(found)?;
                    }
                    checked = Some(both);
                }
            }
        }
        let read = opened.arrays.read(&opened.file, paths, rows);
        self.check_read()?;
        match read {
            Ok(arrays) => Ok(Some(arrays)),
            // All pages have their checksums: what does not work is an array of very many bytes.
            Err(error) => match rows {
                [one] if one.end - one.start <= 1 => Err(self
                    .file
                    .damaged(0, &format!("row {} cannot be read ({error})", one.start))),
                _ => Ok(None),
            },
        }
    }

    /// The sequence numbers of its rows, in the order of the rows; read once.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(crate) fn seqs(&self) -> Result<&[SeqRun]> {
        if let Some(known) = self.seqs.get() {
            return Ok(known);
        }
        let name = self.seq_column()?;
        let mut runs: Vec<SeqRun> = Vec::new();
        let all = 0..self.file.directory.rows;
        let found = self
            .columns(&[vec![name]], std::slice::from_ref(&all))?
            .unwrap_or_default();
        let numbers = found
            .first()
            .and_then(|array| array.as_primitive_opt::<Int64Type>());
        let numbers = numbers
            .filter(|numbers| numbers.null_count() == 0)
            .ok_or_else(|| self.file.damaged(0, "it has no sequence numbers"))?;
        for (seq, row) in numbers.values().iter().zip(0..) {
            let seq = seq.cast_unsigned();
            match runs.last_mut() {
                Some(run) if run.first.0 + run.len == seq => run.len += 1,
                _ => runs.push(SeqRun {
                    first: Seq(seq),
                    row,
                    len: 1,
                }),
            }
        }
        Ok(self.seqs.get_or_init(|| runs.into()))
    }

    /// The sequence numbers of its rows where they are all of a range, without reading them.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(crate) fn dense_seqs(&self) -> Result<Option<Range<Seq>>> {
        let name = self.seq_column()?;
        let rows = self.file.directory.rows;
        let Some((low, high)) = self.arrays()?.arrays.bounds(&name) else {
            return Ok(None);
        };
        let range = Seq(low.cast_unsigned())..Seq(high.cast_unsigned().saturating_add(1));
        Ok((range.end.0.checked_sub(range.start.0) == Some(rows)).then_some(range))
    }

    /// Its name for `_seq`: the first column behind the typed ones.
    fn seq_column(&self) -> Result<String> {
        let fields = self.arrays()?.schema().fields();
        let place = fields.len().checked_sub(SYSTEM);
        let field = place.and_then(|place| fields.get(place));
        let found = field.filter(|field| field.name().starts_with(SEQ));
        found
            .map(|field| field.name().clone())
            .ok_or_else(|| self.file.damaged(0, "it has no sequence numbers"))
    }
}
