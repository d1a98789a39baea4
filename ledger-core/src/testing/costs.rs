//! Strategies for what reports are made from.
//!
//! [`books`] and [`running_books`] draw what a reseller could hold of a month: names that meet and
//! collide, resources that move, projects that change hands, lines in several currencies with and
//! without a rate.
//! [`hostile_books`] draws anything at all.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::str::FromStr;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{facts, values};
use crate::event::invoice::LineKind;
use crate::event::provider::{BillLine, CostOwner, LineClass};
use crate::id::{DeploymentId, Provider, ProviderRef, ResourceId, TenantId};
use crate::log::{Position, Revision};
use crate::money::{Currency, Exact, ExchangeRate, Money};
use crate::price;
use crate::report::{
    ByHand, CostLine, Earned, Interval, LineId, Linked, Mapping, Metered, Products, Project, Rates,
    Resource, Slot, Timeline,
};
use crate::time::{BillingPeriod, Day, Timestamp};

/// Everything that the reports of a month are made from.
#[derive(Debug, Clone)]
pub struct Books {
    /// The month.
    pub period: BillingPeriod,
    /// What figures are shown in.
    pub reporting: Currency,
    /// What converts them, in the order in which it was set.
    pub rates: Vec<(Day, ExchangeRate)>,
    /// What products are.
    pub products: Products,
    /// Who is never invoiced.
    pub internal: BTreeSet<TenantId>,
    /// Whose tax comes back.
    pub recoverable: BTreeSet<Provider>,
    /// What runs.
    pub resources: Vec<Resource>,
    /// Where.
    pub projects: Vec<Project>,
    /// What was charged by providers.
    pub lines: Vec<CostLine>,
    /// What somebody said of it.
    pub by_hand: Vec<ByHand>,
    /// What was charged to tenants.
    pub earned: Vec<Earned>,
    /// What tenants run and used.
    pub metered: Vec<Metered>,
}

fn word<T: FromStr<Err: Debug> + Debug>(words: &[&'static str]) -> BoxedStrategy<T> {
    select(words.to_vec()).prop_map(|it| it.parse().expect("drawn by its own form")).boxed()
}

fn provider() -> BoxedStrategy<Provider> {
    word(&["digitalocean", "digitalocean", "digitalocean", "hetzner"])
}

fn tenant() -> BoxedStrategy<TenantId> {
    word(&["acme", "globex", "ops"])
}

fn deployment() -> BoxedStrategy<DeploymentId> {
    word(&["acme.shop", "acme.blog", "globex.shop", "ops.tools"])
}

/// An instant around a period, by the half day.
fn instant(period: BillingPeriod) -> impl Strategy<Value = Timestamp> + Clone {
    (-20_i64..80)
        .prop_map(move |it| period.starts_at().plus_seconds(it * 43_200).unwrap_or(Timestamp::MIN))
}

fn interval(period: BillingPeriod) -> impl Strategy<Value = Interval> {
    (instant(period), option::weighted(0.6, 0_i64..70)).prop_map(|(starts_at, length)| {
        let end = |it: i64| starts_at.plus_seconds(it * 43_200).unwrap_or(Timestamp::MAX);
        Interval { starts_at, ends_at: length.map(end) }
    })
}

fn timeline<T: Debug + Clone + 'static>(
    period: BillingPeriod,
    value: BoxedStrategy<T>,
    most: usize,
) -> impl Strategy<Value = Timeline<T>> {
    vec((instant(period), value), 0..=most).prop_map(Timeline::new)
}

fn resource(period: BillingPeriod) -> impl Strategy<Value = Resource> {
    let link = (deployment(), interval(period)).prop_map(|(deployment, during)| Linked {
        deployment,
        during,
        linked_by: Revision::new(1),
        unlinked_by: during.ends_at.map(|_| Revision::new(2)),
    });
    let projects = option::of(word::<ProviderRef>(&["p1", "p2", "p9"])).boxed();
    let owned = (
        timeline(period, option::of(tenant()).boxed(), 3),
        timeline(period, projects, 2),
        vec(link, 0..3),
    );
    let names = timeline(period, word(&["web-1", "WEB-1", "db", "db (old)"]), 2);
    let price = option::of((0_i64..100_000).prop_map(|it| {
        Money::new(Exact::new(i128::from(it), 5).expect("drawn within bounds"), Currency::USD)
    }));
    let what = (provider(), word::<crate::id::ResourceKind>(&["droplet", "Droplet", "volume"]));
    (what, names, vec(interval(period), 0..3), owned, price).prop_map(
        |((provider, resource_type), names, live, (tenants, projects, links), price_per_hour)| {
            Resource {
                id: ResourceId { provider, id: "r".parse().expect("an id") },
                resource_type,
                names,
                live,
                links,
                tenants,
                projects,
                price_per_hour,
                first_seen: Revision::FIRST,
                gone_by: None,
            }
        },
    )
}

fn project(period: BillingPeriod) -> impl Strategy<Value = Project> {
    let tenants = timeline(period, option::of(tenant()).boxed(), 3);
    (provider(), timeline(period, word(&["Alpha", "beta", "BETA"]), 2), tenants).prop_map(
        |(provider, names, tenants)| {
            let id = "p".parse().expect("an id");
            Project { provider, id, names, tenants }
        },
    )
}

/// An amount as providers bill: of either sign, up to six decimals.
fn amount() -> impl Strategy<Value = Money> {
    let units = prop_oneof![-3_i128..=3, -10_000_000_i128..=10_000_000];
    let currency =
        select(vec![Currency::USD, Currency::USD, Currency::AUD, Currency::EUR, Currency::JPY]);
    (units, 0_u8..=6, currency).prop_map(|(units, scale, currency)| {
        Money::new(Exact::new(units, scale).expect("drawn within bounds"), currency)
    })
}

fn bill_line(period: BillingPeriod) -> impl Strategy<Value = BillLine> {
    let classes = vec![LineClass::Charge, LineClass::Charge, LineClass::Credit, LineClass::Tax];
    let descriptions =
        ["web-1", "Web-1 (s-1vcpu-1gb)", "db (fra1) 100GB", "db (old) (small)", "db (old)", ""];
    let words = (
        word(&["Droplets", "droplets", "Volumes", "Anything"]),
        word(&descriptions),
        option::weighted(0.2, word(&["db", "web-1"])),
        option::weighted(0.4, word(&["alpha", "Beta", "p1"])),
        option::weighted(0.2, word::<ProviderRef>(&["r1", "r2", "r8"])),
    );
    let when = (instant(period), 0_i64..64);
    (words, select(classes), when, amount()).prop_map(
        |(words, class, (starts_at, half), amount)| {
            let (product, description, group, project, resource) = words;
            BillLine {
                row: 0,
                product,
                group,
                description,
                category: None,
                class,
                quantity: None,
                unit: None,
                starts_at,
                ends_at: starts_at.plus_seconds(half * 43_200).unwrap_or(Timestamp::MAX),
                amount,
                project,
                resource,
            }
        },
    )
}

fn cost_line(period: BillingPeriod) -> impl Strategy<Value = CostLine> {
    let bill = (provider(), word(&["4711", "4712"]), word(&["first", "second"]));
    (bill, bill_line(period)).prop_map(|((provider, bill, ingest), line)| {
        let id = LineId { provider, bill, row: 0 };
        CostLine { id, ingest, line, recorded_by: Revision::new(1) }
    })
}

/// What is said of one of the lines, or of one like it in another reading or another month.
type Said = (Index, CostOwner, bool, bool, bool, u64);

fn said() -> impl Strategy<Value = Said> {
    let resource = word::<ResourceId>(&["digitalocean.r1", "hetzner.r2", "digitalocean.r9"]);
    let owner = prop_oneof![
        deployment().prop_map(CostOwner::Deployment),
        tenant().prop_map(CostOwner::Tenant),
        resource.prop_map(CostOwner::Resource),
        Just(CostOwner::Nobody),
    ];
    (any::<Index>(), owner, any::<bool>(), any::<bool>(), any::<bool>(), 0_u64..9)
}

fn by_hand(lines: &[CostLine], said: Vec<Said>, period: BillingPeriod) -> Vec<ByHand> {
    let of = |(place, it): (usize, Said)| {
        let (index, owner, remembered, is_former, is_earlier, at) = it;
        let of = index.get(lines);
        let mut said = ByHand {
            id: of.id.clone(),
            ingest: of.ingest.clone(),
            line: of.line.clone(),
            owner,
            remembered,
            // No two stand at one position.
            position: Position::new(at * 100 + u64::try_from(place).unwrap_or(0)),
        };
        if is_former {
            said.ingest = "zeroth".parse().expect("an id");
        }
        if is_earlier {
            said.id.bill = "4700".parse().expect("a number");
            let earlier = period.previous().unwrap_or(period);
            (said.line.starts_at, said.line.ends_at) = (earlier.starts_at(), earlier.ends_at());
        }
        said
    };
    if lines.is_empty() { Vec::new() } else { said.into_iter().enumerate().map(of).collect() }
}

fn earned(period: BillingPeriod) -> impl Strategy<Value = Earned> {
    let kinds = [LineKind::PlanBase, LineKind::Overage, LineKind::Discount, LineKind::Addon];
    let periods = vec![period, period, period, period.previous().unwrap_or(period)];
    let kind = option::of(word(&["droplet_hours", "llm_tokens"]));
    (deployment(), any::<bool>(), kind, select(kinds.to_vec()), select(periods), amount()).prop_map(
        |(id, has_deployment, kind, line, period, amount)| Earned {
            tenant: id.tenant,
            deployment: has_deployment.then_some(id.slug),
            kind,
            line,
            period,
            starts_on: period.first_day(),
            ends_on: period.end_day(),
            amount,
        },
    )
}

fn rate(period: BillingPeriod) -> impl Strategy<Value = (Day, ExchangeRate)> {
    let pairs =
        vec![("AUD", "USD"), ("USD", "AUD"), ("EUR", "AUD"), ("USD", "EUR"), ("AUD", "JPY")];
    let set = (select(pairs), 1_i128..30_000, 0_u8..=4, -3_i32..3);
    set.prop_map(move |((base, quote), units, scale, days)| {
        let currency = |it| Currency::new(it).expect("a currency");
        let rate = Exact::new(units, scale).expect("drawn within bounds");
        let rate = ExchangeRate::new(currency(base), currency(quote), rate);
        let day = period.last_day().plus_days(days).unwrap_or(period.last_day());
        (day, rate.expect("two of a pair, and positive"))
    })
}

impl Books {
    /// The rates as reports take them.
    pub fn rates(&self) -> Rates {
        let mut rates = Rates::default();
        self.rates.iter().for_each(|(on, rate)| rates.set(*on, *rate));
        rates
    }
}

/// The product table that the drawn lines and resources meet.
pub fn products() -> Products {
    let mut products = Products::default();
    let mapping = |resource_type: Option<&str>, kind: Option<&str>| {
        let word = |it: &str| it.parse().expect("a kind");
        Mapping { resource_type: resource_type.map(word), kind: kind.map(word) }
    };
    let droplets = mapping(Some("droplet"), Some("droplet_hours"));
    for provider in ["digitalocean", "hetzner"] {
        let provider = provider.parse().expect("a provider");
        let label = |it: &str| it.parse().expect("a name");
        products.map(&provider, &label("Droplets"), droplets.clone());
        products.map(&provider, &label("Volumes"), mapping(Some("Volume"), None));
    }
    products
}

/// What a reseller could hold of a month, but for what its tenants run and used.
pub fn books() -> impl Strategy<Value = Books> {
    let period = (select(vec![2024, 2026]), 2_u8..=4);
    let period = period.prop_map(|it| BillingPeriod::new(it.0, it.1).expect("a month"));
    period.prop_flat_map(books_of)
}

/// A slot taken for a deployment, or for a resource by its name or its id.
fn slot(period: BillingPeriod) -> impl Strategy<Value = Slot> {
    let name = word(&["shop", "blog", "web-1", "db", "digitalocean.r1"]);
    (name, interval(period), any::<bool>()).prop_map(|(name, during, is_released)| Slot {
        name,
        during,
        allocated_by: Revision::new(1),
        released_by: is_released.then(|| Revision::new(2)),
    })
}

/// What a reseller could hold of a month.
pub fn running_books() -> impl Strategy<Value = Books> {
    (facts::facts(), tenant()).prop_flat_map(|(facts, tenant)| {
        let unpriced = price::price(&facts).map_or_else(|_| Vec::new(), |it| it.unpriced);
        let period = facts.period;
        let price::Facts { currency, resource_prices, deployments, usage, .. } = facts;
        let metered = Metered {
            tenant,
            deployments,
            usage,
            currency,
            resource_prices,
            unpriced,
            slots: Vec::new(),
        };
        (books_of(period), vec(slot(period), 0..3)).prop_map(move |(books, slots)| {
            let metered = vec![Metered { slots, ..metered.clone() }];
            Books { metered, ..books }
        })
    })
}

fn books_of(period: BillingPeriod) -> impl Strategy<Value = Books> {
    let bought = (
        vec(resource(period), 0..5),
        vec(project(period), 0..3),
        vec(cost_line(period), 0..6),
        vec(said(), 0..4),
    );
    let sold = (vec(earned(period), 0..6), vec(rate(period), 0..8));
    let recoverable = option::weighted(0.3, provider());
    (bought, sold, recoverable).prop_map(move |(bought, (earned, rates), recoverable)| {
        let (mut resources, mut projects, mut lines, said) = bought;
        for (place, it) in resources.iter_mut().enumerate() {
            it.id.id = format!("r{}", place + 1).parse().expect("an id");
        }
        for (place, it) in projects.iter_mut().enumerate() {
            it.id = format!("p{}", place + 1).parse().expect("an id");
        }
        for (place, it) in lines.iter_mut().enumerate() {
            it.id.row = u32::try_from(place).expect("a few") + 1;
            it.line.row = it.id.row;
        }
        Books {
            period,
            reporting: Currency::AUD,
            rates,
            products: products(),
            internal: BTreeSet::from(["ops".parse().expect("a tenant")]),
            recoverable: recoverable.into_iter().collect(),
            by_hand: by_hand(&lines, said, period),
            resources,
            projects,
            lines,
            earned,
            metered: Vec::new(),
        }
    })
}

/// Books that nobody should hold: any amount, any currency, any time, intervals that end before
/// they begin, resources that are there twice.
pub fn hostile_books() -> impl Strategy<Value = Books> {
    // Often of one currency and at the ends of what a number holds, so that sums meet their bounds.
    let largest = Exact::new(Exact::MANTISSA_MAX, 0).expect("the largest");
    let finest = Exact::new(1, Exact::SCALE_MAX).expect("the finest");
    let extreme = select(vec![largest, largest.negated(), finest]);
    let common = select(vec![Currency::AUD, Currency::USD]);
    let common = (prop_oneof![extreme, values::exact()], common);
    let common = common.prop_map(|(amount, of)| Money::new(amount, of));
    let money = prop_oneof![common, values::money()].boxed();
    let line = (any::<BillLine>(), money.clone(), values::timestamp(), any::<bool>());
    let lives = vec((values::timestamp(), option::of(values::timestamp())), 0..4);
    let when = (option::weighted(0.1, values::period()), values::currency());
    let rates = vec((values::day(), values::exchange_rate()), 0..4);
    (running_books(), vec(line, 0..6), lives, vec(money, 0..6), when, rates).prop_map(
        |(mut books, lines, lives, amounts, (period, reporting), rates)| {
            for (known, (line, amount, at, is_whole)) in books.lines.iter_mut().zip(lines) {
                if is_whole {
                    known.line = BillLine { starts_at: known.line.starts_at, ..line };
                }
                (known.line.amount, known.line.ends_at) = (amount, at);
            }
            let lives =
                lives.into_iter().map(|(starts_at, ends_at)| Interval { starts_at, ends_at });
            for (known, life) in books.resources.iter_mut().zip(lives) {
                known.live.push(life);
                known.links.iter_mut().for_each(|it| it.during = life);
            }
            books.resources.extend(books.resources.first().cloned());
            for (known, amount) in books.earned.iter_mut().zip(amounts) {
                known.amount = amount;
            }
            books.period = period.unwrap_or(books.period);
            books.reporting = reporting;
            books.rates.extend(rates);
            books
        },
    )
}
