//! Folds of the log into views, and the machine that runs them.
