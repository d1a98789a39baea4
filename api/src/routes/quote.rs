//! `POST /quote`: what something will cost, from the function that will bill it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ledger_core::billing::CatalogFold;
use ledger_core::cause::in_one_line;
use ledger_core::decide::RefusalKind;
use ledger_core::decide::catalog::Offers;
use ledger_core::id::{AddonCode, PlanCode, ResourceKind};
use ledger_core::log::{EventLog, Record};
use ledger_core::money::{Currency, Quantity};
use ledger_core::price::{
    PriceError, Priced, Quote, QuoteError, QuotedResource, quote, quote_resources,
};
use ledger_core::stream::Stream;
use ledger_core::time::Day;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Caller, Shared, answer, blocking};
use crate::app::State as Fold;
use crate::body::JsonBody;
use crate::error::ApiError;
use crate::free::{Free, FreeUsage};

impl Fold for CatalogFold {
    fn take(self, record: &Record) -> Result<Self, ApiError> {
        self.fold(record).map_err(|error| ApiError::internal(&error))
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuoteBody {
    #[serde(default)]
    plan_code: Option<PlanCode>,
    #[serde(default)]
    addons: Vec<AddonCode>,
    #[serde(default)]
    projected_usage: BTreeMap<ResourceKind, Quantity>,
    #[serde(default)]
    starts_on: Option<Day>,
    #[serde(default)]
    resources: Vec<ResourceBody>,
    /// The currency of a quote of resources.
    #[serde(default)]
    currency: Option<Currency>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ResourceBody {
    kind: ResourceKind,
    #[serde(default = "one")]
    count: u32,
}

fn one() -> u32 {
    1
}

fn refused(code: &'static str, kind: RefusalKind, detail: String) -> ApiError {
    ApiError::Refused { code, kind, detail, more: Map::new() }
}

fn failed(error: &QuoteError) -> ApiError {
    let code = match error {
        QuoteError::Price(PriceError::ForeignCurrency { .. }) => "currency_mismatch",
        QuoteError::AddonUseless { .. } => "addon_useless",
        QuoteError::Price(PriceError::Number(_) | PriceError::Unit { .. })
        | QuoteError::NegativeUsage { .. } => "not_priced",
    };
    refused(code, RefusalKind::Unprocessable, in_one_line(error))
}

/// `POST /quote`
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody { value: body }: JsonBody<QuoteBody>,
) -> Result<Response, ApiError> {
    caller.principal.read_own()?;
    blocking(move || {
        let starts_on = body.starts_on.unwrap_or_else(|| app.now().day());
        let (offers, _) = app.state::<Offers>(&Stream::Catalog)?;
        let (catalog, _) = app.state::<CatalogFold>(&Stream::Catalog)?;
        let prices: Vec<_> = catalog.resource_prices().collect();
        let quoted = match (&body.plan_code, body.resources.is_empty()) {
            (Some(code), true) => {
                let unknown = || format!("no plan is called {code}");
                let offer = offers
                    .plan(code)
                    .ok_or_else(|| refused("plan_unknown", RefusalKind::NotFound, unknown()))?;
                let mut addons = Vec::with_capacity(body.addons.len());
                for code in &body.addons {
                    let unknown = || format!("no addon is called {code}");
                    let addon = offers.addon(code).ok_or_else(|| {
                        refused("addon_unknown", RefusalKind::NotFound, unknown())
                    })?;
                    addons.push(addon.clone());
                }
                let plan = Arc::new(offer.plan.clone());
                quote(&plan, &addons, &body.projected_usage, starts_on, &prices)
            }
            (None, false) => {
                let currency = body
                    .currency
                    .ok_or_else(|| ApiError::field("/currency", "resources need a currency"))?;
                let resources: Vec<QuotedResource> = body
                    .resources
                    .iter()
                    .map(|it| QuotedResource { kind: it.kind.clone(), count: it.count })
                    .collect();
                quote_resources(&resources, currency, starts_on, &prices)
            }
            _ => return Err(ApiError::field("/plan_code", "give a plan_code, or resources")),
        };
        let quoted = quoted.map_err(|error| failed(&error))?;
        Ok(answer(body_of(&quoted)?, app.log.head()))
    })
    .await
}

fn body_of(quoted: &Quote) -> Result<Value, ApiError> {
    let lines = |lines: &[Priced]| -> Vec<Value> {
        lines
            .iter()
            .map(|it| {
                json!({
                    "kind": it.line.kind,
                    "resource_kind": it.line.resource_kind,
                    "description": it.line.description,
                    "quantity": it.line.quantity,
                    "unit": it.line.unit,
                    "unit_price": it.line.unit_price,
                    "amount": it.line.amount,
                    "starts_on": it.line.starts_on,
                    "ends_on": it.line.ends_on,
                })
            })
            .collect()
    };
    let free = Free::of(&quoted.unpriced, &quoted.capped)?;
    let free_of = |some: &[FreeUsage]| some.iter().map(FreeUsage::quoted).collect::<Vec<_>>();
    Ok(json!({
        "recurring": lines(&quoted.recurring),
        "recurring_monthly": quoted.recurring_monthly,
        "first_invoice": lines(&quoted.first_invoice),
        "first_invoice_total": quoted.first_invoice_total,
        "overage": lines(&quoted.overage),
        "overage_monthly": quoted.overage_monthly,
        "all_in_monthly": quoted.all_in_monthly,
        "unpriced": free_of(&free.unpriced),
        "capped": free_of(&free.capped),
    }))
}
