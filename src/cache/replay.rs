//! A stored answer in the wire form that this caller asked for.
