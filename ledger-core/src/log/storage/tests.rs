//! Short and interrupted calls are gone on with; an error is never tried again.

use std::io::{self, ErrorKind};
use std::sync::Mutex;

use super::{File, read_exact_at, write_all_at};

/// Answers from a script and counts the calls.
struct Scripted {
    answers: Mutex<Vec<io::Result<usize>>>,
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = io::Result<usize>>) -> Self {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        Self { answers: Mutex::new(answers) }
    }

    fn answer(&self) -> io::Result<usize> {
        self.answers.lock().unwrap().pop().expect("no call is made after the last answer")
    }

    fn is_used_up(&self) -> bool {
        self.answers.lock().unwrap().is_empty()
    }
}

impl File for Scripted {
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        self.answer()
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        self.answer()
    }

    fn sync_data(&self) -> io::Result<()> {
        self.answer().map(drop)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.answer().map(drop)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(0)
    }
}

fn interrupted() -> io::Result<usize> {
    Err(ErrorKind::Interrupted.into())
}

#[test]
fn short_and_interrupted_calls_are_gone_on_with() {
    let file = Scripted::new([Ok(1), interrupted(), Ok(3), Ok(4)]);
    write_all_at(&file, &[7; 8], 100).unwrap();
    assert!(file.is_used_up());
    let file = Scripted::new([interrupted(), Ok(5), Ok(3)]);
    read_exact_at(&file, &mut [0; 8], 100).unwrap();
    assert!(file.is_used_up());
}

#[test]
fn an_error_ends_it_at_once() {
    let full = || Err(ErrorKind::StorageFull.into());
    let file = Scripted::new([Ok(3), full(), Ok(5)]);
    assert_eq!(write_all_at(&file, &[7; 8], 0).unwrap_err().kind(), ErrorKind::StorageFull);
    assert!(!file.is_used_up(), "a write is not tried again");
    let file = Scripted::new([Ok(3), full(), Ok(5)]);
    assert_eq!(read_exact_at(&file, &mut [0; 8], 0).unwrap_err().kind(), ErrorKind::StorageFull);
    assert!(!file.is_used_up(), "a read is not tried again");
}

#[test]
fn nothing_written_and_nothing_read_are_errors() {
    let file = Scripted::new([Ok(3), Ok(0)]);
    assert_eq!(write_all_at(&file, &[7; 8], 0).unwrap_err().kind(), ErrorKind::WriteZero);
    let file = Scripted::new([Ok(3), Ok(0)]);
    assert_eq!(read_exact_at(&file, &mut [0; 8], 0).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_place_past_the_last_is_refused() {
    let file = Scripted::new([Ok(4), Ok(4)]);
    let error = write_all_at(&file, &[7; 8], u64::MAX - 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
}
