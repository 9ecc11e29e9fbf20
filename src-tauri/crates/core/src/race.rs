//! Several ways at once, on one task: the first of two, or all of many.

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

/// Resolves with every outcome, in order, when the last has finished.
pub(crate) async fn all<T>(mut ways: Vec<Pending<'_, T>>) -> Vec<T> {
    let mut outcomes: Vec<Option<T>> = ways.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (way, outcome) in ways.iter_mut().zip(&mut outcomes) {
            if outcome.is_none()
                && let Poll::Ready(value) = way.as_mut().poll(cx)
            {
                *outcome = Some(value);
            }
        }
        if outcomes.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outcomes.into_iter().flatten().collect()
}
