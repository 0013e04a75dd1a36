//! The program `penstock-ingest`.

fn main() {}
