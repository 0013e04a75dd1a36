//! The only place that touches files: the Disk trait.

pub mod file_names;
pub mod os;
pub mod sim;
