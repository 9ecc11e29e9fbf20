//! What every command shares: how it talks and where the agent is. Decides when an agent is started;
//! never keeps a connection.

use dagpass_client::{Agent, ClientError, launch};

use crate::exit::Failure;
use crate::output;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) json: bool,
    pub(crate) no_start: bool,
    pub(crate) socket: Option<String>,
}

impl World {
    /// Asks the agent; starts one where none runs, unless told not to.
    pub(crate) fn ask<T>(
        &self,
        question: impl Fn(&Agent) -> Result<T, ClientError>,
    ) -> Result<T, Failure> {
        let agent = self.find()?;
        match question(&agent) {
            Err(ClientError::NotRunning { .. })
                if self.may_start() && !agent.is_beyond_a_container() =>
            {
                launch::start(&agent)?;
                Ok(question(&self.find()?)?)
            }
            answer => {
                notice_version(&agent);
                Ok(answer?)
            }
        }
    }

    /// Asks only an agent that runs already.
    pub(crate) fn ask_running<T>(
        &self,
        question: impl Fn(&Agent) -> Result<T, ClientError>,
    ) -> Result<T, Failure> {
        Ok(question(&self.find()?)?)
    }

    pub(crate) fn find(&self) -> Result<Agent, Failure> {
        Ok(Agent::find(self.socket.as_deref())?)
    }

    /// The capability of a run is known to the agent that gave it and to no other.
    fn may_start(&self) -> bool {
        !self.no_start && std::env::var_os("DAGPASS_CAPABILITY").is_none()
    }
}

fn notice_version(agent: &Agent) {
    let running = agent.record().map_or("", |record| record.version.as_str());
    if !running.is_empty() {
        compare_version(running);
    }
}

/// One line where the agent is of another version than we are.
pub(crate) fn compare_version(running: &str) {
    let own = env!("CARGO_PKG_VERSION");
    if running != own {
        output::say(&format!(
            "note: the running agent is {running} and this is {own}: run `dagpass agent restart`, \
             which keeps the sessions"
        ));
    }
}
