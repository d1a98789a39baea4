//! An append whose answer is noted in the trace of the disk by the thread that gives it, at the
//! moment it is given: between the same two calls of the disk as in a run that nobody watches.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::log::{AppendError, Appended, Pending};
use crate::testing::disk::SimulatedDisk;

use super::Note;

/// An append that was asked for, whose answer is noted by whoever gives it.
pub(super) struct Question {
    pending: Pending<Result<Appended, AppendError>>,
    answered: Arc<Answered>,
    answer: Option<Result<Appended, AppendError>>,
}

struct Answered {
    disk: SimulatedDisk,
    note: Note,
    is_here: Mutex<bool>,
    arrived: Condvar,
}

impl Wake for Answered {
    fn wake(self: Arc<Self>) {
        self.disk.note(self.note.into());
        *self.is_here.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.arrived.notify_all();
    }
}

impl Question {
    pub(super) fn ask(
        disk: &SimulatedDisk,
        mut pending: Pending<Result<Appended, AppendError>>,
        note: Note,
    ) -> Self {
        let is_here = Mutex::new(false);
        let answered =
            Arc::new(Answered { disk: disk.clone(), note, is_here, arrived: Condvar::new() });
        let waker = Waker::from(Arc::clone(&answered));
        let answer = match std::pin::Pin::new(&mut pending).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => {
                // What is too large is refused before it waits behind others: unlike every other
                // answer, it says nothing of what was submitted before it.
                if !matches!(answer, Err(AppendError::TooLarge { .. })) {
                    disk.note(note.into());
                }
                Some(answer)
            }
            Poll::Pending => None,
        };
        Self { pending, answered, answer }
    }

    pub(super) fn wait(self) -> Result<Appended, AppendError> {
        if let Some(answer) = self.answer {
            return answer;
        }
        let mut is_here = self.answered.is_here.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_here {
            is_here = self.answered.arrived.wait(is_here).unwrap_or_else(PoisonError::into_inner);
        }
        drop(is_here);
        self.pending.wait()
    }
}
