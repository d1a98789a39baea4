//! The composition root: settings, the log and its views opened once, threads started, HTTP served,
//! everything closed in order.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use ledger_core::cause::in_one_line;
use ledger_core::event::account::Party;
use ledger_core::id::{Actor, Label, PlanCode, Role};
use ledger_core::log::embedded::{EmbeddedLog, OpenError, Options, SystemClock};
use ledger_core::log::keeper::KeeperError;
use ledger_core::log::storage::{DirectoryError, FileSystem, Storage};
use ledger_core::log::{AppendError, EventLog};
use ledger_core::proof::KeyName;

mod app;
mod auth;
mod body;
mod cloudevents;
mod config;
mod documents;
mod error;
mod free;
mod prover;
mod routes;
mod secret;
mod settings;
mod views;

use app::App;
use config::Config;
use settings::Settings;

/// Where the ledger lies within the data directory.
const LEDGER_DIR: &str = "ledger";
/// Where the views lie: derived, may be deleted while nobody runs.
const VIEWS_DIR: &str = "views";
/// The token that is printed, in a file for scripts on this machine.
const TOKEN_FILE: &str = "operator-token";
/// The secret that tokens are signed with, when none is given.
const SECRET_FILE: &str = "jwt-secret";
/// How long the printed token is good.
const TOKEN_LIVES_S: i64 = 12 * 3600;
/// The exit code of a ledger that must not be opened, as sysexits.h calls bad data.
const EXIT_DATA: u8 = 65;
/// The exit code of a log that stopped: a restart recovers it.
const EXIT_STOPPED: u8 = 74;

/// Why the server does not run, or no more.
#[derive(Debug, thiserror::Error)]
enum ServerError {
    #[error("{name} is not {what}: {why}")]
    Setting { name: &'static str, what: &'static str, why: String },
    #[error("cannot use the data directory {path}")]
    Directory {
        path: String,
        #[source]
        source: DirectoryOrIo,
    },
    #[error("the ledger in {path} does not open")]
    Ledger {
        path: String,
        #[source]
        source: OpenError,
    },
    #[error("the proof of the ledger cannot be kept")]
    Keeper(#[from] KeeperError),
    #[error("there is no secret to check tokens with")]
    Secret(#[from] secret::SecretError),
    #[error("the secret is no key")]
    Key(#[from] auth::KeyError),
    #[error("the views cannot be opened")]
    Views(#[from] views::ViewsError),
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
    #[error("cannot listen on {address}")]
    Listen {
        address: std::net::SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the server failed")]
    Serve(#[source] std::io::Error),
    #[error("the log was not closed in order")]
    Close(#[source] AppendError),
}

/// A directory error, whichever layer found it.
#[derive(Debug, thiserror::Error)]
enum DirectoryOrIo {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

#[expect(clippy::print_stderr, reason = "this is the program's own voice")]
fn main() -> ExitCode {
    let config = Config::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("counterfoil: {}", in_one_line(&error));
            match error {
                ServerError::Ledger { .. } => ExitCode::from(EXIT_DATA),
                ServerError::Close(_) => ExitCode::from(EXIT_STOPPED),
                ServerError::Setting { .. }
                | ServerError::Directory { .. }
                | ServerError::Keeper(_)
                | ServerError::Secret(_)
                | ServerError::Key(_)
                | ServerError::Views(_)
                | ServerError::Runtime(_)
                | ServerError::Listen { .. }
                | ServerError::Serve(_) => ExitCode::FAILURE,
            }
        }
    }
}

fn run(config: &Config) -> Result<(), ServerError> {
    let settings = settings_of(config)?;
    let path = config.data.join(LEDGER_DIR);
    let shown = path.display().to_string();
    let storage: Arc<dyn Storage> = match FileSystem::create(&path) {
        Ok(storage) => Arc::new(storage),
        Err(source) => {
            return Err(ServerError::Directory { path: shown, source: source.into() });
        }
    };
    let clock = Arc::new(SystemClock::new());
    let options = Options {
        high_water: config.high_water.into(),
        clock: Arc::clone(&clock) as Arc<_>,
        ..Options::default()
    };
    let log = EmbeddedLog::open(Arc::clone(&storage), options)
        .map_err(|source| ServerError::Ledger { path: shown, source })?;
    let log = Arc::new(log);
    let origin: KeyName = format!("counterfoil/{}", log.ledger())
        .parse()
        .map_err(|error| setting("the ledger's origin", "a key name", &error))?;
    let prover = prover::Prover::start(storage, log.reader(), origin)?;
    let views = views::Views::open(&config.data.join(VIEWS_DIR), Arc::clone(&log))?;
    let key = key_of(config)?;
    let app = Arc::new(App::new(Arc::clone(&log), views, key, clock, settings));
    let resumer = Arc::clone(&app);
    let resumed = std::thread::spawn(move || {
        let actor =
            Actor { who: "rollup".parse().expect("a plain word is an actor"), role: Role::System };
        if let Err(error) = resumer.resume_rollups(actor) {
            tracing::error!(?error, "rollups were not finished");
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServerError::Runtime)?;
    let served = runtime.block_on(serve(config, Arc::clone(&app)));
    // Requests are over; what remains is to close behind them, in the reverse order.
    drop(runtime);
    if resumed.join().is_err() {
        tracing::error!("finishing rollups panicked");
    }
    drop(prover);
    app.views.close();
    drop(app);
    served?;
    match Arc::try_unwrap(log) {
        Ok(log) => log.close().map_err(ServerError::Close),
        // A thread still reads; dropping the last handle closes the log in order as well.
        Err(log) => match log.stopped() {
            None => Ok(()),
            Some(why) => Err(ServerError::Close(AppendError::Stopped { why })),
        },
    }
}

fn setting(name: &'static str, what: &'static str, error: &dyn std::error::Error) -> ServerError {
    ServerError::Setting { name, what, why: error.to_string() }
}

fn settings_of(config: &Config) -> Result<Settings, ServerError> {
    let tax_number = match &config.issuer_tax_number {
        None => None,
        Some(text) => Some(
            text.parse().map_err(|error| setting("--issuer-tax-number", "a tax number", &error))?,
        ),
    };
    let lines = config.issuer_address.iter().map(|it| {
        let line = it.trim().parse::<Label>();
        line.map_err(|error| setting("--issuer-address", "a line of an address", &error))
    });
    let address = lines.collect::<Result<Vec<_>, _>>()?;
    let plans = config.default_plan.iter().map(|it| {
        let code = it.trim().parse::<PlanCode>();
        code.map_err(|error| setting("--default-plan", "a plan code", &error))
    });
    let default_plans = plans.collect::<Result<Vec<_>, _>>()?;
    Ok(Settings {
        issuer: config
            .issuer
            .parse()
            .map_err(|error| setting("--issuer", "an issuer id", &error))?,
        issued_by: Party {
            name: config
                .issuer_name
                .parse()
                .map_err(|error| setting("--issuer-name", "a name", &error))?,
            address,
            tax_number,
        },
        invoice_prefix: config.invoice_prefix.clone(),
        due_days: config.due_days,
        default_plans,
    })
}

fn key_of(config: &Config) -> Result<auth::Key, ServerError> {
    let secret = match &config.jwt_secret_file {
        Some(path) => secret::read(path)?,
        None => {
            let bytes = config.jwt_algorithm.secret_bytes_min();
            secret::read_or_make(&config.data.join(SECRET_FILE), bytes)?
        }
    };
    let (issuer, audience) = (config.jwt_issuer.clone(), config.jwt_audience.clone());
    Ok(auth::Key::new(config.jwt_algorithm, secret, issuer, audience)?)
}

#[expect(clippy::print_stdout, reason = "the link and the token are what a user starts with")]
async fn serve(config: &Config, app: Arc<App>) -> Result<(), ServerError> {
    let address = config.listen;
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|source| ServerError::Listen { address, source })?;
    let address =
        listener.local_addr().map_err(|source| ServerError::Listen { address, source })?;
    let token = auth::mint(&app.key, "operator", &[auth::OPERATOR_ROLE], app.now(), TOKEN_LIVES_S);
    secret::write(&config.data.join(TOKEN_FILE), token.as_bytes())?;
    println!("counterfoil serves http://{address}/api/v1");
    println!("operator token (12 hours, also in {}):", config.data.join(TOKEN_FILE).display());
    println!("{token}");
    let router = routes::router(app);
    axum::serve(listener.tap_io_nodelay(), router)
        .with_graceful_shutdown(shutdown())
        .await
        .map_err(ServerError::Serve)
}

/// A request on an idle connection must not wait for the kernel to fill a packet.
trait NoDelay {
    fn tap_io_nodelay(
        self,
    ) -> axum::serve::TapIo<tokio::net::TcpListener, fn(&mut tokio::net::TcpStream)>;
}

impl NoDelay for tokio::net::TcpListener {
    fn tap_io_nodelay(self) -> axum::serve::TapIo<Self, fn(&mut tokio::net::TcpStream)> {
        use axum::serve::ListenerExt;
        self.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "no nodelay");
            }
        })
    }
}

/// Until the process is asked to end.
async fn shutdown() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => (),
        () = terminated => (),
    }
    tracing::info!("closing");
}
