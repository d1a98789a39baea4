//! Documents as the running server makes them: the pure process of `billing`, driven step by step.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger_core::billing::{
    self, Ask, Basis, Books, Done as Ended, Errand, Heads, InvoiceFold, IssueError, RegisterFold,
    Step, Terms, may_be_unfinished, notes_of,
};
use ledger_core::cause::in_one_line;
use ledger_core::fold::FoldError;
use ledger_core::id::{Actor, DeploymentSlug, IssuerId, TenantId};
use ledger_core::log::{
    AppendError, EventLog, Position, ReadError, ReadStream, Record, Records, Revision,
};
use ledger_core::stream::Stream;
use ledger_core::time::BillingPeriod;

use crate::app::App;
use crate::error::ApiError;

/// Steps of one errand; each takes the process one event further, so a handful always does.
const STEPS_MAX: usize = 64;
/// How long start-up waits for its views.
const PATIENCE_OF_A_START: Duration = Duration::from_secs(60);
/// How long whoever asks waits for them.
const PATIENCE: Duration = Duration::from_secs(10);

impl App {
    fn read_whole(&self, stream: &Stream) -> Result<Records, ReadError> {
        self.log.read_stream(stream, ReadStream::Forwards(Revision::FIRST))
    }

    /// Folds a whole stream that is read rarely.
    pub(crate) fn fold_whole<S>(
        &self,
        stream: &Stream,
        initial: S,
        fold: fn(S, &Record) -> Result<S, FoldError>,
    ) -> Result<S, ApiError> {
        self.read_whole(stream)?.try_fold(initial, |state, record| {
            fold(state, &record?).map_err(|error| ApiError::internal(&error))
        })
    }

    fn registers(&self) -> Result<[IssuerId; 2], ApiError> {
        let issuer = self.settings.issuer.clone();
        let notes = notes_of(&issuer).map_err(|error| ApiError::internal(&error))?;
        Ok([issuer, notes])
    }

    pub(crate) fn heads(
        &self,
        tenant: &TenantId,
        period: BillingPeriod,
    ) -> Result<Heads, ApiError> {
        let [issuer, notes] = self.registers()?;
        let heads = Heads::read([&issuer, &notes], tenant, period, |it| self.read_whole(it));
        heads.map_err(|error| ApiError::internal(&error))
    }

    /// What a tenant's period rests on, as of a position.
    pub(crate) fn basis(
        &self,
        tenant: &TenantId,
        period: BillingPeriod,
        up_to: Position,
    ) -> Result<Basis, ApiError> {
        let slugs = self.slugs_of(tenant, up_to)?;
        let basis = Basis::gather(tenant, period, slugs, up_to, |it| self.read_whole(it));
        basis.map_err(|error| ApiError::internal(&error))
    }

    /// All that the documents of a tenant's period rest on, as of a position.
    pub(crate) fn books_of(
        &self,
        tenant: &TenantId,
        period: BillingPeriod,
        up_to: Position,
    ) -> Result<Books, ApiError> {
        let slugs = self.slugs_of(tenant, up_to)?;
        self.books(&self.heads(tenant, period)?, &slugs, up_to)
    }

    pub(crate) fn books(
        &self,
        heads: &Heads,
        slugs: &[DeploymentSlug],
        up_to: Position,
    ) -> Result<Books, ApiError> {
        let books = heads.gather(slugs.iter().cloned(), up_to, |it| self.read_whole(it));
        books.map_err(|error| ApiError::internal(&error))
    }

    /// Takes one tenant's period to what was asked, from wherever an earlier attempt left it.
    pub(crate) fn run_errand(
        &self,
        terms: &Terms,
        (tenant, period): (&TenantId, BillingPeriod),
        slugs: &[DeploymentSlug],
        ask: Ask<'_>,
    ) -> Result<Result<Ended, IssueError>, ApiError> {
        let mut books: Option<Books> = None;
        for _ in 0..STEPS_MAX {
            let heads = self.heads(tenant, period)?;
            let errand =
                Errand { ask, terms, heads: &heads, books: books.as_ref(), now: self.now() };
            match billing::next(&errand) {
                Ok(Step::Gather(up_to)) => {
                    let up_to = up_to.unwrap_or_else(|| self.log.head());
                    books = Some(self.books(&heads, slugs, up_to)?);
                }
                // Whatever the log says of duplicates and revisions, the next step sees.
                Ok(Step::Append(append)) => match self.log.append_blocking(*append) {
                    Ok(_)
                    | Err(
                        AppendError::WrongRevision { .. }
                        | AppendError::Conflict { .. }
                        | AppendError::PartlyRecorded { .. },
                    ) => (),
                    Err(error) => return Err(error.into()),
                },
                Ok(Step::Done(ended)) => return Ok(Ok(ended)),
                Err(error) => return Ok(Err(error)),
            }
        }
        let detail = format!("{period} of {tenant} is being changed by others");
        Err(ApiError::Unavailable { code: "busy", detail, retry_after_s: 1 })
    }

    /// How this installation prints documents.
    pub(crate) fn terms(&self, actor: Actor) -> Terms {
        Terms {
            issued_by: self.settings.issued_by.clone(),
            tax_words: vec!["Tax invoice".parse().expect("two words are a label")],
            note_words: vec!["Adjustment note".parse().expect("two words are a label")],
            number_prefix: self.settings.invoice_prefix.clone(),
            due_days: self.settings.due_days,
            actor,
        }
    }

    /// Finishes what an earlier life began: numbers without a document, voids without their
    /// replacement, credit that documents moved and the account does not know of.
    pub(crate) fn resume_rollups(&self, actor: Actor) -> Result<(), ApiError> {
        let terms = self.terms(actor);
        let (mut registers, mut periods) = (Vec::new(), BTreeMap::new());
        for issuer in self.registers()? {
            let stream = Stream::Register(issuer.clone());
            let register =
                self.fold_whole(&stream, RegisterFold::of(issuer), RegisterFold::fold)?;
            for (tenant, period, taken) in register.all() {
                let last = periods.entry((tenant.clone(), period)).or_insert(taken.position);
                *last = taken.position.max(*last);
            }
            registers.push(register);
        }
        for ((tenant, period), position) in periods {
            let invoice = InvoiceFold::of(tenant.clone(), period);
            let invoice = self.fold_whole(&invoice.stream(), invoice, InvoiceFold::fold)?;
            if !may_be_unfinished(&registers, &invoice) {
                continue;
            }
            self.views_at(position, PATIENCE_OF_A_START)?;
            let slugs = self.slugs_of(&tenant, position)?;
            if let Err(error) = self.run_errand(&terms, (&tenant, period), &slugs, Ask::Finish)? {
                let why = in_one_line(&error);
                tracing::error!(%tenant, %period, %why, "not finished");
            }
        }
        Ok(())
    }

    /// A tenant's deployments, at least those of a position. A view knows them: a document that
    /// could lack one is not made.
    pub(crate) fn slugs_of(
        &self,
        tenant: &TenantId,
        up_to: Position,
    ) -> Result<Vec<DeploymentSlug>, ApiError> {
        self.views_at(up_to, PATIENCE)?;
        let (mut tenants, _) = self.views.tenants(&self.everything())?;
        Ok(tenants.remove(tenant).unwrap_or_default())
    }

    /// Waits until the views know a position; behind it they are asked nothing.
    pub(crate) fn views_at(&self, position: Position, patience: Duration) -> Result<(), ApiError> {
        if self.views.wait_for(position, patience) {
            return Ok(());
        }
        let detail = format!("the views have not come to position {position} yet");
        Err(ApiError::Unavailable { code: "behind", detail, retry_after_s: 1 })
    }
}
