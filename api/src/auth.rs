//! Who is calling, and the only way to a [`Scope`].
//!
//! One function makes a [`Principal`], from a bearer token and a clock; one makes a [`Scope`], from
//! a principal and the tenant it asks about. Nothing that answers data takes a bare tenant id. A
//! tenant that asks about another gets what it would get about nobody: not found.

use axum::http::{HeaderMap, header};
use ledger_core::id::{Actor, ActorName, Role, TenantId};
use ledger_core::time::Timestamp;

use crate::error::ApiError;

mod base64url;
mod jwt;

pub(crate) use jwt::{Algorithm, Key, KeyError, mint};

/// The role slug of operators, in exactly these bytes. Every other spelling is powerless.
pub(crate) const OPERATOR_ROLE: &str = "platform-admin";
/// The role slug of auditors: they read everything and change nothing.
pub(crate) const AUDITOR_ROLE: &str = "auditor";
/// A header longer than this is refused before anything in it is read.
const AUTHORIZATION_BYTES_MAX: usize = 8 * 1024;

/// Somebody whose token was believed.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    subject: ActorName,
    is_operator: bool,
    is_auditor: bool,
    tenant: Option<TenantId>,
}

/// Leave to read or change one tenant's things, or everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    tenant: Option<TenantId>,
}

impl Scope {
    /// What the server does by itself, at start-up and on a schedule.
    pub(crate) fn of_the_server() -> Self {
        Self { tenant: None }
    }

    /// The one tenant it is good for; `None`: all of them.
    pub(crate) fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }
}

impl Principal {
    /// Believes a request or refuses it. Why is for the log only.
    pub(crate) fn of(headers: &HeaderMap, key: &Key, now: Timestamp) -> Result<Self, ApiError> {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return Err(ApiError::Unauthenticated { why: "not exactly one authorization header" });
        };
        if value.len() > AUTHORIZATION_BYTES_MAX {
            return Err(ApiError::Unauthenticated { why: "the authorization header is too long" });
        }
        let text = value.to_str().map_err(|_| ApiError::Unauthenticated {
            why: "the authorization header is not visible ASCII",
        })?;
        let token = text
            .strip_prefix("Bearer ")
            .ok_or(ApiError::Unauthenticated { why: "the authorization is not a bearer token" })?;
        let claims = jwt::verify(token, key, now)
            .map_err(|error| ApiError::Unauthenticated { why: error.why() })?;
        let subject = claims
            .sub
            .parse()
            .map_err(|_| ApiError::Unauthenticated { why: "the subject is no name" })?;
        let tenant =
            match claims.tenant_id.as_deref() {
                None => None,
                Some(text) => Some(text.parse().map_err(|_| ApiError::Unauthenticated {
                    why: "the tenant_id is no tenant id",
                })?),
            };
        let has = |role: &str| claims.roles.iter().any(|it| it == role);
        Ok(Self { subject, is_operator: has(OPERATOR_ROLE), is_auditor: has(AUDITOR_ROLE), tenant })
    }

    /// Leave to change what only operators change.
    pub(crate) fn operate(&self) -> Result<Scope, ApiError> {
        match self.is_operator {
            true => Ok(Scope { tenant: None }),
            false => Err(ApiError::NotFound),
        }
    }

    /// Leave to read everything.
    pub(crate) fn read_all(&self) -> Result<Scope, ApiError> {
        match self.is_operator || self.is_auditor {
            true => Ok(Scope { tenant: None }),
            false => Err(ApiError::NotFound),
        }
    }

    /// Leave to read what of a list is the caller's: everything, or its own.
    pub(crate) fn read_own(&self) -> Result<Scope, ApiError> {
        match (self.is_operator || self.is_auditor, &self.tenant) {
            (true, _) => Ok(Scope { tenant: None }),
            (false, Some(tenant)) => Ok(Scope { tenant: Some(tenant.clone()) }),
            (false, None) => Err(ApiError::NotFound),
        }
    }

    /// Leave to read one tenant's things.
    pub(crate) fn read(&self, tenant: &TenantId) -> Result<Scope, ApiError> {
        let is_allowed =
            self.is_operator || self.is_auditor || self.tenant.as_ref() == Some(tenant);
        match is_allowed {
            true => Ok(Scope { tenant: Some(tenant.clone()) }),
            false => Err(ApiError::NotFound),
        }
    }

    /// Leave to change one tenant's things, as an operator or as the tenant itself.
    pub(crate) fn write(&self, tenant: &TenantId) -> Result<Scope, ApiError> {
        match self.is_operator || self.tenant.as_ref() == Some(tenant) {
            true => Ok(Scope { tenant: Some(tenant.clone()) }),
            false => Err(ApiError::NotFound),
        }
    }

    /// Who is recorded as having acted.
    pub(crate) fn actor(&self) -> Actor {
        let role = if self.is_operator { Role::Operator } else { Role::Tenant };
        Actor { who: self.subject.clone(), role }
    }

    /// Who is recorded as having told of what happened before; only operators do.
    pub(crate) fn importer(&self) -> Option<Actor> {
        let actor = Actor { who: self.subject.clone(), role: Role::Importer };
        self.is_operator.then_some(actor)
    }

    /// Who is recorded as having reported usage.
    pub(crate) fn producer(&self) -> Actor {
        Actor { who: self.subject.clone(), role: Role::Producer }
    }
}
