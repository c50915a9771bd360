//! Command line of the TSD.
fn main() {}
