//! Projected fields of validated records as Arrow arrays.
