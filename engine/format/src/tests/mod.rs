//! Tests of the format: round trips, hostile bytes, fixed bytes.

mod golden;
mod hostile;
mod roundtrip;
mod rows;
mod samples;
mod small;
mod vectors;
