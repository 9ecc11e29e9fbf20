//! The tripwire: tokens that were issued, looked for in files where nobody should find one. A token is known
//! by its fingerprint alone, so each word of a text that is as long as a token is hashed and looked up: what
//! is found is a token of ours, and never printed. One that is cut, encoded or glued to other letters is not
//! found; of a JWT its shape tells where it begins and ends, an opaque token has to stand as a word by itself.

mod issued;
mod walk;
mod words;

pub use issued::{Issue, Issued};
pub use walk::{Hit, LeftOut, Limits, Looked, Search, logs_of_run};
