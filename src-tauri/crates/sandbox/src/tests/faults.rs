//! Faults on the wire.
