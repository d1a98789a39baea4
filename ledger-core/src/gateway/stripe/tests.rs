//! Whatever comes in has an answer; the made files of `fixtures/stripe` have theirs written down.

use proptest::prelude::*;

use super::*;
use crate::testing::cases;

const KINDS: [&str; 13] = [
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "charge.succeeded",
    "charge.captured",
    "charge.failed",
    "charge.refunded",
    "refund.failed",
    "charge.dispute.closed",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice_payment.paid",
    "checkout.session.completed",
    "anything.else",
];

const MEMBERS: [&str; 16] = [
    "id",
    "amount",
    "amount_captured",
    "amount_refunded",
    "amount_received",
    "amount_paid",
    "amount_due",
    "currency",
    "customer",
    "invoice",
    "payment_intent",
    "charge",
    "payments",
    "payment_status",
    "status",
    "captured",
];

/// A value that a member may have, right or wrong.
fn value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::json;
    prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|it| json!(it)),
        any::<i64>().prop_map(|it| json!(it)),
        (0..100_000_i64).prop_map(|it| json!(it)),
        "(aud|usd|jpy|kwd|isk|paid|won|lost|failed|pi_1|in_1|)".prop_map(|it| json!(it)),
        Just(json!({"id": "pi_2"})),
        Just(json!({"data": [{"payment": {"payment_intent": "pi_3"}}]})),
        Just(json!([])),
    ]
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// An answer of either sort; money only where there is some, and its refusal has a pointer.
    #[test]
    fn whatever_comes_in_has_an_answer(
        kind in proptest::sample::select(&KINDS[..]),
        members in proptest::collection::btree_map(
            proptest::sample::select(&MEMBERS[..]), value(), 0..12),
        before in value(),
    ) {
        let event = serde_json::json!({
            "id": "evt_1", "object": "event", "created": 1_779_000_000, "livemode": false,
            "type": kind,
            "data": {"object": members, "previous_attributes": {"amount_refunded": before}},
        });
        match read(event.to_string().as_bytes(), false) {
            Ok(Notice { outcome: Outcome::Payment { amount, .. }, .. }) => {
                prop_assert!(!amount.is_zero() && !amount.is_negative());
            }
            Ok(notice) => prop_assert_eq!(notice.object(), None),
            Err(refusal) => prop_assert!(refusal.pointer().starts_with("/data")),
        }
    }
}
