//! Tenants: registration, what is printed on their documents, which plan limits them.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use ledger_core::decide::account::Account;
use ledger_core::decide::account::profile::ProfileRefusal;
use ledger_core::decide::catalog::Offers;
use ledger_core::event::Event;
use ledger_core::event::account::{Party, Settlement, TaxProfileSet, TaxTerms, TenantRegistered};
use ledger_core::id::{Label, PlanCode, TenantId};
use ledger_core::log::{EventLog, Position, Record, Revision};
use ledger_core::money::{Currency, Money};
use ledger_core::stream::Stream;
use ledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{Caller, Shared, answer, answer_one, blocking, done, keys_of, tenant_of};
use crate::app::{App, Command, State as Fold};
use crate::body::JsonBody;
use crate::error::ApiError;

impl Fold for Account {
    fn take(self, record: &Record) -> Result<Self, ApiError> {
        self.fold(record).map_err(|error| ApiError::internal(&error))
    }
}

impl Fold for Offers {
    fn take(self, record: &Record) -> Result<Self, ApiError> {
        self.fold(record).map_err(|error| ApiError::internal(&error))
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Register {
    id: TenantId,
    name: Label,
    currency: Currency,
    #[serde(default = "invoiced")]
    settlement: Settlement,
    #[serde(default)]
    internal: bool,
    /// When it happened; makes it an import.
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

fn invoiced() -> Settlement {
    Settlement::Invoiced
}

/// A tenant as it is read.
#[derive(Debug, Serialize)]
struct TenantBody {
    id: TenantId,
    name: Label,
    currency: Currency,
    settlement: Settlement,
    internal: bool,
    identity_verified: bool,
    plan: Option<PlanCode>,
    cost_cap: Option<Money>,
    customer: Option<Party>,
    tax: Option<TaxTerms>,
    revision: Option<Revision>,
}

fn body_of(app: &App, tenant: &TenantId, as_of: Position) -> Result<TenantBody, ApiError> {
    let stream = Stream::Account(tenant.clone());
    let (account, revision) = app.state_as_of::<Account>(&stream, as_of)?;
    let registered = account.registered().ok_or(ApiError::NotFound)?;
    Ok(TenantBody {
        id: tenant.clone(),
        name: registered.name.clone(),
        currency: registered.currency,
        settlement: registered.settlement,
        internal: registered.internal,
        identity_verified: account.is_verified(),
        plan: account.plan().cloned(),
        cost_cap: account.cap(),
        customer: account.tax_profile().map(|it| it.customer.clone()),
        tax: account.tax_profile().and_then(|it| it.tax.clone()),
        revision,
    })
}

/// Runs a command on one account and answers with what the tenant has become.
fn change(
    app: &App,
    (tenant, command): (&TenantId, &Command),
    status: StatusCode,
    decide: impl Fn(&Account) -> Result<Vec<Event>, ProfileRefusal>,
) -> Result<Response, ApiError> {
    let made = app.run::<Account>(&Stream::Account(tenant.clone()), command, |account| {
        decide(account).map_err(|it| ApiError::refused(&it, Map::new()))
    })?;
    Ok(done(status, body_of(app, tenant, made.position)?, &made))
}

/// `POST /tenants`
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody { value: body }: JsonBody<Register>,
) -> Result<Response, ApiError> {
    caller.principal.operate()?;
    blocking(move || {
        let scope = keys_of(&body.id);
        let command = caller.command(&app, "register-tenant", scope, &body, body.occurred_at)?;
        let registered = TenantRegistered {
            name: body.name.clone(),
            currency: body.currency,
            settlement: body.settlement,
            internal: body.internal,
        };
        let (offers, _) = app.state::<Offers>(&Stream::Catalog)?;
        change(&app, (&body.id, &command), StatusCode::CREATED, |account| {
            account.register(&registered, &offers, &app.settings.default_plans)
        })
    })
    .await
}

#[derive(Debug, Serialize)]
struct ListBody<T> {
    data: Vec<T>,
    position: u64,
}

/// `GET /tenants`
pub(crate) async fn list(State(app): State<Shared>, caller: Caller) -> Result<Response, ApiError> {
    let scope = caller.principal.read_all()?;
    blocking(move || {
        let (tenants, position) = app.views.tenants(&scope)?;
        let head = app.log.head();
        let data: Vec<TenantBody> =
            tenants.keys().map(|tenant| body_of(&app, tenant, head)).collect::<Result<_, _>>()?;
        Ok(answer(ListBody { data, position: position.get() }, position))
    })
    .await
}

/// `GET /tenants/{tenant}`
pub(crate) async fn show(
    State(app): State<Shared>,
    caller: Caller,
    path: Path<String>,
) -> Result<Response, ApiError> {
    let tenant = tenant_of(&path)?;
    caller.principal.read(&tenant)?;
    blocking(move || {
        let head = app.log.head();
        let body = body_of(&app, &tenant, head)?;
        let revision = body.revision;
        Ok(answer_one(body, head, revision))
    })
    .await
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaxProfile {
    customer: Party,
    tax: Option<TaxTerms>,
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

/// `PUT /tenants/{tenant}/tax-profile`
pub(crate) async fn set_tax_profile(
    State(app): State<Shared>,
    caller: Caller,
    path: Path<String>,
    JsonBody { value: body }: JsonBody<TaxProfile>,
) -> Result<Response, ApiError> {
    caller.principal.operate()?;
    let tenant = tenant_of(&path)?;
    blocking(move || {
        let scope = keys_of(&tenant);
        let command = caller.command(&app, "set-tax-profile", scope, &body, body.occurred_at)?;
        let set = TaxProfileSet { customer: body.customer.clone(), tax: body.tax.clone() };
        change(&app, (&tenant, &command), StatusCode::OK, |it| it.set_tax_profile(&set))
    })
    .await
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignPlan {
    plan_code: PlanCode,
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

/// `PUT /tenants/{tenant}/plan`
pub(crate) async fn assign_plan(
    State(app): State<Shared>,
    caller: Caller,
    path: Path<String>,
    JsonBody { value: body }: JsonBody<AssignPlan>,
) -> Result<Response, ApiError> {
    caller.principal.operate()?;
    let tenant = tenant_of(&path)?;
    blocking(move || {
        let scope = keys_of(&tenant);
        let command = caller.command(&app, "assign-plan", scope, &body, body.occurred_at)?;
        let (offers, _) = app.state::<Offers>(&Stream::Catalog)?;
        change(&app, (&tenant, &command), StatusCode::OK, |account| {
            account.assign_plan(&offers, &body.plan_code)
        })
    })
    .await
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CostCap {
    cap: Option<Money>,
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

/// `PUT /tenants/{tenant}/cost-cap`
pub(crate) async fn set_cost_cap(
    State(app): State<Shared>,
    caller: Caller,
    path: Path<String>,
    JsonBody { value: body }: JsonBody<CostCap>,
) -> Result<Response, ApiError> {
    let tenant = tenant_of(&path)?;
    caller.principal.write(&tenant)?;
    blocking(move || {
        let scope = keys_of(&tenant);
        let command = caller.command(&app, "set-cost-cap", scope, &body, body.occurred_at)?;
        change(&app, (&tenant, &command), StatusCode::OK, |it| it.set_cost_cap(body.cap))
    })
    .await
}
