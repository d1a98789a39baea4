//! An answer that is on its way: awaited by a task or waited for by a thread.
//!
//! No runtime is needed: the writer completes it, whoever asked is woken. An answer whose writer
//! vanished is the writer's to prevent; [`Completer`] panics nowhere and completes exactly once.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::Thread;

/// Who is to be woken. A condition variable would ask the system at every answer, also where nobody
/// sleeps.
enum Waiting {
    Nobody,
    Task(Waker),
    Thread(Thread),
}

enum State<T> {
    Waiting(Waiting),
    Ready(T),
    Taken,
}

type Shared<T> = Arc<Mutex<State<T>>>;

/// The asking side.
pub struct Pending<T> {
    state: Shared<T>,
}

/// The answering side.
pub struct Completer<T> {
    state: Shared<T>,
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
        let state = Arc::new(Mutex::new(State::Waiting(Waiting::Nobody)));
        (Self { state: Arc::clone(&state) }, Completer { state })
    }

    /// An answer known at once.
    pub fn ready(answer: T) -> Self {
        Self { state: Arc::new(Mutex::new(State::Ready(answer))) }
    }

    /// Blocks the thread until the answer is there.
    pub fn wait(self) -> T {
        loop {
            if let Some(answer) = self.take(|| Waiting::Thread(std::thread::current())) {
                return answer;
            }
            std::thread::park();
        }
    }

    /// The answer, or nothing; then whoever is named is woken when it arrives.
    fn take(&self, waiting: impl FnOnce() -> Waiting) -> Option<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Taken) {
            State::Ready(answer) => Some(answer),
            State::Waiting(_) => {
                *state = State::Waiting(waiting());
                None
            }
            State::Taken => unreachable!("an answer is taken once, and a future is ready once"),
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match self.take(|| Waiting::Task(context.waker().clone())) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }
}

impl<T> Completer<T> {
    /// Gives the answer and wakes whoever waits.
    pub fn complete(self, answer: T) {
        let before = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *state, State::Ready(answer))
        };
        match before {
            State::Waiting(Waiting::Task(waker)) => waker.wake(),
            State::Waiting(Waiting::Thread(thread)) => thread.unpark(),
            State::Waiting(Waiting::Nobody) | State::Ready(_) | State::Taken => {}
        }
    }
}
