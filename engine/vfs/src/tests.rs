//! One suite for every kind of storage, then what only the operating system's can show.

mod os;
mod small;
mod suite;
