//! Tiers by the worked days of the quota shop.

use super::*;
use crate::decide::account::tests::{lot, tenant};
use crate::decide::script::Script;

fn ladder() -> Ladder {
    crate::json::from_str(
        r#"{"tiers": [{"name": "week", "days": 7, "multiplier": "0.5"},
                      {"name": "month", "days": 30, "multiplier": "0.25"}],
            "categories": ["hero_os_hourly", "llm"], "default_category": "hero_os_hourly"}"#,
    )
    .unwrap()
}

fn tick(script: &mut Script<Account>) -> Option<(String, i64)> {
    let events = script.state.reach_tier(&ladder(), script.at);
    let event = events.first().cloned();
    script.take(Ok::<_, String>(events));
    assert_eq!(script.state.reach_tier(&ladder(), script.at), [], "a second tick says it again");
    let Event::Account(crate::event::account::Event::DiscountTierReached(it)) = event? else {
        panic!("only tiers are reached")
    };
    let first = script.state.credit().first_paid_at().unwrap();
    Some((it.tier.to_string(), it.reached_at.micros_since(first) / 1_000_000))
}

#[test]
fn a_tier_is_reached_at_the_last_second_of_its_days() {
    let mut script = tenant();
    assert_eq!(tick(&mut script), None);
    script.take(script.state.top_up(&lot("a", 100), script.at));
    script.pass(7 * 86_400 - 1);
    assert_eq!(tick(&mut script), None);
    script.pass(1);
    assert_eq!(tick(&mut script), Some(("week".to_owned(), 7 * 86_400)));
    script.take(script.state.top_up(&lot("b", 100), script.at));
    script.pass(23 * 86_400 - 1);
    assert_eq!(tick(&mut script), None);
    script.pass(1);
    assert_eq!(tick(&mut script), Some(("month".to_owned(), 30 * 86_400)));
    script.pass(400 * 86_400);
    assert_eq!(tick(&mut script), None);
}

#[test]
fn a_late_tick_records_the_tier_it_finds_with_the_instant_it_began() {
    let mut script = tenant();
    script.take(script.state.top_up(&lot("a", 100), script.at));
    script.pass(45 * 86_400);
    assert_eq!(tick(&mut script), Some(("month".to_owned(), 30 * 86_400)));
}
