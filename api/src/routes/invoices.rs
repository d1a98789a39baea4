//! Invoices: rolled up, listed, shown, explained.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use ledger_core::billing::{
    self, Basis, Done as Ended, InvoiceFold, Preview, RegisterFold, Rollup, Step, Terms, explain,
};
use ledger_core::cause::in_one_line;
use ledger_core::fold::FoldError;
use ledger_core::id::{DeploymentSlug, InvoiceNumber, TenantId};
use ledger_core::log::{AppendError, EventLog, Position, ReadStream, Record, Revision};
use ledger_core::stream::Stream;
use ledger_core::time::BillingPeriod;
use projections::invoice::{Invoice, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Caller, Query, Shared, answer, blocking, done, parse_part};
use crate::app::{App, Done};
use crate::error::ApiError;

/// Steps of one rollup; each takes the process one event further, so a handful always does.
const STEPS_MAX: usize = 64;

/// Which period is rolled up, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    period: BillingPeriod,
    /// Only this tenant.
    #[serde(default)]
    tenant: Option<TenantId>,
    /// Say what would be issued and issue nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What became of one tenant's period.
#[derive(Debug, Serialize)]
struct RolledUp {
    tenant: TenantId,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<InvoiceNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl App {
    /// Folds a whole stream that is read rarely.
    fn fold_whole<S>(
        &self,
        stream: &Stream,
        initial: S,
        fold: fn(S, &Record) -> Result<S, FoldError>,
    ) -> Result<S, ApiError> {
        let records = self.log.read_stream(stream, ReadStream::Forwards(Revision::FIRST))?;
        records.into_iter().try_fold(initial, |state, record| {
            fold(state, &record?).map_err(|error| ApiError::internal(&error))
        })
    }

    fn gather(
        &self,
        tenant: &TenantId,
        period: BillingPeriod,
        slugs: &[DeploymentSlug],
        up_to: Position,
    ) -> Result<Basis, ApiError> {
        Basis::gather(tenant, period, slugs.iter().cloned(), up_to, |stream| {
            self.log.read_stream(stream, ReadStream::Forwards(Revision::FIRST))
        })
        .map_err(|error| ApiError::internal(&error))
    }

    fn invoice_fold(
        &self,
        tenant: &TenantId,
        period: BillingPeriod,
    ) -> Result<InvoiceFold, ApiError> {
        let stream = Stream::Invoice(tenant.clone(), period);
        let empty = InvoiceFold::of(tenant.clone(), period);
        self.fold_whole(&stream, empty, InvoiceFold::fold)
    }

    /// Takes one tenant's period to its invoice, from wherever an earlier attempt left it.
    pub(crate) fn roll_up(
        &self,
        terms: &Terms,
        tenant: &TenantId,
        period: BillingPeriod,
        slugs: &[DeploymentSlug],
    ) -> Result<Result<Ended, String>, ApiError> {
        let issuer = &self.settings.issuer;
        let mut basis: Option<Basis> = None;
        for _ in 0..STEPS_MAX {
            let register = self.fold_whole(
                &Stream::Register(issuer.clone()),
                RegisterFold::of(issuer.clone()),
                RegisterFold::fold,
            )?;
            let invoice = self.invoice_fold(tenant, period)?;
            let rollup = Rollup {
                terms,
                register: &register,
                invoice: &invoice,
                basis: basis.as_ref(),
                now: self.now(),
            };
            match billing::next(&rollup) {
                Ok(Step::Gather(up_to)) => {
                    let up_to = up_to.unwrap_or_else(|| self.log.head());
                    basis = Some(self.gather(tenant, period, slugs, up_to)?);
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
                Err(error) => return Ok(Err(in_one_line(&error))),
            }
        }
        let detail = format!("{period} of {tenant} is being rolled up by others");
        Err(ApiError::Unavailable { code: "busy", detail, retry_after_s: 1 })
    }

    /// How this installation prints invoices.
    pub(crate) fn terms(&self, actor: ledger_core::id::Actor) -> Terms {
        Terms {
            issued_by: self.settings.issued_by.clone(),
            tax_words: vec!["Tax invoice".parse().expect("two words are a label")],
            number_prefix: self.settings.invoice_prefix.clone(),
            due_days: self.settings.due_days,
            actor,
        }
    }

    /// Finishes what an earlier life began: numbers that were taken and have no document.
    pub(crate) fn resume_rollups(&self, actor: ledger_core::id::Actor) -> Result<(), ApiError> {
        let issuer = &self.settings.issuer;
        let register = self.fold_whole(
            &Stream::Register(issuer.clone()),
            RegisterFold::of(issuer.clone()),
            RegisterFold::fold,
        )?;
        let terms = self.terms(actor);
        for (tenant, period, taken) in register.all() {
            let invoice = self.invoice_fold(tenant, period)?;
            if invoice.invoice(&taken.number).is_some() || invoice.notes().contains(&taken.number) {
                continue;
            }
            let slugs = self.slugs_of(tenant, taken.position)?;
            match self.roll_up(&terms, tenant, period, &slugs)? {
                Ok(_) => tracing::info!(%tenant, %period, number = %taken.number, "finished"),
                Err(why) => {
                    tracing::error!(%tenant, %period, number = %taken.number, %why, "not finished");
                }
            }
        }
        Ok(())
    }

    /// A tenant's deployments, at least those of a position.
    fn slugs_of(
        &self,
        tenant: &TenantId,
        up_to: Position,
    ) -> Result<Vec<DeploymentSlug>, ApiError> {
        let scope = self.everything();
        self.views.wait_for(up_to, std::time::Duration::from_secs(60));
        let (mut tenants, _) = self.views.tenants(&scope)?;
        Ok(tenants.remove(tenant).unwrap_or_default())
    }
}

/// `POST /invoices/rollup?period=&dry_run=`
pub(crate) async fn rollup(
    State(app): State<Shared>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let scope = caller.principal.operate()?;
    caller.refuse_if_match()?;
    blocking(move || {
        // The list of deployments comes from a view; it must not be older than what it is for.
        let head = app.log.head();
        if !app.views.wait_for(head, super::PATIENCE) {
            let detail = "the views have not caught up yet".to_owned();
            return Err(ApiError::Unavailable { code: "behind", detail, retry_after_s: 1 });
        }
        let (tenants, _) = app.views.tenants(&scope)?;
        let terms = app.terms(caller.principal.actor());
        let mut data = Vec::new();
        for (tenant, slugs) in tenants {
            if parameters.tenant.as_ref().is_some_and(|only| *only != tenant) {
                continue;
            }
            data.push(match parameters.dry_run {
                true => preview(&app, tenant, parameters.period, &slugs)?,
                false => {
                    let ended = app.roll_up(&terms, &tenant, parameters.period, &slugs)?;
                    rolled_up(tenant, ended)
                }
            });
        }
        let (records, position) = (Vec::new(), app.log.head());
        let made = Done { records, position, revision: None, is_repeat: false };
        let period = parameters.period;
        let body = json!({"period": period, "dry_run": parameters.dry_run, "data": data});
        Ok(done(StatusCode::OK, body, &made))
    })
    .await
}

fn rolled_up(tenant: TenantId, ended: Result<Ended, String>) -> RolledUp {
    let (status, number, why) = match ended {
        Ok(Ended::Issued(number)) => ("issued", Some(number), None),
        Ok(Ended::Voided(number)) => ("voided", Some(number), None),
        Ok(Ended::NoLines) => ("no_lines", None, None),
        Ok(Ended::Internal) => ("internal", None, None),
        Err(why) => ("refused", None, Some(why)),
    };
    RolledUp { tenant, status, number, preview: None, why }
}

fn preview(
    app: &App,
    tenant: TenantId,
    period: BillingPeriod,
    slugs: &[DeploymentSlug],
) -> Result<RolledUp, ApiError> {
    let basis = app.gather(&tenant, period, slugs, app.log.head())?;
    let until = app.now().min(period.ends_at());
    let before = match period.previous() {
        Some(before) => Some(app.invoice_fold(&tenant, before)?),
        None => None,
    };
    let previewed = billing::preview(&basis, until, before.as_ref());
    Ok(match previewed {
        Ok(Preview { priced, last_month, difference }) => RolledUp {
            tenant,
            status: "preview",
            number: None,
            preview: Some(json!({
                "lines": priced.lines.iter().map(|it| &it.line).collect::<Vec<_>>(),
                "subtotal": priced.subtotal,
                "tax": priced.tax,
                "total": priced.total,
                "last_month": last_month,
                "difference": difference,
            })),
            why: None,
        },
        Err(error) => RolledUp {
            tenant,
            status: "refused",
            number: None,
            preview: None,
            why: Some(in_one_line(&error)),
        },
    })
}

fn body_of(tenant: &TenantId, it: &Invoice, today: ledger_core::time::Day) -> Value {
    let is_overdue = it.status == Status::Open && it.due_on < today;
    json!({
        "number": it.document.number,
        "tenant": tenant,
        "status": it.status,
        "overdue": is_overdue,
        "issued_at": it.issued_at,
        "due_on": it.due_on,
        "issuer": it.document.issuer,
        "issued_by": it.document.issued_by,
        "issued_to": it.document.issued_to,
        "words": it.document.words,
        "lines": it.document.lines,
        "subtotal": it.document.totals.net,
        "tax": it.document.totals.tax,
        "total": it.document.totals.gross,
        "paid": it.paid,
        "rules": it.document.rules,
        "folded_to": it.document.folded_to,
        "position": it.position,
    })
}

/// `GET /invoices`
pub(crate) async fn list(State(app): State<Shared>, caller: Caller) -> Result<Response, ApiError> {
    let scope = caller.principal.read_own()?;
    blocking(move || {
        let (invoices, position) = app.views.invoices(&scope)?;
        let today = app.now().day();
        let data: Vec<Value> =
            invoices.iter().map(|(tenant, it)| body_of(tenant, it, today)).collect();
        Ok(answer(json!({"data": data, "position": position}), position))
    })
    .await
}

/// `GET /invoices/{number}`
pub(crate) async fn show(
    State(app): State<Shared>,
    caller: Caller,
    Path(number): Path<String>,
) -> Result<Response, ApiError> {
    let scope = caller.principal.read_own()?;
    let number: InvoiceNumber = parse_part(&number)?;
    blocking(move || {
        let found = app.views.invoice(&scope, &number)?;
        Ok(answer(body_of(&found.tenant, &found.invoice, app.now().day()), found.position))
    })
    .await
}

/// `GET /invoices/{number}/explain`
pub(crate) async fn explain_one(
    State(app): State<Shared>,
    caller: Caller,
    Path(number): Path<String>,
) -> Result<Response, ApiError> {
    let scope = caller.principal.read_own()?;
    let number: InvoiceNumber = parse_part(&number)?;
    blocking(move || {
        let found = app.views.invoice(&scope, &number)?;
        let document = &found.invoice.document;
        let slugs = app.slugs_of(&found.tenant, document.folded_to)?;
        let basis = app.gather(&found.tenant, found.period, &slugs, document.folded_to)?;
        let explained = explain(document, &basis).map_err(|error| ApiError::internal(&error))?;
        Ok(answer(explained, found.position))
    })
    .await
}
