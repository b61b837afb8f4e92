//! The exact cache: one answer per key.
