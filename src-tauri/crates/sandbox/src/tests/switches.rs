//! Every switch, on its own.
