//! Invoices and notes in double entry: issued, paid, voided, given up.

use super::{
    Account, BTreeMap, BillingPeriod, Document, Draft, Journal, Known, Line, Money, MoneyError,
    PaymentSource, Position, Posting, TenantId, invoice,
};
use crate::id::InvoiceNumber;

/// What a document moves beside its lines.
struct Moves {
    credit_applied: Money,
    to_credit: Money,
}

impl Journal {
    pub(super) fn draft_invoice(
        &mut self,
        event: &invoice::Event,
        place: (&TenantId, BillingPeriod),
    ) -> Result<Draft, MoneyError> {
        let tenant = place.0;
        match event {
            invoice::Event::LinesCarried(it) => {
                self.carried.entry(it.number.clone()).or_default().extend_from_slice(&it.lines);
                Ok(Draft::new())
            }
            invoice::Event::Issued(it) => {
                let to_credit = Money::zero(it.credit_applied.currency());
                let credit_applied = it.credit_applied;
                self.issue(&it.document, place, &Moves { credit_applied, to_credit })
            }
            invoice::Event::CreditNoteIssued(it) => {
                let credit_applied = Money::zero(it.to_credit.currency());
                let moves = Moves { credit_applied, to_credit: it.to_credit };
                let draft = self.issue(&it.document, place, &moves)?;
                let note = (tenant.clone(), it.document.number.clone());
                let lowered = self.documents.get(&note).map(|it| it.due.negated());
                match it.amends.as_ref().zip(lowered) {
                    Some((amends, lowered)) => self.lower(tenant, amends, lowered, draft),
                    None => Ok(draft),
                }
            }
            invoice::Event::DebitNoteIssued(it) => {
                let nothing = Money::zero(it.document.totals.gross.currency());
                let moves = Moves { credit_applied: nothing, to_credit: nothing };
                self.issue(&it.document, place, &moves)
            }
            invoice::Event::PaymentApplied(it) => self.pay(tenant, it),
            invoice::Event::Voided(it) => self.void(tenant, &it.number),
            invoice::Event::MarkedUncollectible(it) => self.write_off(tenant, &it.number),
            // A number moves nothing.
            invoice::Event::NumberTaken(_) => Ok(Draft::new()),
        }
    }

    fn issue(
        &mut self,
        document: &Document,
        (tenant, period): (&TenantId, BillingPeriod),
        moves: &Moves,
    ) -> Result<Draft, MoneyError> {
        let mut lines = self.carried.remove(&document.number).unwrap_or_default();
        lines.extend_from_slice(&document.lines);
        let settled = settled(&lines, period)?;
        let totals = &document.totals;
        let (mut draft, mut asks) = (Draft::new(), totals.gross);
        let mut released = Vec::new();
        for (of, amount) in settled {
            asks = asks.checked_sub(amount)?;
            let rounding = self.release(tenant, of, amount, document.folded_to)?;
            draft.debit(Account::PrepaidUsage, Some(tenant), amount.checked_add(rounding)?);
            draft.credit(Account::Rounding, None, rounding);
            released.push((of, amount.checked_add(rounding)?));
        }
        let due = asks.checked_sub(moves.credit_applied)?.checked_add(moves.to_credit)?;
        draft.debit(Account::Receivable, Some(tenant), due);
        // What is no tax is revenue, whatever a document says of its net.
        draft.credit(Account::Revenue, None, totals.gross.checked_sub(totals.tax)?);
        draft.credit(Account::TaxPayable, None, totals.tax);
        match moves.credit_applied.is_negative() {
            false => draft.debit(Account::CreditApplied, Some(tenant), moves.credit_applied),
            true => draft.debit(Account::CreditGiven, Some(tenant), moves.credit_applied),
        };
        draft.credit(Account::CreditGiven, Some(tenant), moves.to_credit);
        let written_off = Money::zero(due.currency());
        let known = Known { postings: draft.postings.clone(), released, due, written_off };
        self.documents.insert((tenant.clone(), document.number.clone()), known);
        Ok(draft)
    }

    /// Takes a rounded sum out of what was prepaid for a period; answers what rounding dropped, so
    /// that nothing is left of what the document knew.
    fn release(
        &mut self,
        tenant: &TenantId,
        period: BillingPeriod,
        amount: Money,
        known_to: Position,
    ) -> Result<Money, MoneyError> {
        let prepaid = self.prepaid.entry((tenant.clone(), period)).or_default();
        let known = prepaid.drawn.iter().filter(|it| it.0 <= known_to).map(|it| it.1);
        let drawn = Money::sum(amount.currency(), known)?;
        let released = prepaid.released.unwrap_or(Money::zero(amount.currency()));
        let left = drawn.checked_sub(released)?;
        prepaid.released = Some(drawn);
        left.checked_sub(amount)
    }

    fn pay(
        &mut self,
        tenant: &TenantId,
        it: &invoice::PaymentApplied,
    ) -> Result<Draft, MoneyError> {
        let (from, amount) = (account_of(&it.payment), it.amount);
        let part = from.is_by_tenant().then_some(tenant);
        let mut draft = Draft::new();
        draft.debit(from, part, amount).credit(Account::Receivable, Some(tenant), amount);
        self.lower(tenant, &it.number, amount, draft)
    }

    /// Lowers what is due of a document. What was given up and is settled all the same is no loss
    /// any more.
    fn lower(
        &mut self,
        tenant: &TenantId,
        number: &InvoiceNumber,
        amount: Money,
        mut draft: Draft,
    ) -> Result<Draft, MoneyError> {
        let Some(known) = self.documents.get_mut(&(tenant.clone(), number.clone())) else {
            return Ok(draft);
        };
        known.due = known.due.checked_sub(amount)?;
        let given_up = known.written_off;
        let recovered = if given_up.amount() < amount.amount() { given_up } else { amount };
        if !recovered.is_negative() {
            known.written_off = given_up.checked_sub(recovered)?;
            draft.debit(Account::Receivable, Some(tenant), recovered);
            draft.credit(Account::BadDebt, None, recovered);
        }
        Ok(draft)
    }

    /// Everything that the issue of it posted, the other way round.
    fn void(&mut self, tenant: &TenantId, number: &InvoiceNumber) -> Result<Draft, MoneyError> {
        let Some(known) = self.documents.remove(&(tenant.clone(), number.clone())) else {
            return Ok(Draft::new());
        };
        for (period, amount) in known.released {
            let prepaid = self.prepaid.entry((tenant.clone(), period)).or_default();
            let released = prepaid.released.unwrap_or(Money::zero(amount.currency()));
            prepaid.released = Some(released.checked_sub(amount)?);
        }
        let reversed = |it: Posting| Posting { amount: it.amount.negated(), ..it };
        let mut postings = known.postings.into_iter().map(reversed).collect::<Vec<_>>();
        let mut given_up =
            Draft::moved(known.written_off, Account::Receivable, Account::BadDebt, None);
        for it in &mut given_up.postings {
            it.tenant = it.account.is_by_tenant().then(|| tenant.clone());
        }
        postings.append(&mut given_up.postings);
        Ok(Draft { postings })
    }

    fn write_off(
        &mut self,
        tenant: &TenantId,
        number: &InvoiceNumber,
    ) -> Result<Draft, MoneyError> {
        let mut draft = Draft::new();
        let Some(known) = self.documents.get_mut(&(tenant.clone(), number.clone())) else {
            return Ok(draft);
        };
        let left = known.due.checked_sub(known.written_off)?;
        if !left.is_negative() {
            known.written_off = known.due;
            draft.debit(Account::BadDebt, None, left);
            draft.credit(Account::Receivable, Some(tenant), left);
        }
        Ok(draft)
    }
}

/// What lines say credit had settled, by the period they are for.
fn settled(
    lines: &[Line],
    period: BillingPeriod,
) -> Result<BTreeMap<BillingPeriod, Money>, MoneyError> {
    let mut settled = BTreeMap::new();
    for line in lines.iter().filter(|it| it.settled) {
        let of = line.adjusts.unwrap_or(period);
        let sum: &mut Money = settled.entry(of).or_insert(Money::zero(line.amount.currency()));
        *sum = sum.checked_add(line.amount)?;
    }
    Ok(settled)
}

/// Where the money for a document was until then.
const fn account_of(payment: &PaymentSource) -> Account {
    match payment {
        PaymentSource::Gateway { .. } => Account::Unallocated,
        PaymentSource::Operator { .. } => Account::Cash,
        PaymentSource::Credit => Account::CreditApplied,
    }
}
