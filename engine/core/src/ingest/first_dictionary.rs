//! Holding chunks back until the collection's first dictionary is trained.

use std::path::PathBuf;
use std::time::Instant;

use lakebed_codec::training::Trained;
use lakebed_format::Hash;

use super::LEAST_TRAINED;
use super::lines::Parsed;
use super::pipeline::{Pipeline, Stop};
use super::training::{self, Training};
use crate::error::{Error, Result};
use crate::train::TrainReport;

impl Pipeline<'_> {
    /// Starts to sample a plain file where it is. Any other input has to be read first.
    pub(super) fn sample_file(&mut self, plain_file: Option<PathBuf>) -> Result<()> {
        if let (Training::Gathering, Some(path), Some(size)) =
            (&self.training, plain_file, self.input_size)
        {
            self.training = training::of_file(
                &self.workers,
                path,
                self.position.content,
                size,
                self.frames,
            )?;
        }
        Ok(())
    }

    /// Writes the held chunks of a stream that gives little, and goes on gathering for a dictionary.
    pub(super) fn flush_held(&mut self) -> Result<(), Stop> {
        let held = match (self.held.first(), self.held.last()) {
            (Some(first), Some(last)) => last.end.content - first.offset,
            _ => return Ok(()),
        };
        if held >= LEAST_TRAINED || !matches!(self.training, Training::Gathering) {
            return self.end_training();
        }
        for parsed in std::mem::take(&mut self.held) {
            self.write(parsed)?;
        }
        Ok(())
    }

    /// Holds a chunk until there is a dictionary, or it is known that there will be none.
    pub(super) fn hold(&mut self, parsed: Parsed) -> Result<(), Stop> {
        self.ticker.progress.bytes = parsed.end.raw;
        // An error of the chunk stops the ingest before anything is trained.
        let lines_held: u64 = self.held.iter().map(|held| held.line_count).sum();
        self.check(&parsed, self.lines + lines_held)?;
        self.held_since.get_or_insert_with(Instant::now);
        self.held.push(parsed);
        self.tick()?;
        match &self.training {
            Training::Running(promise) => {
                if let Some(trained) = promise.poll() {
                    self.install(trained?)?;
                } else if self.holds_enough() {
                    self.end_training()?;
                }
            }
            Training::Gathering if self.holds_enough() => self.end_training()?,
            Training::Gathering | Training::Done => {}
        }
        Ok(())
    }

    fn holds_enough(&self) -> bool {
        self.held.iter().map(Parsed::memory).sum::<usize>() >= self.sizes.look_ahead
    }

    /// Trains on the held chunks if nothing was trained yet, waits for the dictionary, and writes the held chunks.
    pub(super) fn end_training(&mut self) -> Result<(), Stop> {
        if let Training::Gathering = self.training {
            self.training = training::of_held(
                &self.workers,
                &self.held,
                self.expected_bytes(),
                self.frames,
            )?;
        }
        match std::mem::replace(&mut self.training, Training::Done) {
            Training::Running(promise) => {
                let trained = self.wait(&promise)?;
                self.install(trained)
            }
            Training::Gathering | Training::Done => self.install(None),
        }
    }

    /// The expected bytes of the whole content: the bytes held, scaled by the share of the input that was read for
    /// them.
    fn expected_bytes(&self) -> u64 {
        let Some(last) = self.held.last() else {
            return 0;
        };
        let held = last.end.content - self.position.content;
        match self.input_size {
            Some(size) if last.end.raw > 0 => {
                let scaled = u128::from(held) * u128::from(size) / u128::from(last.end.raw);
                held.max(u64::try_from(scaled).unwrap_or(u64::MAX))
            }
            _ => held,
        }
    }

    /// Installs a dictionary if it pays, and writes the held chunks.
    fn install(&mut self, trained: Option<Trained>) -> Result<(), Stop> {
        self.training = Training::Done;
        if let Some(trained) = trained.filter(|trained| trained.pays) {
            self.begin_group()?;
            let collection = self.places()?.collection;
            let number = self.writer.install_dictionary(collection, &trained.bytes)?;
            let generation = self
                .writer
                .use_dictionary(collection)?
                .ok_or_else(|| Error::internal("a dictionary that was installed is missing"))?;
            self.report.trained = Some(TrainReport {
                collection: self.report.collection.clone(),
                installed: true,
                number: Some(number),
                generation,
                hash: Hash::of(&trained.bytes),
                size: trained.bytes.len() as u64,
                sample_bytes: trained.sample_bytes,
                held_out_before: trained.held_out_before,
                held_out_after: trained.held_out_after,
                seconds: trained.seconds,
            });
        }
        for parsed in std::mem::take(&mut self.held) {
            self.write(parsed)?;
        }
        Ok(())
    }
}
