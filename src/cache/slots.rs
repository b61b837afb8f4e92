//! A bounded store over shared data that has neither bound nor delete.
