//! Work that outlives whoever asked for it, counted: flights to Ping, sign-outs, what is owed. The agent
//! ends, and the machine sleeps, when it has landed, or it is said how much had not. What would begin while
//! the machine goes to sleep waits until it woke: an answer that comes while it sleeps is lost.

use std::sync::Arc;
use std::time::Duration;

use dagpass_core::ports::{Pending, Spawn};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long, awake, does what would begin wait for the word that the machine woke? It may have been missed,
/// and no machine takes as long to fall asleep.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// One set for the whole agent; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks(Arc<watch::Sender<State>>);

#[derive(Debug, Default)]
struct State {
    under_way: usize,
    /// The machine goes to sleep.
    resting: bool,
    /// The agent ends.
    over: bool,
}

impl State {
    fn begins_nothing(&self) -> bool {
        self.resting || self.over
    }
}

/// Counted for as long as it lives, however its task ends.
struct Counted(Tasks);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| state.under_way -= 1);
    }
}

impl Tasks {
    /// Begins it at once, and to its end, whatever becomes of the caller. `None` where it broke off: the
    /// agent is gone.
    pub(crate) fn detached<T, W>(&self, work: W) -> impl Future<Output = Option<T>> + use<T, W>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let task = self.begin(work);
        async move { task.await.ok() }
    }

    /// The machine goes to sleep: nothing begins until it woke.
    pub(crate) fn rest(&self) {
        self.0.send_modify(|state| state.resting = true);
    }

    /// It woke, or did not sleep after all.
    pub(crate) fn go_on(&self) {
        self.0.send_modify(|state| state.resting = false);
    }

    /// Waits until nothing is under way, and no longer than that; how much was left.
    pub(crate) async fn drained(&self, limit: Duration) -> usize {
        let mut under_way = self.0.subscribe();
        let landed = under_way.wait_for(|state| state.under_way == 0);
        match tokio::time::timeout(limit, landed).await {
            Ok(_) => 0,
            Err(_) => self.0.borrow().under_way,
        }
    }

    /// As [`Self::drained`], and from then on nothing begins any more: a code that is redeemed while the
    /// process ends is spent, and its tokens are nobody's.
    pub(crate) async fn drained_for_good(&self, limit: Duration) -> usize {
        let left = self.drained(limit).await;
        self.0.send_modify(|state| state.over = true);
        // What slipped in before the word lands too.
        if left == 0 { self.drained(limit).await } else { left }
    }

    fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        // Whoever drains next sees it already.
        let (counted, tasks) = (self.counted(), self.clone());
        tokio::spawn(async move {
            let _counted = match counted {
                Some(counted) => counted,
                None => tasks.counted_awake().await,
            };
            work.await
        })
    }

    /// `None` while the machine goes to sleep, and at the end.
    fn counted(&self) -> Option<Counted> {
        let counted = self.0.send_if_modified(|state| {
            state.under_way += usize::from(!state.begins_nothing());
            !state.begins_nothing()
        });
        counted.then(|| Counted(self.clone()))
    }

    async fn counted_awake(self) -> Counted {
        loop {
            if let Some(counted) = self.counted() {
                return counted;
            }
            let mut state = self.0.subscribe();
            let woke = state.wait_for(|state| !state.begins_nothing());
            // The timer stands still while the machine sleeps.
            if tokio::time::timeout(LONGEST_REST, woke).await.is_err() {
                self.go_on();
            }
        }
    }
}

impl Spawn for Tasks {
    fn spawn(&self, work: Pending<'static, ()>) {
        drop(self.begin(work));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_is_under_way_is_waited_for_and_no_longer_than_the_limit() {
        let tasks = Tasks::default();
        assert_eq!(tasks.drained(Duration::ZERO).await, 0);
        let (end, ended) = oneshot::channel::<()>();
        tasks.spawn(Box::pin(async move { drop(ended.await) }));
        assert_eq!(tasks.drained(Duration::from_millis(5)).await, 1);
        let waiting = tokio::spawn({
            let tasks = tasks.clone();
            async move { tasks.drained(Duration::from_secs(60)).await }
        });
        end.send(()).unwrap();
        assert_eq!(waiting.await.unwrap(), 0);
    }

    #[tokio::test]
    async fn at_the_end_what_is_under_way_lands_and_nothing_begins_any_more() {
        let tasks = Tasks::default();
        let (land, landed) = oneshot::channel::<()>();
        tasks.spawn(Box::pin(async move { drop(landed.await) }));
        let ending = tokio::spawn({
            let tasks = tasks.clone();
            async move { tasks.drained_for_good(Duration::from_secs(60)).await }
        });
        land.send(()).unwrap();
        assert_eq!(ending.await.unwrap(), 0);
        let (tell, mut told) = oneshot::channel();
        drop(tasks.detached(async move { tell.send(()) }));
        tokio::task::yield_now().await;
        told.try_recv().unwrap_err();
        assert_eq!(tasks.drained(Duration::ZERO).await, 0);
    }

    #[tokio::test]
    async fn what_would_begin_while_the_machine_goes_to_sleep_waits_until_it_woke() {
        let tasks = Tasks::default();
        let (land, landed) = oneshot::channel::<()>();
        tasks.spawn(Box::pin(async move { drop(landed.await) }));
        tasks.rest();
        let (tell, mut told) = oneshot::channel();
        let second = tasks.detached(async move { tell.send(()) });
        tokio::task::yield_now().await;
        // What is under way is waited for, and what waits for the morning is not.
        assert_eq!(tasks.drained(Duration::from_millis(5)).await, 1);
        land.send(()).unwrap();
        assert_eq!(tasks.drained(Duration::from_secs(60)).await, 0);
        told.try_recv().unwrap_err();
        tasks.go_on();
        assert_eq!(second.await, Some(Ok(())));
        told.try_recv().unwrap();
        assert_eq!(tasks.drained(Duration::ZERO).await, 0);
    }

    #[tokio::test]
    async fn it_goes_on_where_its_caller_gives_up_and_counts_where_it_breaks_off() {
        let tasks = Tasks::default();
        let (end, ended) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel::<()>();
        let caller = tokio::spawn({
            let tasks = tasks.clone();
            async move {
                tasks
                    .detached(async move {
                        drop(ended.await);
                        tell.send(())
                    })
                    .await
            }
        });
        tokio::task::yield_now().await;
        caller.abort();
        end.send(()).unwrap();
        told.await.unwrap();
        let panicked = tasks.detached(async { panic!("on purpose, in a test") }).await;
        assert_eq!(panicked, None::<()>);
        assert_eq!(tasks.drained(Duration::from_secs(60)).await, 0);
    }
}
