//! Work that outlives whoever asked for it, counted: flights to Ping, sign-outs, what is owed. The agent
//! ends when it has landed, or says how much had not.

use std::sync::Arc;
use std::time::Duration;

use dagpass_core::ports::{Pending, Spawn};
use tokio::sync::watch;

/// One set for the whole agent; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Tasks(Arc<watch::Sender<usize>>);

/// Counted for as long as it lives, however its task ends.
struct Counted(Arc<watch::Sender<usize>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|under_way| *under_way -= 1);
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Tasks {
    /// To its end, whatever becomes of the caller. `None` where it broke off: the agent is gone.
    pub(crate) async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let counted = self.counted();
        let task = tokio::spawn(async move {
            let _counted = counted;
            work.await
        });
        task.await.ok()
    }

    /// Waits until nothing is under way, and no longer than that; how much was left.
    pub(crate) async fn drained(&self, limit: Duration) -> usize {
        let mut under_way = self.0.subscribe();
        let landed = under_way.wait_for(|count| *count == 0);
        match tokio::time::timeout(limit, landed).await {
            Ok(_) => 0,
            Err(_) => *self.0.borrow(),
        }
    }

    fn counted(&self) -> Counted {
        self.0.send_modify(|under_way| *under_way += 1);
        Counted(self.0.clone())
    }
}

impl Spawn for Tasks {
    fn spawn(&self, work: Pending<'static, ()>) {
        let counted = self.counted();
        drop(tokio::spawn(async move {
            let _counted = counted;
            work.await;
        }));
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
