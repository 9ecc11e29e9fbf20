use std::sync::Arc;

use super::shares::Counted;
use super::*;
use crate::error::ErrorCode;
use crate::request::Caller;
use crate::time::Timestamp;

fn within(name: &str, tokens: Option<usize>, audiences: Option<usize>) -> Within {
    Within { name: name.into(), quota: Quota { tokens, audiences } }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + seconds)
}

fn taken(
    shares: &Arc<Shares>,
    (lane, audience): (&Lane, &str),
    seconds: i64,
) -> Result<Counted, u64> {
    let taken = shares.take(lane, audience, (&Caller::default(), at(seconds)));
    taken.map_err(|refusal| {
        assert_eq!(refusal.code, ErrorCode::QuotaExceeded);
        refusal.free_in.map_or(u64::MAX, |left| left.as_secs())
    })
}

fn had(shares: &Arc<Shares>, lane: &Lane, audience: &str, seconds: i64) -> Result<(), u64> {
    taken(shares, (lane, audience), seconds).map(Counted::keep)
}

#[test]
fn a_lane_has_its_tokens_of_an_hour_and_is_told_when_there_is_room_again() {
    let shares = Arc::new(Shares::default());
    let lane = Lane::In(within("agent", Some(2), None));
    assert!(had(&shares, &lane, "a", 0).is_ok() && had(&shares, &lane, "b", 600).is_ok());
    assert_eq!(had(&shares, &lane, "a", 900).unwrap_err(), 2700);
    let other = Lane::In(within("other", Some(1), None));
    assert!(had(&shares, &other, "a", 900).is_ok(), "another lane's share is its own");
    assert!(had(&shares, &Lane::Free, "a", 900).is_ok());
    assert!(had(&shares, &lane, "a", 3600).is_ok());
    assert_eq!(had(&shares, &lane, "a", 3601).unwrap_err(), 599);
    assert!(had(&shares, &lane, "a", -10).is_ok(), "a clock that was set back counts anew");
    let none = Lane::In(within("none", Some(0), None));
    assert_eq!(had(&shares, &none, "a", 0).unwrap_err(), u64::MAX);
}

#[test]
fn audiences_are_counted_once_each_for_as_long_as_they_are_asked_for() {
    let shares = Arc::new(Shares::default());
    let lane = Lane::In(within("agent", None, Some(2)));
    for (audience, seconds, expected) in [
        ("a", 0, Ok(())),
        ("b", 10, Ok(())),
        ("a", 3000, Ok(())),
        ("c", 3001, Err(609)),
        ("c", 3610, Ok(())),
        ("b", 3611, Err(2989)),
    ] {
        assert_eq!(had(&shares, &lane, audience, seconds), expected, "{audience} {seconds}");
    }
}

#[test]
fn what_has_no_bound_is_not_counted() {
    let kept = |tokens, audiences| {
        let shares = Arc::new(Shares::default());
        let lane = Lane::In(within("agent", tokens, audiences));
        for at in 0..9 {
            assert!(had(&shares, &lane, &at.to_string(), at).is_ok());
        }
        let all = shares.table();
        let share = &all["agent"];
        (share.tokens.len(), share.audiences.len())
    };
    assert_eq!(kept(None, None), (0, 0));
    assert_eq!(kept(Some(10), None), (9, 0));
    assert_eq!(kept(None, Some(10)), (0, 9));
}

#[test]
fn what_came_to_nothing_is_given_back() {
    let shares = Arc::new(Shares::default());
    let lane = Lane::In(within("agent", Some(1), Some(1)));
    for (audience, seconds) in [("a", 0), ("b", 1)] {
        let counted = taken(&shares, (&lane, audience), seconds).unwrap();
        assert!(had(&shares, &lane, audience, seconds).is_err(), "while it is on its way");
        drop(counted);
    }
    assert!(had(&shares, &lane, "a", 2).is_ok());
}

#[test]
fn whoever_may_be_in_any_has_the_least_of_each_and_a_share_of_their_own() {
    let (one, other) = (within("a", Some(5), None), within("b", Some(1), Some(3)));
    let unseen = Lane::Unseen([one.clone(), other].into());
    assert_eq!(unseen.shares()[0].1, Quota { tokens: Some(1), audiences: Some(3) });
    assert_eq!(unseen.possible(), [None, Some("a"), Some("b")]);
    let shares = Arc::new(Shares::default());
    assert!(had(&shares, &unseen, "x", 0).is_ok() && had(&shares, &unseen, "x", 0).is_err());
    assert!(had(&shares, &Lane::In(one), "x", 0).is_ok());
}

#[test]
fn where_what_is_seen_disagrees_a_token_counts_in_each_and_each_has_to_have_room() {
    let (one, other) = (within("a", Some(1), None), within("b", Some(5), Some(1)));
    assert_eq!(Lane::of([one.clone(), one.clone()]), Lane::In(one.clone()));
    assert_eq!(Lane::of([]), Lane::Free);
    let both = Lane::of([other.clone(), one.clone()]);
    assert_eq!(both.possible(), [Some("b"), Some("a")]);
    let shares = Arc::new(Shares::default());
    assert!(had(&shares, &both, "x", 0).is_ok());
    // Neither by the wider one alone, nor beside it.
    assert_eq!(had(&shares, &both, "x", 60).unwrap_err(), 3540);
    assert_eq!(had(&shares, &Lane::In(one), "x", 60).unwrap_err(), 3540);
    assert_eq!(shares.table()["b"].tokens.len(), 1, "a refusal counts nowhere");
    assert!(had(&shares, &Lane::In(other.clone()), "x", 61).is_ok());
    assert_eq!(had(&shares, &Lane::In(other), "y", 62).unwrap_err(), 3599);
}

#[test]
fn what_a_lane_has_had_is_told_with_who_asked_and_when_there_is_room_again() {
    let shares = Arc::new(Shares::default());
    let lane = Lane::In(within("agent", Some(2), None));
    let now = |seconds| {
        let [one] = &*shares.standing(&lane, at(seconds)) else { panic!() };
        one.clone()
    };
    let fresh = now(0);
    assert_eq!((&*fresh.name, fresh.tokens, fresh.is_spent()), ("agent", 0, false));
    assert_eq!((fresh.last, fresh.room_at), (None, None));
    let caller = Caller { pid: Some(7), executable: Some("/bin/x".into()), ..Caller::default() };
    let take = |seconds| shares.take(&lane, "a", (&caller, at(seconds)));
    take(0).unwrap().keep();
    assert_eq!((now(1).tokens, now(1).is_spent()), (1, false));
    take(10).unwrap().keep();
    assert!(take(20).is_err());
    let spent = now(20);
    assert_eq!((spent.tokens, spent.is_spent(), spent.room_at), (2, true, Some(at(3600))));
    let last = Last { program: Some("/bin/x".into()), pid: Some(7), at: at(20) };
    assert_eq!(spent.last, Some(last), "whoever was refused asked, too");
    assert_eq!((now(3600).tokens, now(3600).is_spent()), (1, false));
    let unseen = Lane::Unseen([within("agent", Some(2), None)].into());
    assert_eq!(&*shares.standing(&unseen, at(0))[0].name, "?");
}
