//! The server as its users meet it: a process, a socket, a log and views in a directory.
//!
//! Nothing of the server's code is called; what is asked and answered stands here as text.

#![expect(clippy::unwrap_used, reason = "what a test prepares fails as loudly as what it claims")]

mod april;
mod client;
mod defaults;
mod documents;
mod events;
mod imports;
mod metering;
mod owners;
mod quotes;
mod refusals;
mod repeats;
mod restarts;
mod server;
mod tenancy;
