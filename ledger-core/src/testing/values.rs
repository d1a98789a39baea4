//! Strategies for money, times, ids and stream names.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::id;
use crate::money::{
    Currency, Exact, ExchangeRate, Money, Percent, Quantity, Ratio, Rounding, UnitPrice,
};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Day, Timestamp};

/// An integer of any size up to `max` either side of zero: the ends and near a power of ten as
/// often as anything else.
pub fn integer(max: i128) -> impl Strategy<Value = i128> {
    let digits = u32::try_from(max.to_string().len()).unwrap_or(38);
    let near_power = (0..digits, -1_i128..=1).prop_map(|(power, step)| 10_i128.pow(power) + step);
    let of_some_length =
        (0..digits, any::<i128>()).prop_map(|(power, it)| it % 10_i128.pow(power).max(2));
    let magnitude = prop_oneof![Just(0), Just(1), Just(max), near_power, of_some_length];
    (magnitude, any::<bool>()).prop_map(move |(it, negative)| {
        let it = it.clamp(-max, max);
        if negative { -it } else { it }
    })
}

/// Any exact number.
pub fn exact() -> impl Strategy<Value = Exact> {
    let scale = prop_oneof![Just(0), Just(2), Just(Exact::SCALE_MAX), 0..=Exact::SCALE_MAX];
    (integer(Exact::MANTISSA_MAX), scale)
        .prop_map(|(mantissa, scale)| Exact::new(mantissa, scale).expect("drawn within bounds"))
}

fn within(digits: u32, decimals_max: u8) -> impl Strategy<Value = Exact> {
    let scale = prop_oneof![Just(0), Just(2), Just(decimals_max), 0..=decimals_max];
    (integer(10_i128.pow(digits) - 1), scale)
        .prop_map(|(mantissa, scale)| Exact::new(mantissa, scale).expect("drawn within bounds"))
}

/// Any quantity, of either sign.
pub fn quantity() -> impl Strategy<Value = Quantity> {
    within(18, 12).prop_map(|it| Quantity::new(it).expect("drawn within bounds"))
}

/// A quantity that is measured: not negative, of a size that a month of metering has.
pub fn measured_quantity() -> impl Strategy<Value = Quantity> {
    within(9, 3).prop_map(|it| Quantity::new(it.magnitude()).expect("drawn within bounds"))
}

/// Any unit price.
pub fn unit_price() -> impl Strategy<Value = UnitPrice> {
    within(15, 12).prop_map(|it| UnitPrice::new(it.magnitude()).expect("drawn within bounds"))
}

/// Any percent, including above a hundred.
pub fn percent() -> impl Strategy<Value = Percent> {
    within(7, 4).prop_map(|it| Percent::new(it.magnitude()).expect("drawn within bounds"))
}

/// Any currency, the common ones as often as all others.
pub fn currency() -> impl Strategy<Value = Currency> {
    let common = vec![Currency::AUD, Currency::USD, Currency::EUR, Currency::JPY, Currency::KWD];
    prop_oneof![select(common), select(Currency::all().collect::<Vec<_>>())]
}

/// Any amount of any currency.
pub fn money() -> impl Strategy<Value = Money> {
    (exact(), currency()).prop_map(|(amount, currency)| Money::new(amount, currency))
}

/// An amount of one currency in whole minor units, as lines and payments are.
pub fn cents(currency: Currency) -> impl Strategy<Value = Money> {
    integer(10_i128.pow(15))
        .prop_map(move |units| Money::from_minor(units, currency).expect("drawn within bounds"))
}

/// Any ratio whose two integers have at most 18 digits.
pub fn ratio() -> impl Strategy<Value = Ratio> {
    let max = 10_i128.pow(18);
    (integer(max), integer(max))
        .prop_map(|(over, under)| Ratio::new(over, under).unwrap_or(Ratio::ZERO))
}

/// Any rounding rule.
pub fn rounding() -> impl Strategy<Value = Rounding> {
    select(vec![
        Rounding::HalfAwayFromZero,
        Rounding::HalfDown,
        Rounding::HalfEven,
        Rounding::TowardZero,
        Rounding::Up,
    ])
}

/// Any rate between two currencies.
pub fn exchange_rate() -> impl Strategy<Value = ExchangeRate> {
    (currency(), any::<Index>(), exact()).prop_map(|(base, other, rate)| {
        let others = Currency::all().filter(|it| *it != base).collect::<Vec<_>>();
        let rate = rate.magnitude();
        let rate = if rate.is_zero() { "1".parse().expect("a number") } else { rate };
        ExchangeRate::new(base, *other.get(&others), rate).expect("two of a pair, and positive")
    })
}

/// Any day.
pub fn day() -> impl Strategy<Value = Day> {
    let max = Day::MAX.days_since_epoch();
    prop_oneof![Just(0), Just(max), 0..=max, 20_000..22_000]
        .prop_map(|days| Day::from_days(days).expect("drawn within bounds"))
}

/// Any billing period; the last month of time among them, leap Februaries often.
pub fn period() -> impl Strategy<Value = BillingPeriod> {
    let year = prop_oneof![Just(1970), Just(2000), Just(2024), Just(2100), Just(9999), 1970..=9999];
    (year, prop_oneof![Just(2_u8), Just(12), 1_u8..=12]).prop_map(|(year, month)| {
        let year = u16::try_from(year).expect("drawn within bounds");
        BillingPeriod::new(year, month).expect("drawn within bounds")
    })
}

/// Any instant; the first and last of a day as often as others.
pub fn timestamp() -> impl Strategy<Value = Timestamp> {
    let anywhere = 0..=Timestamp::MAX.as_micros();
    let at_an_edge = (day(), -1_i64..=1).prop_map(|(day, step)| day.starts_at().as_micros() + step);
    let this_century = 1_700_000_000_000_000..1_800_000_000_000_000_i64;
    prop_oneof![anywhere, at_an_edge, this_century].prop_map(Timestamp::saturating_from_micros)
}

/// An instant of one period.
pub fn timestamp_in(period: BillingPeriod) -> impl Strategy<Value = Timestamp> {
    let (first, end) = (period.starts_at().as_micros(), period.ends_at().as_micros());
    prop_oneof![Just(first), Just(end - 1), first..end].prop_map(Timestamp::saturating_from_micros)
}

/// Text that people and providers write: letters, signs, any printable character.
pub fn foreign_text(bytes_max: usize) -> impl Strategy<Value = String> {
    let plain = select("abcXYZ019 ./:_-%+&=?#@\"'\\<>{}".chars().collect::<Vec<_>>());
    let far = prop_oneof![
        Just('\u{e9}'),
        Just('\u{3b2}'),
        Just('\u{6f22}'),
        Just('\u{1f680}'),
        // Replaced rather than filtered: proptest ends a long property after so many refusals.
        any::<char>().prop_map(|it| if id::is_printable(it) { it } else { '\u{20ac}' }),
    ];
    let some = prop_oneof![4 => plain, 1 => far];
    vec(some, 1..bytes_max.min(40)).prop_map(move |chars| {
        let mut text = String::new();
        for it in chars {
            if text.len() + it.len_utf8() <= bytes_max {
                text.push(it);
            }
        }
        text
    })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $pattern:literal;)*) => {
        $(
            $(#[$doc])*
            pub fn $name() -> impl Strategy<Value = $type> {
                $pattern.prop_map(|text| text.parse::<$type>().expect("drawn by its own form"))
            }
        )*
    };
}

ids! {
    /// A tenant, dots and hyphens included, and the one that is named like a role.
    tenant_id: id::TenantId = "[a-z0-9][a-z0-9._-]{0,12}|[a-z0-9]{64}|platform-admin|[a-z]{1,3}";
    /// A deployment's slug.
    deployment_slug: id::DeploymentSlug = "[a-z0-9][a-z0-9-]{0,12}|[a-z0-9]{63}|[a-z]{1,3}";
    /// A provider.
    provider: id::Provider = "[a-z0-9]{1,8}|[a-z]{32}|digitalocean|aws";
    /// A plan.
    plan_code: id::PlanCode = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}|starter|studio";
    /// An addon.
    addon_code: id::AddonCode = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}|storage_50gb";
    /// A coupon.
    coupon_code: id::CouponCode = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}";
    /// What is metered.
    resource_kind: id::ResourceKind = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}|droplet_hours|llm_tokens";
    /// What a quantity counts.
    unit: id::Unit = "[A-Za-z0-9][A-Za-z0-9._-]{0,8}|hour|gb|1k_tokens";
    /// What a ladder looks at.
    category: id::Category = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}|hero_os_hourly|llm|vm";
    /// An issuer.
    issuer_id: id::IssuerId = "[a-z0-9][a-z0-9._-]{0,12}";
    /// The printed number of an invoice.
    invoice_number: id::InvoiceNumber = "INV-[0-9]{6}|[A-Za-z0-9][A-Za-z0-9._-]{0,12}";
    /// The printed number of a case.
    case_number: id::CaseNumber = "CF-2026[0-9]{4}-[0-9]{4}";
    /// An operation.
    operation_id: id::OperationId = "op_[a-z0-9]{1,12}|[A-Za-z0-9][A-Za-z0-9._-]{0,12}";
    /// A step.
    step_name: id::StepName = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}";
    /// A reservation.
    reservation_id: id::ReservationId = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}";
    /// A lot of credit.
    lot_id: id::LotId = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}";
    /// An attachment.
    attachment_id: id::AttachmentId = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}";
    /// An API key.
    api_key_id: id::ApiKeyId = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}";
    /// A repair.
    repair_id: id::RepairId = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}";
}

macro_rules! foreign_ids {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $bytes_max:literal;)*) => {
        $(
            $(#[$doc])*
            pub fn $name() -> impl Strategy<Value = $type> {
                foreign_text($bytes_max)
                    .prop_map(|text| text.parse::<$type>().expect("drawn by its own form"))
            }
        )*
    };
}

foreign_ids! {
    /// A provider's own id of a thing.
    provider_ref: id::ProviderRef = 200;
    /// A provider's own number of a bill.
    bill_ref: id::BillRef = 200;
    /// A gateway's own id.
    payment_ref: id::PaymentRef = 255;
    /// Where a key comes from.
    key_source: id::KeySource = 255;
    /// A caller's own key.
    key_id: id::KeyId = 255;
    /// The subject of a credential.
    actor_name: id::ActorName = 255;
    /// A name that people read.
    label: id::Label = 200;
    /// A sentence that people read.
    note: id::Note = 1000;
}

/// Any deployment.
pub fn deployment_id() -> impl Strategy<Value = id::DeploymentId> {
    (tenant_id(), deployment_slug()).prop_map(|(tenant, slug)| id::DeploymentId { tenant, slug })
}

/// Any event's id.
pub fn event_id() -> impl Strategy<Value = id::EventId> {
    any::<[u8; 16]>().prop_map(id::EventId::from_bytes)
}

/// Any correlation.
pub fn correlation_id() -> impl Strategy<Value = id::CorrelationId> {
    any::<[u8; 16]>().prop_map(id::CorrelationId::from_bytes)
}

/// Any ledger's id.
pub fn ledger_id() -> impl Strategy<Value = id::LedgerId> {
    any::<[u8; 16]>().prop_map(id::LedgerId::from_bytes)
}

/// Somebody in some role.
pub fn actor() -> impl Strategy<Value = id::Actor> {
    use id::Role::{Gateway, Importer, Operator, Producer, System, Tenant};
    let role = select(vec![Operator, Tenant, Producer, Gateway, System, Importer]);
    (actor_name(), role).prop_map(|(who, role)| id::Actor { who, role })
}

/// Any key of anybody.
pub fn key() -> impl Strategy<Value = id::Key> {
    let scope =
        prop_oneof![Just(id::KeyScope::Operator), tenant_id().prop_map(id::KeyScope::Tenant)];
    (scope, key_source(), key_id(), any::<u32>()).prop_map(|(scope, source, id, index)| id::Key {
        scope,
        source,
        id,
        index,
    })
}

/// Any stream of any category.
pub fn stream() -> impl Strategy<Value = Stream> {
    prop_oneof![
        Just(Stream::Catalog),
        Just(Stream::Ledger),
        tenant_id().prop_map(Stream::Access),
        tenant_id().prop_map(Stream::Account),
        (tenant_id(), period()).prop_map(|it| Stream::Usage(it.0, it.1)),
        (tenant_id(), deployment_slug()).prop_map(|it| Stream::Deployment(it.0, it.1)),
        (provider(), provider_ref()).prop_map(|it| Stream::Resource(it.0, it.1)),
        (provider(), provider_ref()).prop_map(|it| Stream::Project(it.0, it.1)),
        (provider(), bill_ref()).prop_map(|it| Stream::Bill(it.0, it.1)),
        (tenant_id(), period()).prop_map(|it| Stream::Invoice(it.0, it.1)),
        issuer_id().prop_map(Stream::Register),
        operation_id().prop_map(Stream::Operation),
        day().prop_map(Stream::Support),
        provider().prop_map(Stream::Provider),
        provider().prop_map(Stream::Suspense),
    ]
}

arbitrary! {
    Exact = exact();
    Quantity = quantity();
    UnitPrice = unit_price();
    Percent = percent();
    Currency = currency();
    Money = money();
    Ratio = ratio();
    Rounding = rounding();
    ExchangeRate = exchange_rate();
    Day = day();
    BillingPeriod = period();
    Timestamp = timestamp();
    id::DeploymentId = deployment_id();
    id::EventId = event_id();
    id::CorrelationId = correlation_id();
    id::LedgerId = ledger_id();
    id::Actor = actor();
    id::Key = key();
    Stream = stream();
    id::TenantId = tenant_id();
    id::DeploymentSlug = deployment_slug();
    id::Provider = provider();
    id::PlanCode = plan_code();
    id::AddonCode = addon_code();
    id::CouponCode = coupon_code();
    id::ResourceKind = resource_kind();
    id::Unit = unit();
    id::Category = category();
    id::IssuerId = issuer_id();
    id::InvoiceNumber = invoice_number();
    id::CaseNumber = case_number();
    id::OperationId = operation_id();
    id::StepName = step_name();
    id::ReservationId = reservation_id();
    id::LotId = lot_id();
    id::AttachmentId = attachment_id();
    id::ApiKeyId = api_key_id();
    id::RepairId = repair_id();
    id::ProviderRef = provider_ref();
    id::BillRef = bill_ref();
    id::PaymentRef = payment_ref();
    id::KeySource = key_source();
    id::KeyId = key_id();
    id::ActorName = actor_name();
    id::Label = label();
    id::Note = note();
}
