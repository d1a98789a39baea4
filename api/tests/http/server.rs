//! A real server process on a free port of the loopback, with its ledger in a directory of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use ledger_core::event::Event;
use ledger_core::log::embedded::{EmbeddedLog, Options};
use ledger_core::log::storage::FileSystem;
use ledger_core::log::{EventLog as _, Expected, NewEvent};
use ledger_core::testing::log::append;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client::{Answer, Request};

/// The catalog of DOMAIN's April, and the plans of the guard.
pub(crate) const CATALOGS: [&str; 2] =
    [include_str!("../../../fixtures/catalogs/reseller-aud.json"), LIMITS];
const LIMITS: &str = include_str!("../../../fixtures/catalogs/limits-usd.json");

/// A process and where it answers. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    data: PathBuf,
    process: Child,
    address: SocketAddr,
    operator: String,
    /// The furthest position an answer named: what is read after it knows at least that much, as
    /// with every client that wants to see what it wrote.
    known: AtomicU64,
}

impl Server {
    /// Starts on a data directory; answers when it serves.
    pub(crate) fn start(data: &Path) -> Self {
        Self::run(data, command(data))
    }

    /// Starts by this command, which is one on the data directory.
    pub(crate) fn run(data: &Path, mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next().expect("a server says where it serves").unwrap();
        let address = first.strip_prefix("counterfoil serves http://").unwrap();
        let address = address.strip_suffix("/api/v1").unwrap().parse().unwrap();
        let operator = lines.nth(1).expect("it prints a token").unwrap();
        Self { data: data.to_owned(), process, address, operator, known: AtomicU64::new(0) }
    }

    /// Starts with catalogs, a tenant `acme` in AUD with 10% GST, and `bob` in USD on the
    /// free plan.
    pub(crate) fn furnished(data: &Path) -> Self {
        let server = Self::start(data);
        server.furnish();
        server
    }

    /// Puts into it what [`Self::furnished`] says.
    pub(crate) fn furnish(&self) {
        let server = self;
        for catalog in CATALOGS {
            let path = "/api/v1/catalog?occurred_at=2026-01-01T00:00:00Z";
            server.operator(Request::post(path, catalog)).good();
        }
        for (id, currency) in [("acme", "AUD"), ("bob", "USD")] {
            let body = json!({
                "id": id, "name": format!("Name of {id}"), "currency": currency,
                "occurred_at": "2026-03-01T00:00:00Z",
            });
            server.operator(Request::post("/api/v1/tenants", &body.to_string())).good();
        }
        let profile = json!({
            "customer": {"name": "Acme Pty Ltd", "address": [], "tax_number": null},
            "tax": {"name": "GST", "rate": "10", "basis": "total",
                    "rounding": "half_away_from_zero"},
            "occurred_at": "2026-03-01T00:00:00Z",
        });
        let profile = Request::put("/api/v1/tenants/acme/tax-profile", &profile.to_string());
        server.operator(profile).good();
        let plan = Request::put("/api/v1/tenants/bob/plan", r#"{"plan_code": "free"}"#);
        server.operator(plan).good();
    }

    pub(crate) fn send(&self, request: &Request) -> Answer {
        let answer = request.send(self.address).unwrap();
        if let Some(position) = answer.header("ledger-position").and_then(|it| it.parse().ok()) {
            self.known.fetch_max(position, Ordering::Relaxed);
        }
        answer
    }

    /// Sends as the operator whose token was printed.
    pub(crate) fn operator(&self, request: Request) -> Answer {
        self.send(&self.informed(request).bearer(&self.operator))
    }

    /// Sends as a tenant.
    pub(crate) fn tenant(&self, tenant: &str, request: Request) -> Answer {
        let token = self.token(&json!({"tenant_id": tenant}));
        self.send(&self.informed(request).bearer(&token))
    }

    /// A read that waits for what was written through this client, unless it says itself what for.
    fn informed(&self, request: Request) -> Request {
        let known = self.known.load(Ordering::Relaxed);
        match request.is_read() && !request.has("ledger-wait-for") && known > 0 {
            true => request.header("ledger-wait-for", known),
            false => request,
        }
    }

    /// A token with these claims beside a subject and an hour's life, signed with the server's own
    /// secret.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let secret = std::fs::read(self.data.join("jwt-secret")).unwrap();
        token(&secret, claims)
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        self.process.wait().unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended long ago.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Puts events into the log of a server that has ended, past every decision.
pub(crate) fn put_past_decisions(data: &Path, stream: &str, events: Vec<(&str, Event)>) {
    let storage = FileSystem::create(data.join("ledger")).unwrap();
    let log = EmbeddedLog::open(Arc::new(storage), Options::default()).unwrap();
    let new = |(at, event): (&str, Event)| {
        let occurred_at = at.parse().unwrap();
        NewEvent { event, occurred_at, key: None, fingerprint: None }
    };
    let events = events.into_iter().map(new).collect();
    log.append(append(stream.parse().unwrap(), Expected::Any, events)).wait().unwrap();
    log.close().unwrap();
}

/// The server's command on a data directory and a port that the kernel picks.
pub(crate) fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
    command.arg("--data").arg(data).args(["--listen", "127.0.0.1:0"]);
    command.env("RUST_LOG", "error").stdin(Stdio::null());
    command
}

/// A JSON Web Token by RFC 7515 and nothing of the server's code.
pub(crate) fn token(secret: &[u8], claims: &Value) -> String {
    #[expect(clippy::disallowed_methods, reason = "a token's life is in the server's own time")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut all = json!({"sub": "somebody", "iat": now, "exp": now + 3600});
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let signed = format!(
        "{}.{}",
        base64url(header.to_string().as_bytes()),
        base64url(all.to_string().as_bytes())
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", base64url(&mac.finalize().into_bytes()))
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            let six = bits >> (18 - 6 * place) & 0x3f;
            text.push(char::from(ALPHABET[six as usize]));
        }
    }
    text
}
