//! From records to documents: the facts of a tenant's period, its invoice as a decision, the
//! explanation of every line, and the audit that prices it again.
//!
//! All of it is pure. What an invoice rests on is read by a function that the caller passes in, up
//! to one position of the log: whoever reads the same prefix gets the same document, to the byte.

mod adjust;
mod audit;
mod billed;
mod books;
mod catalog;
mod concession;
mod deployment;
mod digest;
mod explain;
mod facts;
mod heads;
mod issue;
mod issued;
mod known;
mod metered;
mod plan;
mod receivables;
mod register;
mod settle;
mod standing;
mod tenant;
mod usage;

pub use audit::{AuditError, Difference, Found, LinePart, Quote, Verdict, audit};
pub use billed::{
    BillingDrift, Counted, Counter, billed_hours, billing_drift, counted_by_producers,
};
pub use books::{Books, Composed};
pub use catalog::CatalogFold;
pub use deployment::DeploymentFold;
pub use digest::{DigestError, Digests, RecordMissing, record_digest};
pub use explain::{CappedUsage, ExplainedLine, Explanation, UnpricedUsage, explain, free_usage};
pub use facts::FactsError;
pub use heads::{AccountFold, Heads, may_be_unfinished, notes_of};
pub use issue::{Ask, AskRefusal, Done, Errand, IssueError, Preview, Step, Terms, next, preview};
pub use issued::{AppliedPayment, InvoiceFold, IsReplaced, IssuedDocument, State};
pub use metered::{Metered, metered};
pub use plan::{PreviewSum, RollupDelay, next_rollup, sum_previews};
pub use receivables::{Age, AgedSums, Aging, Outstanding, aging};
pub use register::{RegisterFold, Taken};
pub use settle::{SettleError, SettleStep, Settling, settle, usage_due};
pub use standing::Standing;
pub use tenant::TenantFold;
pub use usage::UsageFold;

use std::collections::BTreeMap;

use crate::fold::FoldError;
use crate::id::{DeploymentSlug, ResourceId, TenantId};
use crate::inventory::ResourceFold;
use crate::log::{Position, ReadError, Record, Records};
use crate::price::{self, Facts, PriceError, RULES_VERSION};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

/// How far back something may have been set that still stands: longer than anybody has kept books.
const MONTHS_BACK_MAX: u16 = 600;

/// Why what an invoice rests on cannot be gathered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatherError {
    /// A stream cannot be read.
    #[error("{stream} cannot be read")]
    Read {
        /// Which.
        stream: Stream,
        /// What the log said.
        #[source]
        source: ReadError,
    },
    /// A stream cannot be folded.
    #[error("{stream} cannot be folded")]
    Fold {
        /// Which.
        stream: Stream,
        /// Where and why.
        #[source]
        source: Box<FoldError>,
    },
    /// A record has no digest.
    #[error("position {position} has no digest")]
    Digest {
        /// Which record.
        position: Position,
        /// Why.
        #[source]
        source: DigestError,
    },
}

/// Why facts have no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BasisError {
    /// The streams make no facts.
    #[error("the streams do not make the facts of a price")]
    Facts(#[from] FactsError),
    /// The facts have no price.
    #[error("the facts have no price")]
    Price(#[from] PriceError),
    /// This build does not have the rules.
    #[error("rules version {rules} is not known here; the newest known is {RULES_VERSION}")]
    RulesUnknown {
        /// The version asked for.
        rules: u16,
    },
    /// A line names a record that was not read.
    #[error("a line rests on a record that was not read")]
    Record(#[from] RecordMissing),
}

/// All that a tenant's invoice of a period rests on, as of one position of the log.
#[derive(Debug, Clone)]
pub struct Basis {
    /// The period.
    pub period: BillingPeriod,
    /// Nothing recorded after this enters.
    pub up_to: Position,
    /// What was for sale.
    pub catalog: CatalogFold,
    /// Who pays.
    pub tenant: TenantFold,
    /// What it runs.
    pub deployments: BTreeMap<DeploymentSlug, DeploymentFold>,
    /// What was linked to that, at the providers.
    pub resources: BTreeMap<ResourceId, ResourceFold>,
    /// What stood when the period began.
    pub standing: Standing,
    /// What it used.
    pub usage: UsageFold,
    /// The digests of all records read.
    pub digests: Digests,
}

impl Basis {
    /// Reads and folds catalog, account, usage, deployments and the resources linked to them.
    /// `read` gives a stream from its first record on; a stream that does not exist has none. The
    /// deployments that usage names are added to those given, which are all of the tenant's.
    pub fn gather(
        tenant: &TenantId,
        period: BillingPeriod,
        deployments: impl IntoIterator<Item = DeploymentSlug>,
        up_to: Position,
        mut read: impl FnMut(&Stream) -> Result<Records, ReadError>,
    ) -> Result<Self, GatherError> {
        let basis = Self::gather_own(tenant, period, deployments, up_to, &mut read)?;
        basis.with_standing(None, &mut read)
    }

    /// All but what stood when the period began.
    fn gather_own(
        tenant: &TenantId,
        period: BillingPeriod,
        deployments: impl IntoIterator<Item = DeploymentSlug>,
        up_to: Position,
        read: &mut impl FnMut(&Stream) -> Result<Records, ReadError>,
    ) -> Result<Self, GatherError> {
        let mut digests = Digests::default();
        let mut gather = Gather { up_to, digests: Some(&mut digests), read: &mut *read };
        let catalog = gather.fold(&Stream::Catalog, CatalogFold::default(), CatalogFold::fold)?;
        let account = Stream::Account(tenant.clone());
        let paying = gather.fold(&account, TenantFold::of(tenant.clone()), TenantFold::fold)?;
        let usage = UsageFold::of(tenant.clone(), period);
        Self {
            period,
            up_to,
            catalog,
            tenant: paying,
            deployments: BTreeMap::new(),
            resources: BTreeMap::new(),
            standing: Standing::default(),
            usage,
            digests,
        }
        .with_usage(deployments, read)
    }

    /// The same tenant's basis of another period, as of the same position. `standing` is what stood
    /// when it began, where that is known.
    fn turned_to(
        &self,
        period: BillingPeriod,
        standing: Option<Standing>,
        mut read: impl FnMut(&Stream) -> Result<Records, ReadError>,
    ) -> Result<Self, GatherError> {
        let usage = UsageFold::of(self.tenant.tenant().clone(), period);
        let turned = Self { period, usage, ..self.clone() }.with_usage([], &mut read)?;
        turned.with_standing(standing, &mut read)
    }

    /// What stands when the period is over.
    fn leaves(&self) -> Standing {
        self.usage.leaves(&self.catalog.kinds_that_stand()).over(self.standing.clone())
    }

    /// Folds the usage of the period, the deployments that are not known yet, and their resources.
    fn with_usage(
        mut self,
        deployments: impl IntoIterator<Item = DeploymentSlug>,
        read: &mut impl FnMut(&Stream) -> Result<Records, ReadError>,
    ) -> Result<Self, GatherError> {
        let tenant = self.tenant.tenant().clone();
        let mut gather =
            Gather { up_to: self.up_to, digests: Some(&mut self.digests), read: &mut *read };
        let used = Stream::Usage(tenant, self.period);
        self.usage = gather.fold(&used, self.usage, UsageFold::fold)?;
        let named = self.usage.deployments().cloned().collect::<Vec<_>>();
        self.with_deployments(deployments.into_iter().chain(named), read)
    }

    /// Takes in what stood when the period began, given or read, and what that names.
    fn with_standing(
        mut self,
        standing: Option<Standing>,
        read: &mut impl FnMut(&Stream) -> Result<Records, ReadError>,
    ) -> Result<Self, GatherError> {
        self.standing = match standing {
            Some(standing) => standing,
            None => self.stood(read)?,
        };
        // Lines name the records that still stand, so those are digested as well.
        for stream in self.standing.streams() {
            if !self.digests.knows(&stream) {
                let digests = Some(&mut self.digests);
                let mut gather = Gather { up_to: self.up_to, digests, read: &mut *read };
                gather.fold(&stream, (), |(), _| Ok(()))?;
            }
        }
        let named = self.standing.deployments().cloned().collect::<Vec<_>>();
        self.with_deployments(named, read)
    }

    /// What stood when the period began, from the usage of all months before it: since the tenant
    /// or one of its deployments began, and before that as far as no month is without any.
    fn stood(
        &self,
        read: &mut impl FnMut(&Stream) -> Result<Records, ReadError>,
    ) -> Result<Standing, GatherError> {
        let begun = self.deployments.values().filter_map(DeploymentFold::begun_at);
        let begun = begun.chain(self.tenant.begun_at()).min().map(Timestamp::period);
        let kinds = self.catalog.kinds_that_stand();
        let mut standing = Standing::default();
        let mut before = self.period;
        for _ in 0..MONTHS_BACK_MAX {
            let Some(period) = before.previous() else { break };
            let mut gather = Gather { up_to: self.up_to, digests: None, read: &mut *read };
            let usage = UsageFold::of(self.tenant.tenant().clone(), period);
            let stream = Stream::Usage(self.tenant.tenant().clone(), period);
            let usage = gather.fold(&stream, usage, UsageFold::fold)?;
            if usage.is_empty() && begun.is_none_or(|it| period < it) {
                break;
            }
            standing = standing.over(usage.leaves(&kinds));
            before = period;
        }
        Ok(standing)
    }

    /// Folds the deployments that are not known yet, and their resources.
    fn with_deployments(
        mut self,
        deployments: impl IntoIterator<Item = DeploymentSlug>,
        read: &mut impl FnMut(&Stream) -> Result<Records, ReadError>,
    ) -> Result<Self, GatherError> {
        let tenant = self.tenant.tenant().clone();
        let mut gather = Gather { up_to: self.up_to, digests: Some(&mut self.digests), read };
        for slug in deployments {
            if self.deployments.contains_key(&slug) {
                continue;
            }
            let stream = Stream::Deployment(tenant.clone(), slug.clone());
            let begun = DeploymentFold::of(tenant.clone(), slug.clone());
            self.deployments.insert(slug, gather.fold(&stream, begun, DeploymentFold::fold)?);
        }
        for link in self.deployments.values().flat_map(DeploymentFold::links) {
            if !self.resources.contains_key(&link.resource) {
                let ResourceId { provider, id } = link.resource.clone();
                let begun = ResourceFold::of(link.resource.clone());
                let stream = Stream::Resource(provider, id);
                let resource = gather.fold(&stream, begun, ResourceFold::fold)?;
                self.resources.insert(link.resource.clone(), resource);
            }
        }
        Ok(self)
    }

    /// The facts as they stand at an instant of the world.
    pub fn facts(&self, until: Timestamp) -> Result<Facts, FactsError> {
        facts::facts(self, until)
    }

    /// What producers reported of the period, as far as it is a quantity of what is sold.
    pub fn reported(&self, until: Timestamp) -> Result<Vec<price::Usage>, FactsError> {
        Ok(facts::reported(self, until)?.usage)
    }

    /// Facts of the period as they would stand once a settlement had drawn what they come to. Who
    /// is invoiced, or never, has nothing drawn.
    pub fn settled(&self, facts: Facts) -> Result<Facts, PriceError> {
        if self.tenant.is_internal() { Ok(facts) } else { settle::settled(facts) }
    }

    /// The price by a version of the rules, each line with the digest of what it was made from.
    pub fn price(&self, rules: u16, until: Timestamp) -> Result<price::Document, BasisError> {
        let mut document = self.price_unsealed(rules, until)?;
        document.lines = self.digests.seal_all(document.lines)?;
        Ok(document)
    }

    /// The price by a version of the rules.
    fn price_unsealed(&self, rules: u16, until: Timestamp) -> Result<price::Document, BasisError> {
        self.price_with(rules, until, Drawn::ByNow)
    }

    fn price_with(
        &self,
        rules: u16,
        until: Timestamp,
        drawn: Drawn,
    ) -> Result<price::Document, BasisError> {
        if rules != RULES_VERSION {
            return Err(BasisError::RulesUnknown { rules });
        }
        let facts = self.facts(until)?;
        let facts = match drawn {
            Drawn::ByNow => facts,
            Drawn::BySettlement => self.settled(facts)?,
        };
        Ok(price::price(&facts)?)
    }
}

/// Which draws of prepaid usage a price charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drawn {
    /// Those on record: what a document holds.
    ByNow,
    /// And what a settlement would draw first: what a document would hold.
    BySettlement,
}

/// Reads streams up to a position, and keeps the digests of what was read.
struct Gather<'a, R> {
    up_to: Position,
    digests: Option<&'a mut Digests>,
    read: &'a mut R,
}

impl<R: FnMut(&Stream) -> Result<Records, ReadError>> Gather<'_, R> {
    fn fold<F>(
        &mut self,
        stream: &Stream,
        mut state: F,
        fold: fn(F, &Record) -> Result<F, FoldError>,
    ) -> Result<F, GatherError> {
        let unread = |source| GatherError::Read { stream: stream.clone(), source };
        for record in (self.read)(stream).map_err(unread)? {
            let record = record.map_err(unread)?;
            let position = record.position;
            if position > self.up_to {
                break;
            }
            let digested = self.digests.as_mut().map_or(Ok(()), |it| it.add(&record));
            digested.map_err(|source| GatherError::Digest { position, source })?;
            let folded = fold(state, &record);
            state = folded.map_err(|source| {
                let (stream, source) = (stream.clone(), Box::new(source));
                GatherError::Fold { stream, source }
            })?;
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests;
