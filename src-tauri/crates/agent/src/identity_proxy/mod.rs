//! Requests that are sent on to an upstream of the config with a token that their caller never sees: what such a
//! request has to look like, what of its head goes on, to which addresses, and what of the answer comes back. Who
//! asks, whether it may, and the record of it are the local API's (`local_api/proxied`). Not the proxy on the way
//! out, which is `outgoing_proxy`.
//!
//! hyper parses, hyper writes: no byte of a head is passed on as it came, and what is judged is what is sent.

mod address;
mod admit;
mod heads;
mod last;
mod outward;
mod target;

pub(crate) use admit::{Door, Readable, Turned, admit};
pub(crate) use heads::{back, credentials, onward, phantom_in};
pub(crate) use last::{Last, Request as LastRequest};
pub(crate) use outward::{Outgoing, Outward, Unsent};
