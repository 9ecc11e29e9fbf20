//! What every command shares: how it talks and where the agent is. Decides when an agent is started;
//! never keeps a connection.

use std::path::Path;

use dagpass_client::owner::foreign_home;
use dagpass_client::{Agent, ClientError, launch, place};

use crate::commands::approve::wait::{self, PENDING};
use crate::exit::Failure;
use crate::output;

/// Ends a program that runs in our place.
pub(crate) type Stop = Box<dyn Fn() + Send + Sync>;

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
                let agent = self.find()?;
                Ok(self.waited(&agent, &question, question(&agent))?)
            }
            answer => {
                notice_version(&agent);
                Ok(self.waited(&agent, &question, answer)?)
            }
        }
    }

    /// Where a person has to approve it, a terminal waits for that.
    fn waited<T>(
        &self,
        agent: &Agent,
        question: impl Fn(&Agent) -> Result<T, ClientError>,
        answer: Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        match answer {
            Err(ClientError::Refused { reply, .. })
                if reply.error == PENDING && !self.json && output::stderr_is_terminal() =>
            {
                wait::for_answer(agent, reply, question)
            }
            answer => answer,
        }
    }

    /// Asks only an agent that runs already; waits for a person as the other does.
    pub(crate) fn ask_running<T>(
        &self,
        question: impl Fn(&Agent) -> Result<T, ClientError>,
    ) -> Result<T, Failure> {
        let agent = self.find()?;
        let answer = question(&agent);
        Ok(self.waited(&agent, question, answer)?)
    }

    /// One line where the agent that runs was started by another shell and reads another config than
    /// this one would. Not where somebody named the agent: its files may be another machine's.
    pub(crate) fn notice_config(&self) {
        if let Ok(agent) = self.find()
            && let Some(record) = agent.record()
            && !record.config.is_empty()
            && agent.answers().unwrap_or(false)
        {
            compare_config(&record.config);
        }
    }

    pub(crate) fn find(&self) -> Result<Agent, Failure> {
        Ok(Agent::find(self.socket.as_deref())?)
    }

    /// The capability of a run is known to the agent that gave it and to no other.
    fn may_start(&self) -> bool {
        !self.no_start && std::env::var_os("DAGPASS_CAPABILITY").is_none()
    }
}

/// Before files are made in the home folder: an error where it is another user's.
pub(crate) fn home_is_ours() -> Result<(), Failure> {
    foreign_home().map_or(Ok(()), |home| Err(home.into()))
}

fn compare_config(running: &str) {
    let Ok(own) = place::config_path() else { return };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if real(Path::new(running)) != real(&own) {
        output::say(&format!(
            "note: the running agent reads {running}, this shell would read {}: \
             `dagpass agent restart` from here takes that one",
            own.display()
        ));
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
