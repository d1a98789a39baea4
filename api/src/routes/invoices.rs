//! Invoices: rolled up, listed, shown, explained.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use ledger_core::billing::{
    Ask, Done as Ended, IssueError, IssuedDocument, Preview, PreviewSum, aging, explain, preview,
    sum_previews,
};
use ledger_core::cause::in_one_line;
use ledger_core::event::invoice::DocumentKind;
use ledger_core::id::{DeploymentSlug, InvoiceNumber, KeyId, Note, TenantId};
use ledger_core::log::EventLog;
use ledger_core::money::Money;
use ledger_core::time::{BillingPeriod, Day};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Caller, Query, Shared, answer, blocking, done, parse_part};
use crate::app::{App, Done};
use crate::body::JsonBody;
use crate::error::ApiError;
use crate::free::Free;

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
    /// Issue again what changed since.
    #[serde(default)]
    force: bool,
    /// Why; for what is voided or amended.
    #[serde(default)]
    reason: Option<Note>,
}

/// What became of one tenant's period.
#[derive(Debug, Serialize)]
struct RolledUp {
    tenant: TenantId,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<InvoiceNumber>,
    /// The note that carries the difference to an invoice that stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<InvoiceNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// `POST /invoices/rollup?period=&dry_run=&force=&reason=`
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
        app.views_at(head, super::PATIENCE)?;
        let (tenants, _) = app.views.tenants(&scope)?;
        let terms = app.terms(caller.principal.actor());
        let given = parameters.reason.clone();
        let reason = given.unwrap_or_else(|| "rolled up again".parse().expect("it is short"));
        let ask = match parameters.force {
            true => Ask::Force { reason: &reason },
            false => Ask::RollUp,
        };
        let (mut data, mut previews) = (Vec::new(), Vec::new());
        for (tenant, slugs) in tenants {
            if parameters.tenant.as_ref().is_some_and(|only| *only != tenant) {
                continue;
            }
            data.push(match parameters.dry_run {
                true => previewed(&app, tenant, parameters.period, &slugs, &mut previews)?,
                false => {
                    let of = (&tenant, parameters.period);
                    let ended = app.run_errand(&terms, of, &slugs, ask)?;
                    rolled_up(tenant, ended)
                }
            });
        }
        let (records, position) = (Vec::new(), app.log.head());
        let made = Done { records, position, revision: None, is_repeat: false };
        let period = parameters.period;
        let mut body = json!({"period": period, "dry_run": parameters.dry_run, "data": data});
        if parameters.dry_run {
            let sums = sum_previews(&previews).map_err(|error| ApiError::internal(&error))?;
            let sum = |it: PreviewSum| {
                let PreviewSum { total, last_month, difference } = it;
                json!({"total": total, "last_month": last_month, "difference": difference})
            };
            body["totals"] = sums.into_iter().map(sum).collect();
        }
        Ok(done(StatusCode::OK, body, &made))
    })
    .await
}

fn rolled_up(tenant: TenantId, ended: Result<Ended, IssueError>) -> RolledUp {
    let mut note = None;
    let (status, number, why) = match ended {
        Ok(Ended::Issued(number)) => ("issued", Some(number), None),
        Ok(Ended::Amended { number, note: made }) => {
            note = Some(made);
            ("amended", Some(number), None)
        }
        Ok(Ended::Voided(number)) => ("voided", Some(number), None),
        Ok(Ended::NoLines) => ("no_lines", None, None),
        Ok(Ended::WrittenOff(number)) => ("uncollectible", Some(number), None),
        Ok(Ended::Internal) => ("internal", None, None),
        Ok(Ended::Finished) => ("finished", None, None),
        Err(error) => ("refused", None, Some(in_one_line(&error))),
    };
    RolledUp { tenant, status, number, note, preview: None, why }
}

fn previewed(
    app: &App,
    tenant: TenantId,
    period: BillingPeriod,
    slugs: &[DeploymentSlug],
    previews: &mut Vec<Preview>,
) -> Result<RolledUp, ApiError> {
    let books = app.books(&app.heads(&tenant, period)?, slugs, app.log.head())?;
    let until = app.now().min(period.ends_at());
    let before = match period.previous() {
        Some(before) => Some(app.heads(&tenant, before)?.invoice),
        None => None,
    };
    let previewed = preview(&books, until, before.as_ref());
    let (status, preview, why) = match previewed {
        Ok(None) => ("internal", None, None),
        Ok(Some(it)) => {
            let Preview { composed, last_month, difference } = &it;
            let free = Free::of(&composed.unpriced, &composed.capped)?;
            let preview = json!({
                "lines": composed.lines.iter().map(|it| &it.line).collect::<Vec<_>>(),
                "adjusted": composed.adjusted,
                "unpriced": free.unpriced,
                "capped": free.capped,
                "subtotal": composed.totals.net,
                "tax": composed.totals.tax,
                "total": composed.totals.gross,
                "last_month": last_month,
                "difference": difference,
            });
            previews.push(it);
            ("preview", Some(preview), None)
        }
        Err(error) => ("refused", None, Some(in_one_line(&error))),
    };
    Ok(RolledUp { tenant, status, number: None, note: None, preview, why })
}

fn body_of(tenant: &TenantId, it: &IssuedDocument, today: Day) -> Value {
    json!({
        "number": it.document.number,
        "kind": match it.kind {
            DocumentKind::Invoice => "invoice",
            DocumentKind::CreditNote => "credit_note",
            DocumentKind::DebitNote => "debit_note",
        },
        "tenant": tenant,
        "status": it.state(),
        "overdue": it.is_overdue(today),
        "issued_at": it.issued_at,
        "due_on": it.due_on,
        "issuer": it.document.issuer,
        "issued_by": it.document.issued_by,
        "issued_to": it.document.issued_to,
        "words": it.document.words,
        "lines": it.document.lines,
        "adjusted": it.document.adjusted,
        "subtotal": it.document.totals.net,
        "tax": it.document.totals.tax,
        "total": it.document.totals.gross,
        "paid": it.paid,
        "credit_applied": it.credit_applied,
        "credited": it.credited,
        "to_credit": it.to_credit,
        "due": it.due,
        "amends": it.amends,
        "replaces": it.replaces,
        "reason": it.reason,
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

/// `GET /dashboard/receivables`
pub(crate) async fn receivables(
    State(app): State<Shared>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let scope = caller.principal.read_all()?;
    blocking(move || {
        let (folds, position) = app.views.documents(&scope)?;
        let aged = aging(&folds, app.now().day()).map_err(|error| ApiError::internal(&error))?;
        Ok(answer(aged, position))
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
        let Free { unpriced, capped } = app.free_of(&found)?;
        let mut body = body_of(&found.tenant, &found.issued, app.now().day());
        (body["unpriced"], body["capped"]) = (json!(unpriced), json!(capped));
        Ok(answer(body, found.position))
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
        let folded_to = found.issued.document.folded_to;
        let books = app.books_of(&found.tenant, found.period, folded_to)?;
        let explained = explain(&found.issued, &books);
        let explained = explained.map_err(|error| ApiError::internal(&error))?;
        Ok(answer(explained, found.position))
    })
    .await
}

/// Why an invoice is voided.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoidBody {
    reason: Note,
}

/// `POST /invoices/{number}/void`
pub(crate) async fn void(
    State(app): State<Shared>,
    caller: Caller,
    Path(number): Path<String>,
    JsonBody { value: body }: JsonBody<VoidBody>,
) -> Result<Response, ApiError> {
    let number: InvoiceNumber = parse_part(&number)?;
    blocking(move || {
        let ask = Ask::Void { number: &number, reason: &body.reason };
        changed(&app, &caller, &number, ask, StatusCode::OK)
    })
    .await
}

/// What is given back on an invoice, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreditNoteBody {
    amount: Money,
    reason: Note,
}

/// `POST /invoices/{number}/credit-notes`
pub(crate) async fn credit_note(
    State(app): State<Shared>,
    caller: Caller,
    Path(number): Path<String>,
    JsonBody { value: body }: JsonBody<CreditNoteBody>,
) -> Result<Response, ApiError> {
    let number: InvoiceNumber = parse_part(&number)?;
    blocking(move || {
        let key = match &caller.key {
            Some(key) => key.clone(),
            None => unrepeated(&app),
        };
        let CreditNoteBody { amount, reason } = &body;
        let ask = Ask::Concede { key: &key, number: &number, amount: *amount, reason };
        changed(&app, &caller, &number, ask, StatusCode::CREATED)
    })
    .await
}

/// A command without a key of its own: nobody asks for the same by it again.
fn unrepeated(app: &App) -> KeyId {
    let text = format!("{}.{}", app.now(), app.log.head());
    KeyId::new(&text).expect("an instant and a position are short")
}

/// Does something to a document, and shows it as it is then.
fn changed(
    app: &App,
    caller: &Caller,
    number: &InvoiceNumber,
    ask: Ask<'_>,
    status: StatusCode,
) -> Result<Response, ApiError> {
    let scope = caller.principal.operate()?;
    caller.refuse_if_match()?;
    let head = app.log.head();
    app.views_at(head, super::PATIENCE)?;
    let found = app.views.invoice(&scope, number)?;
    let slugs = app.slugs_of(&found.tenant, head)?;
    let terms = app.terms(caller.principal.actor());
    let of = (&found.tenant, found.period);
    let ended = app.run_errand(&terms, of, &slugs, ask)?.map_err(|error| {
        if let IssueError::Refused(refusal) = &error {
            ApiError::refused(&**refusal, Map::new())
        } else {
            ApiError::internal(&error)
        }
    })?;
    let named = match &ended {
        Ended::Issued(number)
        | Ended::Amended { number, .. }
        | Ended::Voided(number)
        | Ended::WrittenOff(number) => number,
        Ended::NoLines | Ended::Internal | Ended::Finished => number,
    };
    let invoice = app.heads(&found.tenant, found.period)?.invoice;
    let issued = invoice.document(named).ok_or(ApiError::NotFound)?;
    let (records, position) = (Vec::new(), app.log.head());
    let made = Done { records, position, revision: None, is_repeat: false };
    Ok(done(status, body_of(&found.tenant, issued, app.now().day()), &made))
}
