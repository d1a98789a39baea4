//! `GET /usage`: metered usage by kind and deployment.

use axum::extract::State;
use axum::response::Response;
use ledger_core::id::TenantId;
use ledger_core::time::BillingPeriod;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, Query, Shared, answer, blocking};
use crate::error::ApiError;

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
