//! The one way out to the network, for whoever of us asks a server: requests, TLS, and answers as they
//! arrived. Never decides what an answer means: that is for the room that knows the server.

mod answer;
mod body;
mod client;
mod crypto;
mod date;
mod failure;
mod stream;
pub(crate) mod tls;

pub(crate) use answer::{Answer, required, text};
pub(crate) use client::{Body, Http};
pub use crypto::install_crypto;
pub(crate) use failure::{before_sending, misconfigured, no_answer, plain, without};
pub(crate) use stream::Secured;
