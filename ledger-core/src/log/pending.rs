//! An answer that is on its way: awaited by a task or waited for by a thread.
//!
//! No runtime is needed: the writer completes it, whoever asked is woken. An answer whose writer
//! vanished is the writer's to prevent; [`Completer`] panics nowhere and completes exactly once.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

enum State<T> {
    Waiting(Option<Waker>),
    Ready(T),
    Taken,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

/// The asking side.
pub struct Pending<T> {
    shared: Arc<Shared<T>>,
}

/// The answering side.
pub struct Completer<T> {
    shared: Arc<Shared<T>>,
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

impl<T> fmt::Debug for Completer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Completer")
    }
}

impl<T> Pending<T> {
    /// A question and the means to answer it.
    pub fn new() -> (Self, Completer<T>) {
        let shared =
            Arc::new(Shared { state: Mutex::new(State::Waiting(None)), arrived: Condvar::new() });
        (Self { shared: Arc::clone(&shared) }, Completer { shared })
    }

    /// An answer known at once.
    pub fn ready(answer: T) -> Self {
        let shared =
            Arc::new(Shared { state: Mutex::new(State::Ready(answer)), arrived: Condvar::new() });
        Self { shared }
    }

    /// Blocks the thread until the answer is there.
    pub fn wait(self) -> T {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match std::mem::replace(&mut *state, State::Taken) {
                State::Ready(answer) => return answer,
                State::Waiting(waker) => *state = State::Waiting(waker),
                State::Taken => unreachable!("an answer is taken once: wait() consumes its holder"),
            }
            state = self.shared.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Taken) {
            State::Ready(answer) => Poll::Ready(answer),
            State::Waiting(_) => {
                *state = State::Waiting(Some(context.waker().clone()));
                Poll::Pending
            }
            State::Taken => unreachable!("a future is not polled after it is ready"),
        }
    }
}

impl<T> Completer<T> {
    /// Gives the answer and wakes whoever waits.
    pub fn complete(self, answer: T) {
        let before = {
            let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *state, State::Ready(answer))
        };
        self.shared.arrived.notify_one();
        if let State::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}
