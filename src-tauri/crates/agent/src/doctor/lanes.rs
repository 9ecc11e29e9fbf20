//! The lanes: how much of its share each has had, and who asked last. A share that is spent is a warning: what
//! runs there is refused.

use dagpass_client::wire::{Finding, LaneStatus, UNSEEN_LANE};

use super::{hint, ok, warning};

pub(super) fn shares(lanes: &[LaneStatus], now: i64) -> Vec<Finding> {
    lanes.iter().map(|lane| share(lane, now)).collect()
}

fn share(lane: &LaneStatus, now: i64) -> Finding {
    let who = match lane.name.as_str() {
        UNSEEN_LANE => "what may be in any lane, for nobody sees where it comes from".to_owned(),
        name => format!("`{name}`"),
    };
    let counts = [(lane.tokens, "tokens"), (lane.audiences, "audiences")];
    let mut told: Vec<String> = counts
        .into_iter()
        .filter_map(|(count, what)| count.map(|count| (count, what)))
        .map(|(count, what)| format!("{} of {} {what} of this hour", count.used, count.most))
        .collect();
    if told.is_empty() {
        told.push("no quota".to_owned());
    }
    if let Some(last) = &lane.last {
        let program = last.program.as_deref().map(|path| path.rsplit(['/', '\\']).next());
        let program = program.flatten().unwrap_or("somebody that is not shown");
        let pid = last.pid.map(|pid| format!(" {pid}")).unwrap_or_default();
        told.push(format!("asked last by {program}{pid}"));
    }
    let detail = format!("{who}: {}", told.join(", "));
    if !lane.is_spent() {
        return ok("lane", None, detail);
    }
    let when = match lane.room_at {
        Some(at) => {
            let minutes = u64::try_from(at.saturating_sub(now)).unwrap_or(0).div_ceil(60);
            format!("there is room again in {minutes} min")
        }
        None => "its quota is 0".to_owned(),
    };
    let find = match lane.name.as_str() {
        // By no name that a shell leaves alone.
        UNSEEN_LANE => "see who had them: `dagpass audit search --lane '?' --since 1h`".to_owned(),
        name => format!("see who had them: `dagpass audit search --lane {name} --since 1h`"),
    };
    hint(warning("lane", None, format!("{detail}: its share is spent, {when}")), find)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_client::wire::{LaneCaller, LaneCount};

    #[test]
    fn a_lane_s_share_is_told_and_one_that_is_spent_is_a_warning_with_who_had_it() {
        let lane = |name: &str, used, most| LaneStatus {
            name: name.into(),
            tokens: Some(LaneCount { used, most }),
            room_at: (used >= most && most > 0).then_some(1_600),
            last: Some(LaneCaller {
                program: Some("/usr/bin/python3".into()),
                pid: Some(7),
                at: 900,
            }),
            ..LaneStatus::default()
        };
        let free = LaneStatus { name: "free".into(), ..LaneStatus::default() };
        let all =
            [lane("agent", 3, 60), lane("agent", 2, 2), lane("none", 0, 0), lane("?", 1, 1), free];
        let told: Vec<_> = shares(&all, 1_000)
            .into_iter()
            .map(|one| (one.verdict, one.detail, one.hint.unwrap_or_default()))
            .collect();
        let by = "asked last by python3 7";
        let find = |name: &str| {
            format!("see who had them: `dagpass audit search --lane {name} --since 1h`")
        };
        let warning = |detail: String, name| ("warning".to_owned(), detail, find(name));
        assert_eq!(
            told[0],
            ("ok".into(), format!("`agent`: 3 of 60 tokens of this hour, {by}"), String::new())
        );
        assert_eq!(
            told[1],
            warning(
                format!(
                    "`agent`: 2 of 2 tokens of this hour, {by}: its share is spent, there is room again in 10 min"
                ),
                "agent"
            )
        );
        assert_eq!(
            told[2],
            warning(
                format!(
                    "`none`: 0 of 0 tokens of this hour, {by}: its share is spent, its quota is 0"
                ),
                "none"
            )
        );
        assert!(
            told[3].1.starts_with("what may be in any lane") && told[3].2 == find("'?'"),
            "{:?}",
            told[3]
        );
        assert_eq!(told[4].1, "`free`: no quota");
    }
}
