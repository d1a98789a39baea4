//! What is refused about credit.

use super::amount_code;
use crate::decide::{Refusal, RefusalKind};
use crate::id::LotId;
use crate::money::{Money, MoneyError};
use crate::time::Timestamp;

/// Why a change of credit is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreditRefusal {
    /// Nobody of that name.
    #[error("no such tenant")]
    TenantUnknown,
    /// Another currency than the account's, or an amount beyond all bounds.
    #[error("the amount cannot be booked")]
    Amount(#[source] MoneyError),
    /// Zero or less.
    #[error("{amount} is not more than nothing")]
    AmountNotPositive {
        /// What was given.
        amount: Money,
    },
    /// The lot exists, with other content.
    #[error("lot {lot} was paid in with other content")]
    LotTaken {
        /// The lot.
        lot: LotId,
    },
    /// It would be gone when it is paid in.
    #[error("lot {lot} expires at {expires_at} and would be paid in at {at}")]
    LotExpired {
        /// The lot.
        lot: LotId,
        /// Its end.
        expires_at: Timestamp,
        /// When it was to be paid in.
        at: Timestamp,
    },
    /// No such lot.
    #[error("no lot is called {lot}")]
    LotUnknown {
        /// The lot.
        lot: LotId,
    },
    /// Nothing is left of the lot.
    #[error("nothing is left of lot {lot}")]
    LotEmpty {
        /// The lot.
        lot: LotId,
    },
    /// More would go back than the draw took.
    #[error("{left} of the draw can go back, not {amount}")]
    ReturnExceedsDraw {
        /// What the draw took, less what went back before.
        left: Money,
        /// What was to go back.
        amount: Money,
    },
}

impl Refusal for CreditRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::TenantUnknown => "tenant_unknown",
            Self::Amount(source) => amount_code(source),
            Self::AmountNotPositive { .. } => "amount_not_positive",
            Self::LotTaken { .. } => "lot_taken",
            Self::LotExpired { .. } => "lot_expired",
            Self::LotUnknown { .. } => "lot_unknown",
            Self::LotEmpty { .. } => "lot_empty",
            Self::ReturnExceedsDraw { .. } => "return_exceeds_draw",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::TenantUnknown | Self::LotUnknown { .. } => RefusalKind::NotFound,
            Self::LotTaken { .. } | Self::LotEmpty { .. } => RefusalKind::Conflict,
            Self::Amount(_)
            | Self::AmountNotPositive { .. }
            | Self::LotExpired { .. }
            | Self::ReturnExceedsDraw { .. } => RefusalKind::Unprocessable,
        }
    }
}

impl From<MoneyError> for CreditRefusal {
    fn from(source: MoneyError) -> Self {
        Self::Amount(source)
    }
}
