//! One function per route of the local API. Decides how long each may take; never what it means.

mod approvals;
mod audit;
mod clients;
mod leases;
mod policy;
mod proxy;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::endpoint::{Agent, Call, Limit, Timed};
use crate::error::ClientError;
use crate::http::Answer;
use crate::wire::{
    ActivityAsk, ActivityReply, AgentEvent, AirflowConnection, ConfigEdit, ConfigPreview,
    ConfigPreviewAsk, ConfigPut, ConfigReply, ConnectionAsk, ConnectionIds, ConnectionList,
    Container, ContainerAsk, ContainerList, DiscoverAsk, DiscoverReply, DoctorAsk, ErrorReply,
    Finding, LoginItem, LoginItemAsk, OutlookAsk, OutlookReply, PastedCallback, PurgeReply,
    RolesAsk, RolesReply, RunAsk, RunReply, SignInAsk, SignInEvent, SignOutAsk, SignOutReply,
    Status, StoreUseAsk, StoreUseReply, TokenAsk, TokenReply, TryAsk, TryReply,
};

/// How long may a normal call take, from connecting to the last byte? The agent answers sooner, be it
/// that Ping does not.
pub const LIMIT: Duration = Duration::from_secs(10);
/// And one that talks to Ping, perhaps through a slow proxy, and to every profile in turn?
pub const SLOW_LIMIT: Duration = Duration::from_secs(60);
/// How long may the stream of events be silent? Its heart beats every 15 seconds.
const SILENCE: Duration = Duration::from_secs(40);

impl Agent {
    pub fn token(&self, ask: &TokenAsk) -> Result<TokenReply, ClientError> {
        self.post("/v1/token", ask, LIMIT)
    }

    pub fn airflow_connection(
        &self,
        ask: &ConnectionAsk,
    ) -> Result<AirflowConnection, ClientError> {
        self.post("/v1/airflow/connection", ask, LIMIT)
    }

    pub fn airflow_roles(&self, ask: &RolesAsk) -> Result<RolesReply, ClientError> {
        self.post("/v1/airflow/roles", ask, SLOW_LIMIT)
    }

    pub fn connections(&self) -> Result<ConnectionIds, ClientError> {
        self.get("/v1/connections", LIMIT)
    }

    pub fn status(&self) -> Result<Status, ClientError> {
        self.get("/v1/status", LIMIT)
    }

    /// What happened, newest first.
    pub fn activity(&self, ask: &ActivityAsk) -> Result<ActivityReply, ClientError> {
        self.get(&query("/v1/activity", ask)?, LIMIT)
    }

    /// What happens, as it happens. Ends with an error where the agent falls silent.
    pub fn events(&self) -> Result<Events, ClientError> {
        let limit = Limit::Silence(SILENCE);
        let call = Call { method: "GET", path: "/v1/events", body: None, limit };
        let answer = self.send(&call)?;
        if answer.status >= 400 {
            return Err(refusal(answer.status, &answer.body()?));
        }
        Ok(Events { answer })
    }

    /// What the config says of each Airflow connection.
    pub fn airflow_connections(&self) -> Result<ConnectionList, ClientError> {
        self.get("/v1/airflow/connections", LIMIT)
    }

    /// Whether a token can be had; it stays in the agent.
    pub fn try_it(&self, ask: &TryAsk) -> Result<TryReply, ClientError> {
        self.post("/v1/try", ask, SLOW_LIMIT)
    }

    pub fn login_item(&self) -> Result<LoginItem, ClientError> {
        self.get("/v1/agent/login-item", LIMIT)
    }

    pub fn set_login_item(&self, enabled: bool) -> Result<LoginItem, ClientError> {
        let body = json(&LoginItemAsk { enabled })?;
        let (body, limit) = (Some(body.as_slice()), Limit::Whole(LIMIT));
        let call = Call { method: "PUT", path: "/v1/agent/login-item", body, limit };
        read(&self.answer(&call)?)
    }

    pub fn doctor(&self, ask: &DoctorAsk) -> Result<Vec<Finding>, ClientError> {
        self.post("/v1/doctor", ask, SLOW_LIMIT)
    }

    /// Opens a store that a passphrase protects.
    pub fn unlock(&self, passphrase: &str) -> Result<Status, ClientError> {
        self.post("/v1/store/unlock", &Unlock { passphrase }, SLOW_LIMIT)
    }

    /// Carries every record into another store.
    pub fn use_store(&self, ask: &StoreUseAsk) -> Result<StoreUseReply, ClientError> {
        self.post("/v1/store/use", ask, SLOW_LIMIT)
    }

    /// Dropping the stream cancels the sign-in.
    pub fn sign_in(&self, ask: &SignInAsk) -> Result<SignIn, ClientError> {
        let body = json(ask)?;
        let body = Some(body.as_slice());
        let call = Call { method: "POST", path: "/v1/sign-in", body, limit: Limit::Never };
        let answer = self.send(&call)?;
        if answer.status >= 400 {
            return Err(refusal(answer.status, &answer.body()?));
        }
        Ok(SignIn { answer })
    }

    pub fn sign_in_callback(&self, pasted: &PastedCallback) -> Result<(), ClientError> {
        self.post_no_answer("/v1/sign-in/callback", pasted)
    }

    pub fn sign_out(&self, ask: &SignOutAsk) -> Result<SignOutReply, ClientError> {
        self.post("/v1/sign-out", ask, SLOW_LIMIT)
    }

    pub fn start_run(&self, ask: &RunAsk) -> Result<RunReply, ClientError> {
        self.post("/v1/runs", ask, LIMIT)
    }

    pub fn end_run(&self, id: &str) -> Result<(), ClientError> {
        self.delete("/v1/runs/", id)
    }

    fn delete(&self, route: &str, id: &str) -> Result<(), ClientError> {
        let path = of_id(route, id)?;
        let call = Call { method: "DELETE", path: &path, body: None, limit: Limit::Whole(LIMIT) };
        self.answer(&call).map(drop)
    }

    pub fn open_container(&self, ask: &ContainerAsk) -> Result<Container, ClientError> {
        self.post("/v1/containers", ask, LIMIT)
    }

    pub fn containers(&self) -> Result<ContainerList, ClientError> {
        self.get("/v1/containers", LIMIT)
    }

    pub fn close_container(&self, id: &str) -> Result<(), ClientError> {
        self.delete("/v1/containers/", id)
    }

    /// Does the session last as long as this DAG took before?
    pub fn run_outlook(&self, ask: &OutlookAsk) -> Result<OutlookReply, ClientError> {
        self.post("/v1/run-outlook", ask, LIMIT)
    }

    pub fn config(&self) -> Result<ConfigReply, ClientError> {
        self.get("/v1/config", LIMIT)
    }

    /// Puts the whole text in the place of the one that `read` told; one with problems is refused, and
    /// so is any that another program's change would be lost by.
    pub fn put_config(&self, text: &str, read: &ConfigReply) -> Result<(), ClientError> {
        // An agent that is older tells none, and knows no such question.
        let digest = Some(read.digest.clone()).filter(|digest| !digest.is_empty());
        let body = json(&ConfigPut { text: text.to_owned(), digest })?;
        let body = Some(body.as_slice());
        let call = Call { method: "PUT", path: "/v1/config", body, limit: Limit::Whole(LIMIT) };
        self.answer(&call).map(drop)
    }

    /// Changes some keys; one with problems is refused and what was there stays.
    pub fn edit_config(&self, edit: &ConfigEdit) -> Result<ConfigReply, ClientError> {
        self.post("/v1/config/edit", edit, LIMIT)
    }

    /// What somebody hands out, fetched where it is a URL, and what is wrong with it.
    pub fn preview_config(&self, ask: &ConfigPreviewAsk) -> Result<ConfigPreview, ClientError> {
        self.post("/v1/config/preview", ask, SLOW_LIMIT)
    }

    /// Signs every session out and removes every keychain record.
    pub fn purge(&self) -> Result<PurgeReply, ClientError> {
        self.post("/v1/purge", &Empty {}, SLOW_LIMIT)
    }

    pub fn discover(&self, ask: &DiscoverAsk) -> Result<DiscoverReply, ClientError> {
        self.post("/v1/discover", ask, SLOW_LIMIT)
    }

    pub fn stop(&self) -> Result<(), ClientError> {
        self.post_no_answer("/v1/agent/stop", &Empty {})
    }

    pub fn pause(&self) -> Result<(), ClientError> {
        self.post_no_answer("/v1/agent/pause", &Empty {})
    }

    pub fn resume(&self) -> Result<(), ClientError> {
        self.post_no_answer("/v1/agent/resume", &Empty {})
    }

    fn get<R: DeserializeOwned>(&self, path: &str, limit: Duration) -> Result<R, ClientError> {
        read(&self.answer(&Call { method: "GET", path, body: None, limit: Limit::Whole(limit) })?)
    }

    fn post<B: Serialize, R: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        limit: Duration,
    ) -> Result<R, ClientError> {
        let body = json(body)?;
        let body = Some(body.as_slice());
        read(&self.answer(&Call { method: "POST", path, body, limit: Limit::Whole(limit) })?)
    }

    fn post_no_answer<B: Serialize>(&self, path: &str, body: &B) -> Result<(), ClientError> {
        let body = json(body)?;
        let body = Some(body.as_slice());
        self.answer(&Call { method: "POST", path, body, limit: Limit::Whole(LIMIT) }).map(drop)
    }

    fn answer(&self, call: &Call<'_>) -> Result<Bytes, ClientError> {
        let seconds = call.limit.seconds();
        let timed_out = |error: ClientError| {
            if error.is_busy() { ClientError::TimedOut { seconds } } else { error }
        };
        let answer = self.send(call).map_err(timed_out)?;
        let status = answer.status;
        let body = answer.body().map_err(timed_out)?;
        if (200..300).contains(&status) { Ok(body) } else { Err(refusal(status, &body)) }
    }
}

/// The events of one sign-in, as they happen.
pub struct SignIn {
    answer: Answer<Timed>,
}

/// What came while a sign-in was waited for.
#[derive(Debug)]
pub enum Within {
    Event(SignInEvent),
    /// Nothing yet.
    Quiet,
    End,
}

impl SignIn {
    /// As `next`, for a caller that has to look up now and then: whether to cancel, say.
    pub fn within(&mut self, limit: Duration) -> Result<Within, ClientError> {
        self.answer.stream().wait_at_most(limit);
        match self.next() {
            Some(Ok(event)) => Ok(Within::Event(event)),
            // What was read before the pause is kept, so the next look goes on from there.
            Some(Err(error)) if error.is_busy() => Ok(Within::Quiet),
            Some(Err(error)) => Err(error),
            None => Ok(Within::End),
        }
    }
}

impl Iterator for SignIn {
    type Item = Result<SignInEvent, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        next_line(&mut self.answer)
    }
}

/// What happens in the agent, as it happens.
pub struct Events {
    answer: Answer<Timed>,
}

impl Iterator for Events {
    type Item = Result<AgentEvent, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        next_line(&mut self.answer)
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}

fn next_line<T: DeserializeOwned>(answer: &mut Answer<Timed>) -> Option<Result<T, ClientError>> {
    loop {
        match answer.line() {
            Ok(Some(line)) if line.is_empty() => {}
            Ok(Some(line)) => return Some(read(&line)),
            Ok(None) => return None,
            Err(error) => return Some(Err(error)),
        }
    }
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignIn")
    }
}

type Bytes = zeroize::Zeroizing<Vec<u8>>;

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Unlock<'a> {
    passphrase: &'a str,
}

fn json<B: Serialize>(body: &B) -> Result<Bytes, ClientError> {
    let bytes = serde_json::to_vec(body);
    bytes.map(Bytes::new).map_err(|error| ClientError::protocol(error.to_string()))
}

fn of_id(route: &str, id: &str) -> Result<String, ClientError> {
    let sound = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    match sound && !id.is_empty() {
        true => Ok(format!("{route}{id}")),
        false => Err(ClientError::protocol("an id is no path")),
    }
}

/// The path with what is asked for behind it, percent-encoded.
fn query<B: Serialize>(path: &str, asked: &B) -> Result<String, ClientError> {
    let asked = serde_json::to_value(asked).map_err(|e| ClientError::protocol(e.to_string()))?;
    let mut text = path.to_owned();
    let asked: BTreeMap<_, _> = asked.as_object().into_iter().flatten().collect();
    for (number, (name, value)) in asked.into_iter().enumerate() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.push(if number == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    text.push(char::from(byte));
                }
                other => text.push_str(&format!("%{other:02X}")),
            }
        }
    }
    Ok(text)
}

/// The text of a parser's error may quote the body, and with it a token: only its place is told.
fn read<R: DeserializeOwned>(body: &[u8]) -> Result<R, ClientError> {
    serde_json::from_slice(body).map_err(|error| {
        ClientError::protocol(format!("its JSON does not fit at column {}", error.column()))
    })
}

pub(crate) fn refusal(status: u16, body: &[u8]) -> ClientError {
    let reply = serde_json::from_slice(body).unwrap_or_else(|_| ErrorReply {
        error: if status == 401 { "invalid_token" } else { "server_error" }.to_owned(),
        error_description: format!("the agent answered HTTP {status}"),
        cause: None,
        hint: None,
        approval: None,
    });
    ClientError::Refused { reply, status }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_goes_into_the_query() {
        let ask = ActivityAsk {
            limit: Some(5),
            dag: Some("etl & load".to_owned()),
            process: Some("/usr/bin/python3".to_owned()),
            ..ActivityAsk::default()
        };
        assert_eq!(
            query("/v1/activity", &ask).unwrap(),
            "/v1/activity?dag=etl%20%26%20load&limit=5&process=%2Fusr%2Fbin%2Fpython3"
        );
        assert_eq!(query("/v1/activity", &ActivityAsk::default()).unwrap(), "/v1/activity");
    }
}
