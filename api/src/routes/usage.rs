//! `GET /usage`: metered usage by kind and deployment. `POST /usage/{position}/correct`: one record
//! of it was wrong.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use ledger_core::decide::usage::Recorded;
use ledger_core::event::{Event, usage};
use ledger_core::id::TenantId;
use ledger_core::log::{Position, Record};
use ledger_core::money::Quantity;
use ledger_core::stream::Stream;
use ledger_core::time::BillingPeriod;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Caller, Query, Shared, answer, blocking, done, keys_of, parse_part};
use crate::app::State as Fold;
use crate::body::JsonBody;
use crate::error::ApiError;

impl Fold for Recorded {
    fn take(self, record: &Record) -> Result<Self, ApiError> {
        self.fold(record).map_err(|error| ApiError::internal(&error))
    }
}

/// Whose usage of when.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    tenant: TenantId,
    period: BillingPeriod,
}

/// `GET /usage?tenant=&period=`
pub(crate) async fn show(
    State(app): State<Shared>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let scope = caller.principal.read(&parameters.tenant)?;
    blocking(move || {
        if !app.has_tenant(&parameters.tenant)? {
            return Err(ApiError::NotFound);
        }
        let (meters, position) = app.views.usage(&scope, parameters.period)?;
        let data: Vec<Value> = meters
            .iter()
            .map(|(meter, metered)| {
                json!({
                    "resource_kind": meter.kind,
                    "unit": meter.unit,
                    "deployment": meter.deployment,
                    "quantity": metered.quantity,
                    "records": metered.records,
                    "last_at": metered.last_at,
                })
            })
            .collect();
        let body = json!({
            "tenant": parameters.tenant,
            "period": parameters.period,
            "data": data,
            "position": position,
        });
        Ok(answer(body, position))
    })
    .await
}

/// What a record should have said; zero voids it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Correction {
    quantity: Quantity,
}

/// `POST /usage/{position}/correct`
pub(crate) async fn correct(
    State(app): State<Shared>,
    caller: Caller,
    Path(position): Path<String>,
    JsonBody { value: body }: JsonBody<Correction>,
) -> Result<Response, ApiError> {
    caller.principal.operate()?;
    let position = Position::new(parse_part(&position)?);
    blocking(move || {
        let record = app.log.reader().read_at(position)?.ok_or(ApiError::NotFound)?;
        let Stream::Usage(tenant, period) = &record.stream else { return Err(ApiError::NotFound) };
        let Event::Usage(event) = &record.event else { return Err(ApiError::NotFound) };
        let mut answer = match event {
            usage::Event::Recorded(it) => json!({
                "resource_kind": it.kind,
                "unit": it.unit,
                "deployment": it.deployment,
                "resource": it.resource,
                "recorded": it.quantity,
            }),
            usage::Event::GaugeSet(it) => json!({
                "resource_kind": it.kind,
                "deployment": it.deployment,
                "resource": it.resource,
                "recorded": it.value,
            }),
            // The decision refuses it, and names what it corrects.
            usage::Event::Corrected(_) => json!({}),
        };
        let asked = (position, &body);
        let command = caller.command(&app, "correct-usage", keys_of(tenant), &asked, None)?;
        let made = app.run::<Recorded>(&record.stream, &command, |recorded| {
            let decided = recorded.correct(record.revision, body.quantity);
            decided.map_err(|it| ApiError::refused(&it, Map::new()))
        })?;
        let (recorded, _) = app.state_as_of::<Recorded>(&record.stream, made.position)?;
        answer["position"] = json!(position);
        answer["tenant"] = json!(tenant);
        answer["period"] = json!(period);
        answer["occurred_at"] = json!(record.occurred_at);
        answer["quantity"] = json!(recorded.quantity(record.revision));
        Ok(done(StatusCode::OK, answer, &made))
    })
    .await
}
