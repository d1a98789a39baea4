//! An error and what caused it, as one line of text: for logs, answers and reports.
//!
//! The `Display` of an error here never repeats its source, so the chain is walked where it is
//! shown, and only there.

use std::error::Error;

/// An error and what caused it, in one line.
pub fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{what}")]
    struct Failure {
        what: &'static str,
        #[source]
        source: Option<Box<Failure>>,
    }

    #[test]
    fn every_cause_is_told_outermost_first() {
        let failure =
            |what, source: Option<Failure>| Failure { what, source: source.map(Box::new) };
        let disk = failure("the disk is full", None);
        assert_eq!(in_one_line(&disk), "the disk is full");
        let append = failure("nothing was appended", Some(failure("cannot write", Some(disk))));
        assert_eq!(in_one_line(&append), "nothing was appended: cannot write: the disk is full");
    }
}
