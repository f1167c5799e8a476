//! Two futures in one task.
//!
//! The executor polls a task when any of its operations or timers is done, so these simply poll
//! both: no wakers of their own. They take their futures pinned by the caller (`std::pin::pin!`):
//! an `async fn` that took them by value would hold each of them twice.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs both to their ends.
pub fn join<'a, A: Future, B: Future>(
    a: Pin<&'a mut A>,
    b: Pin<&'a mut B>,
) -> Join<'a, A, B, A::Output, B::Output> {
    Join { a, b, first: None, second: None }
}

/// The future of [`join`].
#[must_use = "futures do nothing unless awaited"]
pub struct Join<'a, A, B, First, Second> {
    a: Pin<&'a mut A>,
    b: Pin<&'a mut B>,
    first: Option<First>,
    second: Option<Second>,
}

// The futures are pinned where they are; what is here may move.
impl<A, B, First, Second> Unpin for Join<'_, A, B, First, Second> {}

impl<A: Future, B: Future> Future for Join<'_, A, B, A::Output, B::Output> {
    type Output = (A::Output, B::Output);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.first.is_none()
            && let Poll::Ready(value) = this.a.as_mut().poll(cx)
        {
            this.first = Some(value);
        }
        if this.second.is_none()
            && let Poll::Ready(value) = this.b.as_mut().poll(cx)
        {
            this.second = Some(value);
        }
        if this.first.is_none() || this.second.is_none() {
            return Poll::Pending;
        }
        match (this.first.take(), this.second.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            _ => Poll::Pending,
        }
    }
}

/// Which of two ended first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first; it also wins a draw.
    First(A),
    /// The second.
    Second(B),
}

/// Runs both until one ends. The other is the caller's to drop or to go on with.
pub fn race<'a, A: Future, B: Future>(a: Pin<&'a mut A>, b: Pin<&'a mut B>) -> Race<'a, A, B> {
    Race { a, b }
}

/// The future of [`race`].
#[must_use = "futures do nothing unless awaited"]
pub struct Race<'a, A, B> {
    a: Pin<&'a mut A>,
    b: Pin<&'a mut B>,
}

impl<A: Future, B: Future> Future for Race<'_, A, B> {
    type Output = Either<A::Output, B::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(value) = self.a.as_mut().poll(cx) {
            return Poll::Ready(Either::First(value));
        }
        self.b.as_mut().poll(cx).map(Either::Second)
    }
}
