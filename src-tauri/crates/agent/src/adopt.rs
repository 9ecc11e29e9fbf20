//! The config in force, handed to whoever lives by it, and the ids of its connections on disk
//! (`connections.json`), which outlive the agent. Never judges a config.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::PoisonError;

use dagpass_client::wire::ConnectionIds;
use dagpass_core::request::{Caller, Transport};

use crate::local_api::Api;
use crate::system;

impl Api {
    /// Hands the config in force to the store and the broker, and writes the ids that outlive us. One
    /// that never was in force changes nothing, on disk least of all.
    pub(crate) fn adopt_config(&self) {
        // One after the other: whoever read an older config does not hand it over last.
        let _one = self.adopting.lock().unwrap_or_else(PoisonError::into_inner);
        self.say_config();
        let Some(ids) = self.config.ids() else { return };
        self.ledger.keep_as(self.config.current().durability);
        self.store.reconsider(self.config.store().as_ref());
        self.adopt_policy();
        let config = self.config.current();
        let sessions = config.sessions();
        let with_profile = |key| config.session(&key).map(|profile| (key, profile));
        self.broker.signs_out_by(config.logout.rules.clone());
        self.broker.configure(sessions.into_iter().filter_map(with_profile));
        self.tell_who_is_out();
        let ids = ConnectionIds { version: 1, connections: ids };
        self.containers.tell_connections(&config);
        let text = serde_json::to_vec(&ids).unwrap_or_default();
        if let Err(error) = system::settle_private(&self.about.connections_file, &text) {
            tracing::error!(%error, "connections.json not written");
        }
        self.changed();
    }

    /// Of the file as it was found. `false` where a change is not on the record: it is owed then.
    pub(crate) fn tell_own_config(&self) -> bool {
        let told = match self.config.is_known() {
            true => self.tell_config(
                &self.config.current(),
                &Caller { transport: Transport::Agent, ..Caller::default() },
            ),
            false => Ok(()),
        };
        if let Err(refusal) = &told {
            tracing::error!(%refusal, "a change of the config is not on the record");
        }
        told.is_ok()
    }

    /// What is wrong with it, in the log and to whoever follows the status.
    pub(crate) fn say_config(&self) {
        for problem in self.config.problems() {
            tracing::error!(line = problem.line, key = problem.key, problem.message, "config");
        }
        let (wanted, port) = (self.config.current().endpoint_port, self.about.tcp_port);
        if wanted != 0 && wanted != port {
            tracing::warn!(wanted, port, "another TCP port is taken at the next start");
        }
        if let Some((here, asked)) = self.store.disagreement() {
            tracing::error!(here, command = asked.command(), "the config asks for another store");
        }
        self.changed();
    }
}

/// The conn_ids that an earlier life of the agent answered for; `None` where there was none.
pub(crate) fn known_ids(connections_file: &Path) -> Option<BTreeSet<String>> {
    let bytes = match std::fs::read(connections_file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        read => read.map_err(|error| error.to_string()),
    };
    let ids = bytes.and_then(|bytes| {
        serde_json::from_slice::<ConnectionIds>(&bytes).map_err(|error| error.to_string())
    });
    match ids {
        Ok(ids) => Some(ids.connections.into_iter().collect()),
        Err(error) => {
            tracing::warn!(error, "connections.json cannot be read");
            None
        }
    }
}
