//! Billing destroys nothing: whoever asks it to is refused, and that is recorded.

use super::Account;
use crate::decide::{Refusal, RefusalKind, one};
use crate::event::Event;
use crate::event::enforcement::DestructiveActionRefused;

/// The word of the answer, once the refusal is recorded.
pub const CODE: &str = "destructive_action_refused";

/// Why nothing was recorded either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestructionRefusal {
    /// Nobody of that name.
    #[error("no such tenant")]
    TenantUnknown,
}

impl Refusal for DestructionRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::TenantUnknown => "tenant_unknown",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::TenantUnknown => RefusalKind::NotFound,
        }
    }
}

impl Account {
    /// Records that something was asked for which billing never does, whatever the standing and
    /// whoever asks. Two requests are two events; one that is repeated has a key.
    pub fn refuse_destruction(
        &self,
        command: &DestructiveActionRefused,
    ) -> Result<Vec<Event>, DestructionRefusal> {
        self.registered().ok_or(DestructionRefusal::TenantUnknown)?;
        one(command.clone())
    }
}
