//! `PUT /v1/config` and `POST /v1/config/edit`: the whole text or some keys of it, taken or refused
//! whole.

use dagpass_client::wire::{ConfigEdit, ConfigProblem, ConfigReply};
use dagpass_core::error::{ErrorCode, Refusal};

use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::config::{WriteFailure, Wrong};

pub(super) fn put(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let new: ConfigReply = asked.parse()?;
    api.config.write(&new.text).map_err(|failure| refusal(&failure))?;
    api.adopt_config();
    Ok(reply::json(&api.config.reply()))
}

pub(super) fn edit(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let edit: ConfigEdit = asked.parse()?;
    let edited = api.config.edit(&edit).map_err(|failure| refusal(&failure))?;
    if !edit.dry_run {
        api.adopt_config();
    }
    Ok(reply::json(&edited))
}

pub(super) fn refusal(failure: &WriteFailure) -> Refusal {
    const STAYS: &str = "what was there stays; mend the text and try again";
    let not_taken = || Refusal::new(ErrorCode::ConfigInvalid, "the config was not taken");
    match failure {
        WriteFailure::Problems(problems) => {
            let at =
                |one: &ConfigProblem| format!("line {}: {}: {}", one.line, one.key, one.message);
            let cause = problems.first().map_or_else(|| "it cannot be read".to_owned(), at);
            not_taken().because(cause).hint(STAYS)
        }
        WriteFailure::Edit(wrong @ Wrong::Toml(_)) => {
            not_taken().because(wrong.to_string()).hint(STAYS)
        }
        WriteFailure::Edit(wrong @ Wrong::Key { .. }) => {
            Refusal::new(ErrorCode::InvalidRequest, "that cannot be edited")
                .because(wrong.to_string())
        }
        WriteFailure::Io(_) => {
            Refusal::new(ErrorCode::ServerError, "the config could not be written")
                .because(failure.to_string())
        }
    }
}
