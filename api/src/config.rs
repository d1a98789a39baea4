//! Settings: arguments, or the environment. Every one has a default that works on one machine.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use ledger_core::log::embedded::HighWater;

use crate::auth;

/// The billing ledger for people who resell cloud.
#[derive(Debug, Parser)]
#[command(name = "counterfoil", version, about, long_about = None)]
pub(crate) struct Config {
    /// Where the ledger lives; made when it is not there.
    #[arg(
        long,
        env = "COUNTERFOIL_DATA",
        default_value = "./counterfoil-data",
        value_name = "DIR"
    )]
    pub(crate) data: PathBuf,
    /// Where to listen.
    #[arg(long, env = "COUNTERFOIL_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// When the high-water mark is durable: before each acknowledgement, or just behind it.
    #[arg(long, env = "COUNTERFOIL_HIGH_WATER", default_value = "trailing")]
    pub(crate) high_water: HighWaterMode,
    /// The algorithm of tokens; the secret is at least as long as its hash.
    #[arg(long, env = "COUNTERFOIL_JWT_ALGORITHM", default_value = "HS256")]
    pub(crate) jwt_algorithm: auth::Algorithm,
    /// The secret tokens are signed with, in a file that only its owner can read. Without it, one
    /// is made in the data directory.
    #[arg(long, env = "COUNTERFOIL_JWT_SECRET_FILE", value_name = "FILE")]
    pub(crate) jwt_secret_file: Option<PathBuf>,
    /// The issuer tokens must name.
    #[arg(long, env = "COUNTERFOIL_JWT_ISSUER")]
    pub(crate) jwt_issuer: Option<String>,
    /// The audience tokens must name.
    #[arg(long, env = "COUNTERFOIL_JWT_AUDIENCE")]
    pub(crate) jwt_audience: Option<String>,
    /// Who issues invoices: the name of the register that numbers come from.
    #[arg(long, env = "COUNTERFOIL_ISSUER", default_value = "main")]
    pub(crate) issuer: String,
    /// The issuer's name as printed on invoices.
    #[arg(long, env = "COUNTERFOIL_ISSUER_NAME", default_value = "Counterfoil Demo Reseller")]
    pub(crate) issuer_name: String,
    /// The issuer's address as printed on invoices: a line each time it is given, or several lines
    /// with a semicolon between them.
    #[arg(long, env = "COUNTERFOIL_ISSUER_ADDRESS", value_delimiter = ';', value_name = "LINE")]
    pub(crate) issuer_address: Vec<String>,
    /// The issuer's tax number as printed on invoices.
    #[arg(long, env = "COUNTERFOIL_ISSUER_TAX_NUMBER")]
    pub(crate) issuer_tax_number: Option<String>,
    /// What invoice numbers begin with.
    #[arg(long, env = "COUNTERFOIL_INVOICE_PREFIX", default_value = "INV-")]
    pub(crate) invoice_prefix: String,
    /// Days from issue until an invoice is due.
    #[arg(long, env = "COUNTERFOIL_DUE_DAYS", default_value_t = 14)]
    pub(crate) due_days: u16,
    /// The limit plan of new tenants: the first of these that has limits and is in the tenant's
    /// currency, one each time it is given, or several with a comma between them. Where none is,
    /// a tenant has no plan, and nothing is provisioned for it.
    #[arg(long, env = "COUNTERFOIL_DEFAULT_PLAN", value_delimiter = ',', value_name = "CODE")]
    pub(crate) default_plan: Vec<String>,
}

/// See [`HighWater`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HighWaterMode {
    /// Written before, synced behind.
    Trailing,
    /// Synced before.
    Strict,
}

impl From<HighWaterMode> for HighWater {
    fn from(mode: HighWaterMode) -> Self {
        match mode {
            HighWaterMode::Trailing => Self::Trailing,
            HighWaterMode::Strict => Self::Strict,
        }
    }
}
