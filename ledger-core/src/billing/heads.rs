//! The streams that a document's process reads anew before each step, each folded to its head.

use super::books::Books;
use super::issued::{InvoiceFold, IssuedDocument};
use super::register::{RegisterFold, Taken};
use super::{Gather, GatherError};
use crate::decide::account::Account;
use crate::fold::{FoldError, Reached};
use crate::id::{DeploymentSlug, IdError, IssuerId, TenantId};
use crate::log::{Position, ReadError, Record, Records};
use crate::stream::Stream;
use crate::time::BillingPeriod;

/// One (tenant, period): its documents, the numbers they took, and the account that pays.
#[derive(Debug, Clone)]
pub struct Heads {
    /// The numbers of invoices.
    pub register: RegisterFold,
    /// The numbers of notes: a register of their own.
    pub notes: RegisterFold,
    /// The documents.
    pub invoice: InvoiceFold,
    /// The account, and how far it was folded.
    pub account: AccountFold,
}

/// An account, and how far it was folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountFold {
    tenant: TenantId,
    reached: Reached,
    account: Account,
}

impl AccountFold {
    /// Before its first event.
    pub fn of(tenant: TenantId) -> Self {
        Self { tenant, reached: Reached::default(), account: Account::default() }
    }

    /// One record further.
    pub fn fold(self, record: &Record) -> Result<Self, FoldError> {
        let reached = self.reached.after(record, &self.stream())?;
        Ok(Self { reached, account: self.account.fold(record)?, ..self })
    }

    /// What is decided from.
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// The stream it is folded from.
    pub fn stream(&self) -> Stream {
        Stream::Account(self.tenant.clone())
    }
}

/// Whose register gives the numbers of an issuer's notes.
pub fn notes_of(issuer: &IssuerId) -> Result<IssuerId, IdError> {
    IssuerId::new(&format!("{issuer}.notes"))
}

/// Whether something of a (tenant, period) may be unfinished: a number without its document, a void
/// without its replacement, or credit that a document moved, which the account knows about.
pub fn may_be_unfinished(registers: &[RegisterFold], invoice: &InvoiceFold) -> bool {
    let taken = registers.iter().flat_map(|it| it.taken(invoice.tenant(), invoice.period()));
    let moves_credit = |it: &IssuedDocument| match it.is_void() {
        true => !it.credit_applied.is_zero(),
        false => !it.to_credit.is_zero() || it.credit_applied.is_negative(),
    };
    let mut unissued = taken.filter(|it| invoice.document(&it.number).is_none());
    unissued.next().is_some()
        || invoice.to_replace().is_some()
        || invoice.documents().iter().any(moves_credit)
}

impl Heads {
    /// Reads and folds all of them.
    pub fn read(
        [issuer, notes]: [&IssuerId; 2],
        tenant: &TenantId,
        period: BillingPeriod,
        mut read: impl FnMut(&Stream) -> Result<Records, ReadError>,
    ) -> Result<Self, GatherError> {
        let up_to = Position::new(u64::MAX);
        let mut gather = Gather { up_to, digests: None, read: &mut read };
        let mut register = |issuer: &IssuerId| {
            let stream = Stream::Register(issuer.clone());
            gather.fold(&stream, RegisterFold::of(issuer.clone()), RegisterFold::fold)
        };
        let (register, notes) = (register(issuer)?, register(notes)?);
        let account = AccountFold::of(tenant.clone());
        let account = gather.fold(&account.stream(), account, AccountFold::fold)?;
        let invoice = InvoiceFold::of(tenant.clone(), period);
        let invoice = gather.fold(&invoice.stream(), invoice, InvoiceFold::fold)?;
        Ok(Self { register, notes, invoice, account })
    }

    /// The periods for which the tenant has documents, or is about to.
    pub fn documented(&self) -> impl Iterator<Item = BillingPeriod> + '_ {
        let tenant = self.invoice.tenant();
        self.register.periods(tenant).chain(self.notes.periods(tenant))
    }

    /// Gathers what a document rests on, as a step asked for it.
    pub fn gather(
        &self,
        deployments: impl IntoIterator<Item = DeploymentSlug>,
        up_to: Position,
        read: impl FnMut(&Stream) -> Result<Records, ReadError>,
    ) -> Result<Books, GatherError> {
        let (tenant, period) = (self.invoice.tenant(), self.invoice.period());
        Books::gather(tenant, period, self.documented(), deployments, up_to, read)
    }

    /// The first number that was taken and has no document yet, and the register that gave it.
    pub(super) fn promise(&self) -> Option<(&RegisterFold, &Taken)> {
        let (tenant, period) = (self.invoice.tenant(), self.invoice.period());
        let taken = |register| {
            let taken: &[Taken] = RegisterFold::taken(register, tenant, period);
            taken.iter().map(move |it| (register, it))
        };
        let mut taken = taken(&self.register).chain(taken(&self.notes));
        taken.find(|(_, it)| self.invoice.document(&it.number).is_none())
    }

    /// The document that the rollup of the period made.
    pub(super) fn rolled_up(&self) -> Option<&IssuedDocument> {
        self.invoice.rolled_up()
    }
}
