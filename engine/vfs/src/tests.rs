//! One suite for every kind of storage, then what only the operating system's can show.

mod conformance;
mod os;
mod small;
