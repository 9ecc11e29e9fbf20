//! The sign-ins under way, one an issuer, and who follows each of them. Whoever wants the same joins: two
//! terminals that are told to sign in have one browser page between them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;
use tokio::sync::mpsc;

use dagpass_client::wire::SignInEvent;
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::profile::{Flow, Issuer};
use dagpass_core::request::SessionKey;
use dagpass_core::sign_in::{Arrival, Claim, NewProof, SignInOptions};

use super::Api;
use super::sign_in::line;

/// How many lines may lie unread before one who follows? A sign-in has a handful.
const UNREAD: usize = 64;

/// Sign-ins under way, by issuer.
#[derive(Debug, Default)]
pub(super) struct SignIns(Mutex<HashMap<Issuer, UnderWay>>);

#[derive(Debug)]
struct UnderWay {
    session: SessionKey,
    flow: Option<Flow>,
    claim: Claim,
    /// The way by which a pasted callback reaches it.
    paste: mpsc::Sender<Arrival>,
    followers: Arc<Followers>,
}

impl SignIns {
    pub(super) fn under_way(&self, issuer: &Issuer) -> bool {
        self.table().contains_key(issuer)
    }

    /// The way by which a pasted callback reaches the sign-in at `issuer`.
    pub(super) fn way_to(&self, issuer: &Issuer) -> Option<mpsc::Sender<Arrival>> {
        self.table().get(issuer).map(|one| one.paste.clone())
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Issuer, UnderWay>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// Is its end an answer to that wish too?
    fn answers(&self, session: &SessionKey, wish: &SignInOptions) -> bool {
        let Claim { proof, accept_subject: whom } = &wish.claim;
        self.session == *session
            && (wish.flow.is_none() || wish.flow == self.flow)
            && weight(*proof) <= weight(self.claim.proof)
            && *whom == self.claim.accept_subject
    }
}

/// How much of a new proof it asks for.
const fn weight(proof: NewProof) -> u8 {
    match proof {
        NewProof::Unneeded => 0,
        NewProof::Wished => 1,
        NewProof::Demanded => 2,
    }
}

/// Where a wish to sign in ends up, with what there is to be heard.
pub(super) enum Place {
    Free(Seat, mpsc::Receiver<Bytes>),
    Joined(mpsc::Receiver<Bytes>),
}

/// One issuer's place among the sign-ins under way; freed when the sign-in ends, however it ends.
pub(super) struct Seat {
    api: Arc<Api>,
    issuer: Issuer,
    followers: Arc<Followers>,
}

impl Seat {
    pub(super) fn take(
        api: &Arc<Api>,
        (session, issuer): (&SessionKey, &Issuer),
        (wish, joins): (&SignInOptions, bool),
        paste: mpsc::Sender<Arrival>,
    ) -> Result<Place, Refusal> {
        let mut table = api.sign_ins.table();
        if let Some(one) = table.get(issuer) {
            let joined = joins && one.answers(session, wish);
            let told = joined.then(|| one.followers.joined_by(Some(&joins_it(issuer)))).flatten();
            return told.map(Place::Joined).ok_or_else(|| is_taken(issuer));
        }
        let followers = Arc::new(Followers::default());
        let told = followers.joined_by(None).ok_or_else(|| is_taken(issuer))?;
        let one = UnderWay {
            session: session.clone(),
            flow: wish.flow,
            claim: wish.claim.clone(),
            paste,
            followers: followers.clone(),
        };
        table.insert(issuer.clone(), one);
        drop(table);
        api.changed();
        Ok(Place::Free(Self { api: api.clone(), issuer: issuer.clone(), followers }, told))
    }

    pub(super) const fn followers(&self) -> &Arc<Followers> {
        &self.followers
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.api.sign_ins.table().remove(&self.issuer);
        self.api.changed();
    }
}

fn is_taken(issuer: &Issuer) -> Refusal {
    Refusal::new(
        ErrorCode::InteractionRequired,
        format!("a sign-in at {} is under way already", issuer.as_str()),
    )
    .hint("finish it in the browser, or press Ctrl-C wherever it is followed")
}

fn joins_it(issuer: &Issuer) -> Bytes {
    let text = format!("a sign-in at {} is under way already: joining it", issuer.as_str());
    line(&SignInEvent::Note { text })
}

/// Whoever follows a sign-in: each hears all of it, from its first step to its end.
#[derive(Debug, Default)]
pub(super) struct Followers(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    lines: Vec<Bytes>,
    to: Vec<mpsc::Sender<Bytes>>,
    /// Nobody followed any more: it ends, and nobody joins.
    deserted: bool,
}

impl Followers {
    /// One who reads no more is one who has gone.
    pub(super) fn tell(&self, line: Bytes) {
        let mut told = self.told();
        told.to.retain(|follower| follower.try_send(line.clone()).is_ok());
        told.lines.push(line);
    }

    /// What has been told, and then what will be. `None` where it ends for want of anybody.
    fn joined_by(&self, first: Option<&Bytes>) -> Option<mpsc::Receiver<Bytes>> {
        let mut told = self.told();
        if told.deserted {
            return None;
        }
        let (follower, heard) = mpsc::channel(UNREAD + told.lines.len());
        let missed = first.into_iter().chain(&told.lines);
        missed.for_each(|line| drop(follower.try_send(line.clone())));
        told.to.push(follower);
        drop(told);
        Some(heard)
    }

    /// Until nobody follows it any more.
    pub(super) async fn deserted(&self) {
        while let Some(follower) = self.one() {
            follower.closed().await;
        }
    }

    fn one(&self) -> Option<mpsc::Sender<Bytes>> {
        let mut told = self.told();
        told.to.retain(|follower| !follower.is_closed());
        told.deserted = told.to.is_empty();
        told.to.first().cloned()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(from: &mut mpsc::Receiver<Bytes>) -> Vec<Bytes> {
        std::iter::from_fn(|| from.try_recv().ok()).collect()
    }

    #[tokio::test]
    async fn whoever_joins_hears_all_of_it_and_it_ends_with_the_last_of_them() {
        let followers = Arc::new(Followers::default());
        let mut first = followers.joined_by(None).unwrap();
        followers.tell(Bytes::from("1"));
        let mut second = followers.joined_by(Some(&Bytes::from("joins"))).unwrap();
        followers.tell(Bytes::from("2"));
        assert_eq!(heard(&mut first), ["1", "2"]);
        assert_eq!(heard(&mut second), ["joins", "1", "2"]);
        let gone = tokio::spawn({
            let followers = followers.clone();
            async move { followers.deserted().await }
        });
        drop(first);
        tokio::task::yield_now().await;
        followers.tell(Bytes::from("3"));
        assert_eq!(heard(&mut second), ["3"], "the first has gone and the second goes on");
        assert!(!gone.is_finished());
        drop(second);
        gone.await.unwrap();
        assert!(followers.joined_by(None).is_none(), "what ends is joined by nobody");
    }

    #[test]
    fn one_who_reads_nothing_is_dropped_and_holds_up_nobody() {
        let followers = Followers::default();
        let deaf = followers.joined_by(None).unwrap();
        let mut reads = followers.joined_by(None).unwrap();
        for _ in 0..=UNREAD {
            followers.tell(Bytes::from("step"));
            assert_eq!(heard(&mut reads).len(), 1);
        }
        assert_eq!((deaf.len(), followers.told().to.len()), (UNREAD, 1));
    }

    #[test]
    fn a_wish_joins_what_answers_it_and_nothing_less() {
        let (paste, _pasted) = mpsc::channel(1);
        let one = |flow, proof, accept: Option<&str>| UnderWay {
            session: SessionKey::of("prod"),
            flow,
            claim: Claim { proof, accept_subject: accept.map(str::to_owned) },
            paste: paste.clone(),
            followers: Arc::default(),
        };
        let wish = |flow, proof, accept: Option<&str>| SignInOptions {
            flow,
            claim: Claim { proof, accept_subject: accept.map(str::to_owned) },
            ..SignInOptions::default()
        };
        use NewProof::{Demanded, Unneeded, Wished};
        let (browser, device) = (Some(Flow::Browser), Some(Flow::Device));
        for (going, wanted, joins) in [
            (one(None, Unneeded, None), wish(None, Unneeded, None), true),
            (one(device, Unneeded, None), wish(None, Wished, None), false),
            (one(device, Wished, None), wish(None, Wished, None), true),
            (one(device, Demanded, None), wish(None, Wished, None), true),
            (one(device, Unneeded, None), wish(device, Unneeded, None), true),
            (one(device, Unneeded, None), wish(browser, Unneeded, None), false),
            (one(None, Unneeded, None), wish(device, Unneeded, None), false),
            (one(None, Wished, None), wish(None, Demanded, None), false),
            (one(None, Demanded, None), wish(None, Demanded, None), true),
            (one(None, Unneeded, None), wish(None, Unneeded, Some("eve")), false),
            (one(None, Unneeded, Some("eve")), wish(None, Unneeded, Some("eve")), true),
            (one(None, Unneeded, Some("eve")), wish(None, Unneeded, None), false),
        ] {
            assert_eq!(one_answers(&going, "prod", &wanted), joins, "{going:?} {wanted:?}");
            assert!(!one_answers(&going, "dev", &wanted), "another session is another sign-in");
        }
    }

    fn one_answers(going: &UnderWay, session: &str, wish: &SignInOptions) -> bool {
        going.answers(&SessionKey::of(session), wish)
    }
}
