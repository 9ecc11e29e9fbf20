//! `/v1/approvals`: what a person is asked and answers. Which answer is whose to give is the core's to
//! judge; here it is put into the wire's words.

use jiff::tz::TimeZone;

use dagpass_client::wire::{
    ApprovalAnswer, ApprovalList, ApprovalReply, Question, StandingApproval, Wanted,
};
use dagpass_core::approvals::{
    About, Answer, Asked as Waiting, Given, Need, Proof, Proven, Spoken, Standing, Subject, Tree,
};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::policy::Action;
use dagpass_core::principal::Principal;
use dagpass_core::time::Timestamp;

use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::reauth::{self, Answerer};

/// The approval a path names: `/v1/approvals/ID`.
pub(super) fn id(path: &str) -> Option<&str> {
    let id = path.strip_prefix("/v1/approvals/")?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

pub(super) fn list(api: &Api, asked: &Asked) -> Reply {
    let shown = api.broker.approvals();
    let given = shown.given.iter().map(given);
    reply::json(&ApprovalList {
        pending: questions(api, &asked.principal),
        standing: given.chain(shown.standing.iter().map(standing)).collect(),
    })
}

/// For those who may look at them: they name programs and folders.
pub(super) fn questions(api: &Api, principal: &Principal) -> Vec<Question> {
    if !principal.may(Action::ShowApprovals) {
        return Vec::new();
    }
    let pending = api.broker.approvals().pending;
    let proves: Vec<Answer> = api.config.current().re_authenticate.proves().collect();
    let shown = |waiting: &Waiting| {
        let yours = api.broker.may_answer(principal, waiting);
        question(waiting, yours, &proves)
    };
    pending.iter().map(shown).collect()
}

pub(super) async fn answer(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: ApprovalAnswer = asked.parse()?;
    let answer = Answer::parse(&ask.answer).ok_or_else(|| {
        let words = Answer::ALL.map(Answer::as_str).join(", ");
        Refusal::new(ErrorCode::InvalidRequest, "that is no answer")
            .because(format!("it is one of {words}"))
    })?;
    let id = id(&asked.path).unwrap_or_default();
    let need = api.config.current().re_authenticate.need(answer);
    let proof = prove(api, &asked.principal, (id, answer, need)).await?;
    let (by, missing) = match &proof {
        Proof::By(who) => (Some((*who).to_owned()), None),
        Proof::Unable(why) => (None, Some(why.clone())),
        Proof::NotAsked | Proof::Unproven { .. } => (None, None),
    };
    let midnight = midnight(api.clock.now());
    let spoken = Spoken { answer, midnight, proven: Proven { need, proof } };
    let answered = api.broker.answer_approval(&asked.principal, id, &spoken);
    api.changed();
    Ok(reply::json(&ApprovalReply {
        id: id.to_owned(),
        answer: ask.answer,
        until: answered?.as_secs(),
        re_authenticated: by,
        not_re_authenticated: missing,
    }))
}

/// Nobody types a password for what is not theirs to answer.
async fn prove(
    api: &Api,
    principal: &Principal,
    (id, answer, need): (&str, Answer, Need),
) -> Result<Proof, Refusal> {
    if need == Need::No {
        return Ok(Proof::NotAsked);
    }
    api.broker.hold_approval(principal, id, answer)?;
    api.changed();
    let (process, uid) = (principal.process.clone(), principal.caller.uid);
    Ok(reauth::prove(Answerer { process, uid }).await)
}

pub(super) fn revoke(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    api.broker.revoke_approval(&asked.principal, id(&asked.path).unwrap_or_default())?;
    api.changed();
    Ok(reply::json(&serde_json::json!({ "revoked": true })))
}

/// Where this machine's day ends.
fn midnight(now: Timestamp) -> Timestamp {
    let at = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or(jiff::Timestamp::MAX);
    let today = at.to_zoned(TimeZone::system());
    let next = today.tomorrow().and_then(|tomorrow| tomorrow.start_of_day());
    next.map_or(now, |next| Timestamp::from_millis(next.timestamp().as_millisecond()))
}

fn question(waiting: &Waiting, yours: bool, proves: &[Answer]) -> Question {
    let may = |answer: &Answer| *answer != Answer::Always || waiting.can_stand();
    Question {
        id: waiting.id.to_string(),
        wanted: wanted(&waiting.about),
        asked_at: waiting.asked_at.as_secs(),
        expires_at: waiting.expires_at.as_secs(),
        times: waiting.times,
        quiet: waiting.is_quiet,
        answers: Answer::ALL.iter().filter(|answer| may(answer)).map(word).collect(),
        proves: proves.iter().filter(|answer| may(answer)).map(word).collect(),
        uncounted: waiting.uncounted.as_deref().map(str::to_owned),
        yours,
    }
}

fn word(answer: &Answer) -> String {
    answer.as_str().to_owned()
}

fn given(given: &Given) -> StandingApproval {
    StandingApproval {
        id: given.id.to_string(),
        answer: word(&given.answer),
        wanted: wanted(&given.about),
        given_at: given.given_at.as_secs(),
        until: given.until.as_secs(),
    }
}

fn standing(standing: &Standing) -> StandingApproval {
    let cwd = Some(standing.folder.display().to_string());
    StandingApproval {
        id: standing.id.to_string(),
        answer: word(&Answer::Always),
        wanted: Wanted { cwd, ..subject(&standing.subject) },
        given_at: standing.given_at.as_secs(),
        until: standing.until.as_secs(),
    }
}

fn wanted(about: &About) -> Wanted {
    let verified = &about.verified;
    let name = |parent: &dagpass_core::policy::facts::Parent| {
        let shown = parent.executable.as_ref().map(|one| one.path.display().to_string());
        shown.unwrap_or_else(|| format!("process {}", parent.pid))
    };
    Wanted {
        pid: about.caller.pid,
        parents: verified.parents.iter().map(name).collect(),
        terminal: verified.terminal.clone(),
        cwd: verified.cwd.as_ref().map(|path| path.display().to_string()),
        run: about.lane.clone(),
        door: match &about.tree {
            Tree::Door(name) if about.lane.is_none() => name.clone(),
            Tree::Door(_) | Tree::Process(_) => about.caller.transport.as_str().to_owned(),
        },
        says: about.caller.context.clone(),
        request: about.request.clone(),
        ..subject(&about.subject)
    }
}

fn subject(subject: &Subject) -> Wanted {
    Wanted {
        action: subject.action.clone(),
        profile: subject.session.clone(),
        connection: subject.connection.clone(),
        deployment: subject.deployment.clone(),
        env: subject.env.clone(),
        resource: subject.resource.clone(),
        scopes: subject.scopes.clone(),
        upstream: subject.upstream.clone(),
        rules: subject.rules.clone(),
        program: subject.program.as_ref().map(|program| program.path.display().to_string()),
        sha256: subject.program.as_ref().and_then(|program| program.sha256.clone()),
        ..Wanted::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_one_approval() {
        assert_eq!(id("/v1/approvals/ap-1"), Some("ap-1"));
        for other in ["/v1/approvals", "/v1/approvals/", "/v1/approvals/a/b", "/v1/runs/ap-1"] {
            assert_eq!(id(other), None, "{other}");
        }
    }

    #[test]
    fn a_day_ends_within_a_day_or_so_and_never_before_now() {
        for secs in [0, 1_795_548_531, 1_800_000_000, 1_774_746_000] {
            let now = Timestamp::from_secs(secs);
            let left = now.until(midnight(now)).as_secs();
            assert!((1..=26 * 3600).contains(&left), "{secs}: {left}");
        }
    }
}
