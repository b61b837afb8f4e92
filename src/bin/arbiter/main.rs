//! The native command: checks and renders policies with the same code that runs in the filter.

fn main() {}
