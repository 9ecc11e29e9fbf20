//! What proves the clients of the config's profiles.

use super::{SLOW_LIMIT, json, read};
use crate::endpoint::{Agent, Call, Limit};
use crate::error::ClientError;
use crate::wire::{ClientAsk, ClientList, ClientShown};

impl Agent {
    pub fn clients(&self) -> Result<ClientList, ClientError> {
        self.get("/v1/clients", SLOW_LIMIT)
    }

    pub fn change_client(&self, ask: &ClientAsk) -> Result<ClientShown, ClientError> {
        let body = json(ask)?;
        let (body, limit) = (Some(body.as_slice()), Limit::Whole(SLOW_LIMIT));
        read(&self.answer(&Call { method: "PUT", path: "/v1/clients", body, limit })?)
    }
}
