//! The guard: room is reserved here before anything is provisioned.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use ledger_core::billing::{Basis, usage_due};
use ledger_core::catalog::LadderTier;
use ledger_core::decide::account::Account;
use ledger_core::decide::account::guard::{GuardRefusal, Reserve, Wanted};
use ledger_core::decide::catalog::Offers;
use ledger_core::event::account::{KindAmount, ReleaseReason};
use ledger_core::id::{DeploymentSlug, ReservationId, ResourceId, ResourceKind, TenantId};
use ledger_core::log::{EventLog, Position};
use ledger_core::stream::Stream;
use ledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Caller, Query, Shared, answer, blocking, done, keys_of, parse_part, tenant_of};
use crate::app::{App, Done};
use crate::body::JsonBody;
use crate::error::ApiError;

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReserveBody {
    /// Its name, by which it is known when it comes again.
    reservation: ReservationId,
    items: Vec<ItemBody>,
    #[serde(default)]
    deployment: Option<DeploymentSlug>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ItemBody {
    kind: ResourceKind,
    #[serde(default = "one")]
    count: u32,
}

fn one() -> u32 {
    1
}

/// The numbers that explain a refusal.
fn refused(refusal: &GuardRefusal) -> ApiError {
    let mut more = Map::new();
    if let GuardRefusal::UpgradeRequired(room) = refusal {
        more.insert("plan".to_owned(), json!(room.plan));
        more.insert(
            "limits".to_owned(),
            json!({
                "max_node_instances": room.instances_max,
                "max_monthly_provisioning": room.limit,
            }),
        );
        more.insert(
            "usage".to_owned(),
            json!({
                "node_instances": room.instances,
                "requested": room.instances_wanted,
                "projected": room.projected,
                "projected_with_request": room.projected_with,
            }),
        );
        more.insert(
            "would_fit".to_owned(),
            json!({
                "node_instances": room.instances_left(),
                "monthly_provisioning": room.limit_left,
            }),
        );
        more.insert("plans".to_owned(), json!(room.plans));
    }
    if let GuardRefusal::CostCapReached { cap, projected_with } = refusal {
        more.insert("cap".to_owned(), json!(cap));
        more.insert("projected_with_request".to_owned(), json!(projected_with));
    }
    ApiError::refused(refusal, more)
}

fn account_stream(tenant: &TenantId) -> Stream {
    Stream::Account(tenant.clone())
}

/// The account, and what was on offer, as of one position.
fn known(
    app: &App,
    tenant: &TenantId,
    as_of: Position,
) -> Result<(Arc<Account>, Arc<Offers>), ApiError> {
    let (account, _) = app.state_as_of::<Account>(&account_stream(tenant), as_of)?;
    let (offers, _) = app.state_as_of::<Offers>(&Stream::Catalog, as_of)?;
    account.currency().ok_or(ApiError::NotFound)?;
    Ok((account, offers))
}

/// What the usage of the month of `at` has cost by then, as far as it was recorded; nothing of a
/// tenant whose account knows it.
fn used(
    app: &App,
    tenant: &TenantId,
    account: &Account,
    (as_of, at): (Position, Timestamp),
) -> Result<Vec<KindAmount>, ApiError> {
    if account.draws_usage() {
        return Ok(Vec::new());
    }
    used_of(&app.basis(tenant, at.period(), as_of)?, at)
}

fn used_of(basis: &Basis, at: Timestamp) -> Result<Vec<KindAmount>, ApiError> {
    Ok(usage_due(basis, at).map_err(|error| ApiError::internal(&error))?.kinds)
}

fn spend_body(
    tenant: &TenantId,
    account: &Account,
    offers: &Offers,
    used: &[KindAmount],
    at: Timestamp,
) -> Result<Value, ApiError> {
    let spend = account.spend(offers, used, at).map_err(|it| refused(&it))?;
    let limits = spend.limits.as_ref().map(|limits| {
        json!({
            "max_node_instances": limits.max_node_instances,
            "max_monthly_provisioning": limits.max_monthly_provisioning,
        })
    });
    Ok(json!({
        "tenant": tenant,
        "node_instances": spend.instances,
        "projected": spend.projected,
        "cap": spend.cap,
        "limit": spend.limit(),
        "percent": spend.percent,
        "alert": spend.alert,
        "plan": account.plan(),
        "limits": limits,
    }))
}

/// What a command about a reservation answers: the month as it was when that was done, so that a
/// repeat is told the same.
fn answered(
    app: &App,
    tenant: &TenantId,
    reservation: &ReservationId,
    (status, made): (StatusCode, &Done),
) -> Result<Response, ApiError> {
    let (as_of, last) = (made.position, made.records.last());
    let at = last.map_or_else(|| app.now(), |it| it.occurred_at);
    let (account, offers) = known(app, tenant, as_of)?;
    let used = used(app, tenant, &account, (as_of, at))?;
    let spend = spend_body(tenant, &account, &offers, &used, at)?;
    Ok(done(status, json!({"reservation": reservation, "spend": spend}), made))
}

/// `GET /tenants/{tenant}/quota`
pub(crate) async fn show(
    State(app): State<Shared>,
    caller: Caller,
    path: Path<String>,
) -> Result<Response, ApiError> {
    let tenant = tenant_of(&path)?;
    caller.principal.read(&tenant)?;
    blocking(move || {
        let (head, now) = (app.log.head(), app.now());
        let (account, offers) = known(&app, &tenant, head)?;
        let panel = account.panel(&offers, now).map_err(|error| ApiError::internal(&error))?;
        let panel = panel.ok_or(ApiError::NotFound)?;
        let tier = |it: Option<(&LadderTier, Timestamp)>| {
            it.map(|(tier, at)| json!({"name": tier.name, "multiplier": tier.multiplier, "at": at}))
        };
        let body = json!({
            "tenant": tenant,
            "plan": panel.term.map(|it| &it.plan),
            "slots": {"total": panel.term.map_or(0, |it| it.slots), "used": panel.slots_used},
            "period_end": panel.term.map(|it| it.ends_at),
            "credit": panel.credit,
            "tier": tier(panel.tier),
            "next_tier": tier(panel.next_tier),
            "last_activity_at": panel.active_at,
        });
        Ok(answer(body, head))
    })
    .await
}

/// `GET /tenants/{tenant}/spend`: the figures of the guard, and what the month has cost by now
/// before tax, which is what its invoice would hold if it ended now.
pub(crate) async fn spend(
    State(app): State<Shared>,
    caller: Caller,
    path: Path<String>,
) -> Result<Response, ApiError> {
    let tenant = tenant_of(&path)?;
    caller.principal.read(&tenant)?;
    blocking(move || {
        let (head, now) = (app.log.head(), app.now());
        let (account, offers) = known(&app, &tenant, head)?;
        let books = app.books_of(&tenant, now.period(), head)?;
        let used = match account.draws_usage() {
            true => Vec::new(),
            false => used_of(&books.basis, now)?,
        };
        let mut spend = spend_body(&tenant, &account, &offers, &used, now)?;
        let accrued = books.expected(now).map_err(|error| ApiError::internal(&error))?;
        spend["accrued"] = json!(accrued.totals.net);
        Ok(answer(spend, head))
    })
    .await
}

/// `POST /tenants/{tenant}/quota/reservations`
pub(crate) async fn reserve(
    State(app): State<Shared>,
    caller: Caller,
    path: Path<String>,
    JsonBody { value: body }: JsonBody<ReserveBody>,
) -> Result<Response, ApiError> {
    let tenant = tenant_of(&path)?;
    caller.principal.write(&tenant)?;
    blocking(move || {
        let command = caller.command(&app, "reserve-quota", keys_of(&tenant), &body, None)?;
        let (at, head) = (command.occurred_at, app.log.head());
        let (account, offers) = known(&app, &tenant, head)?;
        let used = used(&app, &tenant, &account, (head, at))?;
        let made = app.run::<Account>(&account_stream(&tenant), &command, |account| {
            let wish = Reserve {
                reservation: body.reservation.clone(),
                items: body
                    .items
                    .iter()
                    .map(|it| Wanted { kind: it.kind.clone(), count: it.count })
                    .collect(),
                deployment: body.deployment.clone(),
                used: used.clone(),
                at,
            };
            account.reserve(&offers, &wish).map_err(|it| refused(&it))
        })?;
        let status = if made.records.is_empty() { StatusCode::OK } else { StatusCode::CREATED };
        answered(&app, &tenant, &body.reservation, (status, &made))
    })
    .await
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommitBody {
    #[serde(default)]
    resources: Vec<ResourceId>,
}

fn parts(caller: &Caller, path: &(String, String)) -> Result<(TenantId, ReservationId), ApiError> {
    let tenant: TenantId = parse_part(&path.0)?;
    caller.principal.write(&tenant)?;
    Ok((tenant, parse_part(&path.1)?))
}

/// `POST /tenants/{tenant}/quota/reservations/{reservation}/commit`
pub(crate) async fn commit(
    State(app): State<Shared>,
    caller: Caller,
    Path(path): Path<(String, String)>,
    JsonBody { value: body }: JsonBody<CommitBody>,
) -> Result<Response, ApiError> {
    let (tenant, reservation) = parts(&caller, &path)?;
    blocking(move || {
        let asked = (&reservation, &body);
        let command = caller.command(&app, "commit-quota", keys_of(&tenant), &asked, None)?;
        let made = app.run::<Account>(&account_stream(&tenant), &command, |account| {
            account.commit(&reservation, body.resources.clone()).map_err(|it| refused(&it))
        })?;
        answered(&app, &tenant, &reservation, (StatusCode::OK, &made))
    })
    .await
}

/// Why room is given back.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    #[serde(default = "cancelled")]
    reason: ReleaseReason,
}

fn cancelled() -> ReleaseReason {
    ReleaseReason::Cancelled
}

/// `DELETE /tenants/{tenant}/quota/reservations/{reservation}?reason=`
pub(crate) async fn release(
    State(app): State<Shared>,
    caller: Caller,
    Path(path): Path<(String, String)>,
    Query(query): Query<Release>,
) -> Result<Response, ApiError> {
    let (tenant, reservation) = parts(&caller, &path)?;
    blocking(move || {
        let asked = (&reservation, &query);
        let command = caller.command(&app, "release-quota", keys_of(&tenant), &asked, None)?;
        let by = command.actor.role;
        let made = app.run::<Account>(&account_stream(&tenant), &command, |account| {
            account.release(&reservation, query.reason, by).map_err(|it| refused(&it))
        })?;
        answered(&app, &tenant, &reservation, (StatusCode::OK, &made))
    })
    .await
}
