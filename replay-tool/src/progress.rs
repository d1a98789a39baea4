//! A bar for long work. It hides itself when nobody watches.

use indicatif::{ProgressBar, ProgressStyle};

/// Events between two movements of the bar.
const STEP_EVENTS: u64 = 16 * 1024;

/// How far a pass over the log has come.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    done: u64,
}

impl Progress {
    pub(crate) fn new(events: u64, doing: &'static str) -> Self {
        let bar = ProgressBar::new(events);
        let style = ProgressStyle::with_template(
            "{msg} [{bar:40}] {human_pos}/{human_len} events, {per_sec}, {eta} left",
        );
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(doing);
        Self { bar, done: 0 }
    }

    /// One more event.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        if self.done.is_multiple_of(STEP_EVENTS) {
            self.bar.set_position(self.done);
        }
    }

    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
