//! Listeners whose flow is over, and that tell its verdict for a while to whoever comes once more. Each
//! leaves its port as soon as another flow wants to listen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::repeats::Repeats;

#[derive(Debug, Default)]
pub(super) struct Lingering(Mutex<Vec<Linger>>);

#[derive(Debug)]
struct Linger {
    stop: oneshot::Sender<()>,
    gone: JoinHandle<()>,
}

impl Lingering {
    /// Ends them all, and waits until their ports are free.
    pub(super) async fn end(&self) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for Linger { stop, gone } in all {
            drop(stop);
            match gone.await {
                // However it ended, its port is free.
                Ok(()) | Err(_) => {}
            }
        }
    }

    fn keep(&self, linger: Linger) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|linger| !linger.gone.is_finished());
        all.push(linger);
    }
}

/// A listener's own end: with its flow, or a while after it where a callback was judged.
pub(super) struct Guard {
    pub(super) accepting: JoinSet<()>,
    pub(super) running: Option<watch::Sender<()>>,
    pub(super) repeats: Arc<Repeats>,
    pub(super) lingering: Arc<Lingering>,
    pub(super) span: Duration,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (false, Ok(runtime)) = (self.repeats.is_empty(), Handle::try_current()) else { return };
        let Some(running) = self.running.take() else { return };
        let (mut accepting, repeats) = (std::mem::take(&mut self.accepting), self.repeats.clone());
        let (span, (stop, stopped)) = (self.span, oneshot::channel::<()>());
        let gone = runtime.spawn(async move {
            if repeats.ended_the_flow().await {
                match timeout(span, stopped).await {
                    // Its time is over, or its port is wanted.
                    Ok(_) | Err(_) => {}
                }
            }
            accepting.shutdown().await;
            drop(running);
        });
        self.lingering.keep(Linger { stop, gone });
    }
}
