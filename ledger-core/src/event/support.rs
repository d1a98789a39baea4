//! Cases that people open. Open to everybody, also while suspended.

use serde::{Deserialize, Serialize};

use crate::id::{CaseNumber, InvoiceNumber, Label, Note, TenantId};

event_family! {
    /// What became of a case.
    pub enum Event in Support {
        "support-case-opened.v2" => CaseOpened in Support,
        "support-case-closed.v1" => CaseClosed in Support,
    }
    superseded {
        "support-case-opened.v1" => CaseOpenedV1 as CaseOpened,
    }
}

/// Somebody asked for help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CaseOpened {
    /// The case's number.
    pub number: CaseNumber,
    /// Who asks.
    pub tenant: TenantId,
    /// About what.
    pub subject: Label,
    /// The invoice it is about, where it is about one.
    pub invoice: Option<InvoiceNumber>,
}

/// The first shape of [`CaseOpened`]: a case could not name an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CaseOpenedV1 {
    /// The case's number.
    pub number: CaseNumber,
    /// Who asks.
    pub tenant: TenantId,
    /// About what.
    pub subject: Label,
}

impl From<CaseOpenedV1> for CaseOpened {
    fn from(CaseOpenedV1 { number, tenant, subject }: CaseOpenedV1) -> Self {
        Self { number, tenant, subject, invoice: None }
    }
}

/// A case was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CaseClosed {
    /// Which.
    pub number: CaseNumber,
    /// How.
    pub resolution: Option<Note>,
}

#[cfg(feature = "testing")]
mod exemplars {
    use super::*;
    use crate::event::{Exemplar, parsed};

    impl Exemplar for CaseOpened {
        fn exemplar() -> Self {
            Self {
                number: parsed("CF-20260516-0001"),
                tenant: parsed("acme"),
                subject: parsed("the droplet hours look too high"),
                invoice: Some(parsed("CF-000042")),
            }
        }
    }

    impl Exemplar for CaseOpenedV1 {
        fn exemplar() -> Self {
            Self {
                number: parsed("CF-20260401-0001"),
                tenant: parsed("acme"),
                subject: parsed("the shop is slow"),
            }
        }
    }

    impl Exemplar for CaseClosed {
        fn exemplar() -> Self {
            Self {
                number: parsed("CF-20260516-0001"),
                resolution: Some(parsed("two droplets ran until the 12th")),
            }
        }
    }
}
