//! Lanes in the wire's words: what each has had, what is left, and who acts in it. Decides no more than whose it
//! is to see: a caller in a lane sees its own share.

use std::sync::Arc;

use dagpass_client::wire::{LaneCaller, LaneCount, LaneStatus};
use dagpass_core::lanes::{Lane, Last, Standing};
use dagpass_core::policy::Action;
use dagpass_core::principal::{Kind, Principal};

use crate::local_api::Api;

pub(in crate::local_api) fn status(api: &Api, principal: &Principal) -> Vec<LaneStatus> {
    let is_person = matches!(principal.kind, Kind::Owner | Kind::Relay | Kind::Agent);
    if !principal.lane.is_free() {
        return api.broker.shares_of(&principal.lane).iter().map(|one| shown(api, one)).collect();
    }
    if is_person && principal.may(Action::ShowConfig) { all(api) } else { Vec::new() }
}

/// Each that there is; what may be in any, once it has asked.
pub(in crate::local_api) fn all(api: &Api) -> Vec<LaneStatus> {
    let config = api.config.current();
    let lanes: Arc<[_]> = config.lanes.iter().map(|lane| lane.within.clone()).collect();
    let of_each = lanes.iter().flat_map(|one| api.broker.shares_of(&Lane::In(one.clone())));
    let mut standing: Vec<Standing> = of_each.collect();
    if !lanes.is_empty() {
        let unseen = api.broker.shares_of(&Lane::Unseen(lanes.clone()));
        standing.extend(unseen.into_iter().filter(|one| one.last.is_some()));
    }
    standing.iter().map(|one| shown(api, one)).collect()
}

fn shown(api: &Api, one: &Standing) -> LaneStatus {
    let count = |most: Option<usize>, used: usize| {
        most.map(|most| LaneCount { used: wide(used), most: wide(most) })
    };
    LaneStatus {
        name: one.name.to_string(),
        tokens: count(one.quota.tokens, one.tokens),
        audiences: count(one.quota.audiences, one.audiences),
        room_at: one.room_at.map(|at| at.as_secs()),
        runs: api.capabilities.runs_in(&one.name),
        last: one.last.as_ref().map(caller),
    }
}

fn caller(last: &Last) -> LaneCaller {
    LaneCaller {
        program: last.program.as_ref().map(|path| path.display().to_string()),
        pid: last.pid,
        at: last.at.as_secs(),
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
