//! The `rustecho` command.
fn main() {}
