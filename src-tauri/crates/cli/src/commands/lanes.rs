//! A lane's share in words: what it has had within the hour, what is left, who asked last. Nothing of it reaches
//! the terminal as it came.

use dagpass_client::wire::{LaneCaller, LaneCount, LaneStatus, UNSEEN_LANE};

use crate::output::word;
use crate::{duration, time};

/// What a share is called: `lane agent`.
pub(super) fn title(lane: &LaneStatus) -> String {
    match lane.name.as_str() {
        UNSEEN_LANE => "lane unseen".to_owned(),
        name => format!("lane {}", word(name)),
    }
}

/// In which lanes a caller is, and nothing where in none: `lane agent`.
pub(super) fn of(lanes: &[String]) -> Option<String> {
    match lanes {
        [] => None,
        [one] if one == UNSEEN_LANE => Some("in any lane, for all that is seen of it".to_owned()),
        [one] => Some(format!("lane {}", word(one))),
        all => Some(format!(
            "lanes {}",
            all.iter().map(|one| word(one)).collect::<Vec<_>>().join(" and ")
        )),
    }
}

pub(super) fn share(lane: &LaneStatus, now: i64) -> String {
    let counts = [(lane.tokens, "token"), (lane.audiences, "audience")];
    let counts = counts.into_iter().filter_map(|(count, what)| Some(counted(count?, what)));
    let mut told: Vec<String> = counts.collect();
    if told.is_empty() {
        told.push("no quota".to_owned());
    }
    if lane.is_spent() {
        told.push(match lane.room_at {
            Some(at) => format!("room again at {}", time::show(at, now)),
            None => "its quota is 0".to_owned(),
        });
    }
    told.extend(lane.last.iter().map(|last| asked(last, now)));
    told.extend(
        (!lane.runs.is_empty())
            .then(|| lane.runs.iter().map(|run| word(run)).collect::<Vec<_>>().join(" ")),
    );
    told.join("; ")
}

/// `2 of 60 tokens this hour, 58 left`.
fn counted(count: LaneCount, what: &str) -> String {
    format!("{} of {} {what}s this hour, {} left", count.used, count.most, count.left())
}

fn asked(last: &LaneCaller, now: i64) -> String {
    let program = last.program.as_deref().and_then(|path| path.rsplit(['/', '\\']).next());
    let program = program.map_or_else(|| "somebody that is not shown".to_owned(), word);
    let pid = last.pid.map(|pid| format!(" {pid}")).unwrap_or_default();
    format!("asked last by {program}{pid} {} ago", duration::show(now - last.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_says_what_was_had_what_is_left_and_who_asked_last() {
        let now = 1_795_548_000;
        let lane = LaneStatus {
            name: "agent".into(),
            tokens: Some(LaneCount { used: 2, most: 60 }),
            audiences: Some(LaneCount { used: 1, most: 3 }),
            last: Some(LaneCaller {
                program: Some("/usr/bin/py\u{1b}thon3".into()),
                pid: Some(7),
                at: now - 120,
            }),
            runs: vec!["run-agent-1".into()],
            ..LaneStatus::default()
        };
        assert_eq!(title(&lane), "lane agent");
        let told = share(&lane, now);
        assert!(!told.contains('\u{1b}'), "{told}");
        assert!(told.starts_with("2 of 60 tokens this hour, 58 left; 1 of 3 audiences this hour, 2 left; asked last by py"), "{told}");
        assert!(told.ends_with("thon3 7 2 min ago; run-agent-1"), "{told}");
        let spent = LaneStatus {
            tokens: Some(LaneCount { used: 60, most: 60 }),
            room_at: Some(now + 600),
            ..LaneStatus::default()
        };
        assert!(share(&spent, now).contains("60 of 60 tokens this hour, 0 left; room again at "));
        assert_eq!(share(&LaneStatus::default(), now), "no quota");
        for (lanes, told) in [
            (&[][..], None),
            (&["agent"], Some("lane agent")),
            (&["a", "b"], Some("lanes a and b")),
            (&["?"], Some("in any lane, for all that is seen of it")),
        ] {
            let lanes: Vec<String> = lanes.iter().map(|one| (*one).to_owned()).collect();
            assert_eq!(of(&lanes).as_deref(), told);
        }
    }
}
