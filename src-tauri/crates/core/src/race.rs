//! Two ways at once, on one task: whichever is first, the other waits to be dropped or resumed.

use std::future::poll_fn;
use std::task::Poll;

use crate::ports::Pending;

/// Which of the two finished.
#[derive(Debug)]
pub(crate) enum First<A, B> {
    Left(A),
    Right(B),
}

/// Resolves with the first to finish. The other keeps its state and may be awaited later.
pub(crate) async fn first<A, B>(
    left: &mut Pending<'_, A>,
    right: &mut Pending<'_, B>,
) -> First<A, B> {
    poll_fn(|cx| {
        if let Poll::Ready(value) = left.as_mut().poll(cx) {
            return Poll::Ready(First::Left(value));
        }
        right.as_mut().poll(cx).map(First::Right)
    })
    .await
}
