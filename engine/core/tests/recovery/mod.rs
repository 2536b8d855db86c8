//! Recovery shown, not hoped for: the store on storage that crashes, fails, fills up and rots, held against a model.
//!
//! Tests say how many operations, images and flips they tried (`--nocapture`). By default they are bounded so that all
//! of them together take a minute or two; with `LAKEBED_LONG=1` the bounds are those of `make test-long`.

mod acknowledged;
mod backups;
mod clocks;
mod crashes;
mod damage;
mod faults;
mod forgeries;
mod identity;
mod interleavings;
mod machine;
mod repair;
mod repair_columns;
mod repair_interrupted;
mod structures;
mod support;
mod threads;
mod workloads;
