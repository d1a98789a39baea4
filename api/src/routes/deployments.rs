//! Deployments: made, moved along their life, subscribed, extended.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use ledger_core::decide::account::Account;
use ledger_core::decide::catalog::Offers;
use ledger_core::decide::deployment::{By, Deployment, DeploymentRefusal};
use ledger_core::event::Event;
use ledger_core::event::deployment::{Beginning, Created, State as Life, Template};
use ledger_core::id::{
    AddonCode, AttachmentId, DeploymentId, DeploymentSlug, Label, Note, PlanCode, TenantId,
};
use ledger_core::log::{EventLog, Position, Record};
use ledger_core::money::Currency;
use ledger_core::stream::Stream;
use ledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Caller, Query, Shared, answer, answer_one, blocking, done, keys_of, parse_part};
use crate::app::{App, Command, Done, State as Fold};
use crate::body::JsonBody;
use crate::error::ApiError;

impl Fold for Deployment {
    fn take(self, record: &Record) -> Result<Self, ApiError> {
        self.fold(record).map_err(|error| ApiError::internal(&error))
    }
}

fn stream_of(id: &DeploymentId) -> Stream {
    Stream::Deployment(id.tenant.clone(), id.slug.clone())
}

/// A refusal, with what explains it: where the caller may move it instead.
fn refused(it: &DeploymentRefusal) -> ApiError {
    let mut more = Map::new();
    if let DeploymentRefusal::IllegalTransition { from, legal, .. } = it {
        more.insert("from".to_owned(), json!(from));
        more.insert("legal".to_owned(), json!(legal));
    }
    ApiError::refused(it, more)
}

fn body_of(app: &App, id: &DeploymentId, as_of: Position) -> Result<Value, ApiError> {
    let (deployment, revision) = app.state_as_of::<Deployment>(&stream_of(id), as_of)?;
    let state = deployment.state().ok_or(ApiError::NotFound)?;
    let subscription = deployment
        .subscription()
        .map(|it| json!({"plan_code": it.plan, "version": it.version, "state": it.state}));
    let addons: Vec<Value> = deployment
        .addons()
        .map(|it| {
            json!({
                "attachment": it.attachment,
                "addon": it.addon,
                "quantity": it.quantity,
                "price": it.price,
            })
        })
        .collect();
    Ok(json!({
        "id": id,
        "tenant": id.tenant,
        "slug": id.slug,
        "state": state,
        "subscription": subscription,
        "addons": addons,
        "revision": revision,
    }))
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    tenant: TenantId,
    slug: DeploymentSlug,
    #[serde(default)]
    name: Option<Label>,
    #[serde(default)]
    region: Option<Label>,
    #[serde(default)]
    llm_mode: Option<Label>,
    #[serde(default)]
    template: Option<Template>,
    /// A free time until this instant; for operators.
    #[serde(default)]
    trial_ends_at: Option<Timestamp>,
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

/// `POST /deployments`
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody { value: body }: JsonBody<Create>,
) -> Result<Response, ApiError> {
    caller.principal.write(&body.tenant)?;
    blocking(move || {
        let id = DeploymentId { tenant: body.tenant.clone(), slug: body.slug.clone() };
        let scope = keys_of(&body.tenant);
        let command = caller.command(&app, "create-deployment", scope, &body, body.occurred_at)?;
        let (by, _) = by(&app, &command, &body.tenant)?;
        let created = Created {
            name: body.name.clone(),
            region: body.region.clone(),
            llm_mode: body.llm_mode.clone(),
            template: body.template.clone(),
            beginning: match body.trial_ends_at {
                None => Beginning::Active,
                Some(ends_at) => Beginning::Trial { ends_at },
            },
        };
        let made = app.run::<Deployment>(&stream_of(&id), &command, |deployment| {
            deployment.create(&created, by, command.occurred_at).map_err(|it| refused(&it))
        })?;
        Ok(done(StatusCode::CREATED, body_of(&app, &id, made.position)?, &made))
    })
    .await
}

/// Who commands, and in which currency it is billed. A tenant that is not registered has nothing,
/// and nothing is made for it.
fn by(app: &App, command: &Command, tenant: &TenantId) -> Result<(By, Currency), ApiError> {
    let (account, _) = app.state::<Account>(&Stream::Account(tenant.clone()))?;
    let currency = account.currency().ok_or(ApiError::NotFound)?;
    let by = By { role: command.actor.role, standing: account.standing() };
    Ok((by, currency))
}

/// `GET /deployments`
pub(crate) async fn list(State(app): State<Shared>, caller: Caller) -> Result<Response, ApiError> {
    let scope = caller.principal.read_own()?;
    blocking(move || {
        let (tenants, position) = app.views.tenants(&scope)?;
        let head = app.log.head();
        let mut data = Vec::new();
        for (tenant, slugs) in tenants {
            for slug in slugs {
                data.push(body_of(&app, &DeploymentId { tenant: tenant.clone(), slug }, head)?);
            }
        }
        Ok(answer(json!({"data": data, "position": position}), position))
    })
    .await
}

fn id_of(caller: &Caller, text: &str, is_write: bool) -> Result<DeploymentId, ApiError> {
    let id: DeploymentId = parse_part(text)?;
    match is_write {
        true => caller.principal.write(&id.tenant)?,
        false => caller.principal.read(&id.tenant)?,
    };
    Ok(id)
}

/// `GET /deployments/{deployment}`
pub(crate) async fn show(
    State(app): State<Shared>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Response, ApiError> {
    let id = id_of(&caller, &text, false)?;
    blocking(move || {
        let head = app.log.head();
        let (_, revision) = app.state_as_of::<Deployment>(&stream_of(&id), head)?;
        Ok(answer_one(body_of(&app, &id, head)?, head, revision))
    })
    .await
}

/// Runs a command on one deployment and answers with what it has become.
fn change(
    app: &App,
    id: &DeploymentId,
    command: &Command,
    decide: impl Fn(&Deployment) -> Result<Vec<Event>, DeploymentRefusal>,
) -> Result<Response, ApiError> {
    let made: Done = app.run::<Deployment>(&stream_of(id), command, |deployment| {
        if deployment.state().is_none() {
            return Err(ApiError::NotFound);
        }
        decide(deployment).map_err(|it| refused(&it))
    })?;
    Ok(done(StatusCode::OK, body_of(app, id, made.position)?, &made))
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transition {
    to: Life,
    #[serde(default)]
    reason: Option<Note>,
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

/// `POST /deployments/{deployment}/transition`
pub(crate) async fn transition(
    State(app): State<Shared>,
    caller: Caller,
    Path(text): Path<String>,
    JsonBody { value: body }: JsonBody<Transition>,
) -> Result<Response, ApiError> {
    let id = id_of(&caller, &text, true)?;
    blocking(move || {
        let scope = keys_of(&id.tenant);
        let command = caller.command(
            &app,
            "transition-deployment",
            scope,
            &(&id, &body),
            body.occurred_at,
        )?;
        let (by, _) = by(&app, &command, &id.tenant)?;
        change(&app, &id, &command, |it| it.transition(body.to, by, body.reason.clone()))
    })
    .await
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscribe {
    plan_code: PlanCode,
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

/// `POST /deployments/{deployment}/subscribe`
pub(crate) async fn subscribe(
    State(app): State<Shared>,
    caller: Caller,
    Path(text): Path<String>,
    JsonBody { value: body }: JsonBody<Subscribe>,
) -> Result<Response, ApiError> {
    let id = id_of(&caller, &text, true)?;
    blocking(move || {
        let scope = keys_of(&id.tenant);
        let command = caller.command(&app, "subscribe", scope, &(&id, &body), body.occurred_at)?;
        let (by, currency) = by(&app, &command, &id.tenant)?;
        let (offers, _) = app.state::<Offers>(&Stream::Catalog)?;
        change(&app, &id, &command, |it| it.subscribe(by, &offers, &body.plan_code, currency))
    })
    .await
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttachAddon {
    addon_code: AddonCode,
    /// Its name within the deployment; the addon's code when not given.
    #[serde(default)]
    attachment: Option<AttachmentId>,
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

/// `POST /deployments/{deployment}/addons`
pub(crate) async fn attach_addon(
    State(app): State<Shared>,
    caller: Caller,
    Path(text): Path<String>,
    JsonBody { value: body }: JsonBody<AttachAddon>,
) -> Result<Response, ApiError> {
    let id = id_of(&caller, &text, true)?;
    blocking(move || {
        let scope = keys_of(&id.tenant);
        let command =
            caller.command(&app, "attach-addon", scope, &(&id, &body), body.occurred_at)?;
        let (by, currency) = by(&app, &command, &id.tenant)?;
        let (offers, _) = app.state::<Offers>(&Stream::Catalog)?;
        let attachment = match &body.attachment {
            Some(attachment) => attachment.clone(),
            None => {
                body.addon_code.as_str().parse().map_err(|error: ledger_core::id::IdError| {
                    ApiError::field("/attachment", error.to_string())
                })?
            }
        };
        change(&app, &id, &command, |it| {
            it.attach_addon(by, &offers, &attachment, &body.addon_code, currency)
        })
    })
    .await
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetachAddon {
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

/// `DELETE /deployments/{deployment}/addons/{attachment}?occurred_at=`
pub(crate) async fn detach_addon(
    State(app): State<Shared>,
    caller: Caller,
    Path((text, attachment)): Path<(String, String)>,
    Query(query): Query<DetachAddon>,
) -> Result<Response, ApiError> {
    let id = id_of(&caller, &text, true)?;
    let attachment: AttachmentId = parse_part(&attachment)?;
    blocking(move || {
        let scope = keys_of(&id.tenant);
        let asked = (&id, &attachment, &query);
        let command = caller.command(&app, "detach-addon", scope, &asked, query.occurred_at)?;
        change(&app, &id, &command, |it| it.detach_addon(&attachment))
    })
    .await
}
