//! What a running period comes to if it goes on as it went.

use super::leaks::{deployment, usage};
use super::*;
use crate::price::{Facts, Usage, price};

/// Studio since March, looked at as the 11th of April begins: a third of the month is over.
fn facts() -> Facts {
    let mut facts = Facts::of_whole(parsed("2026-04"), Currency::AUD);
    facts.until = at("2026-04-11");
    facts.deployments.push(deployment("shop", &[("2026-03-02", true, 1)]));
    facts
}

/// The amounts of the lines if `now` goes on.
#[track_caller]
fn check(now: &Facts, whole: Facts, expected: &[&str]) {
    check_reported(now, whole, &now.usage, expected);
}

/// The same, where only this was reported.
#[track_caller]
fn check_reported(now: &Facts, whole: Facts, reported: &[Usage], expected: &[&str]) {
    let projected = projected_facts(now, whole, reported, now.until).unwrap();
    let lines = price(&projected).unwrap().lines;
    let amounts = lines.iter().map(|it| it.line.amount.amount_text()).collect::<Vec<_>>();
    assert_eq!(amounts, expected);
}

fn whole_of(now: &Facts) -> Facts {
    Facts { until: now.period.ends_at(), ..now.clone() }
}

#[test]
fn days_go_on_as_they_stand() {
    let now = facts();
    check(&now, whole_of(&now), &["50.00"]);
    let mut paused = now;
    let turns = [("2026-03-02", true, 1), ("2026-04-10T12:00:00Z", false, 2)];
    paused.deployments = vec![deployment("shop", &turns)];
    check(&paused, whole_of(&paused), &["15.00"]);
}

#[test]
fn what_is_reported_goes_on_at_its_pace() {
    let mut now = facts();
    // 1200 hours in ten days are 3600 in the month, 2112 of them beyond the allowance.
    now.usage.push(usage("droplet_hours", "2026-04-02", Some("shop"), "700"));
    now.usage.push(usage("droplet_hours", "2026-04-08", Some("shop"), "500"));
    check(&now, whole_of(&now), &["50.00", "21.12"]);
}

#[test]
fn the_pace_is_taken_since_the_deployment_began() {
    let mut now = facts();
    now.deployments = vec![deployment("shop", &[("2026-04-06", true, 1)])];
    // 600 hours in five days go on for twenty: 3000, beyond 1488 x 25 / 30 = 1240.
    now.usage.push(usage("droplet_hours", "2026-04-08", Some("shop"), "600"));
    check(&now, whole_of(&now), &["41.67", "17.60"]);
}

#[test]
fn what_measures_itself_runs_on_by_itself() {
    let mut now = facts();
    now.usage.push(usage("droplet_hours", "2026-04-01", Some("shop"), "1000"));
    let mut whole = whole_of(&now);
    whole.usage.push(usage("droplet_hours", "2026-04-11", Some("shop"), "800"));
    check_reported(&now, whole, &[], &["50.00", "3.12"]);
}

#[test]
fn what_measured_itself_and_is_gone_adds_nothing() {
    let mut now = facts();
    // Destroyed on the 10th: its hours are all there will be, whatever their pace was.
    now.usage.push(usage("droplet_hours", "2026-04-01", Some("shop"), "1500"));
    check_reported(&now, whole_of(&now), &[], &["50.00", "0.12"]);
}

#[test]
fn a_latest_value_stays_what_it_is() {
    let mut now = facts();
    let plan = std::sync::Arc::make_mut(&mut now.deployments[0].bound[0].plan);
    plan.items.iter_mut().for_each(|it| it.aggregation = crate::catalog::Aggregation::Latest);
    now.usage.push(usage("droplet_hours", "2026-04-02", Some("shop"), "1500"));
    check(&now, whole_of(&now), &["50.00", "0.12"]);
}

#[test]
fn at_the_first_instant_nothing_has_a_pace() {
    let mut now = facts();
    now.until = at("2026-04-01");
    now.usage.push(usage("droplet_hours", "2026-04-01", Some("shop"), "10"));
    check(&now, whole_of(&now), &["50.00"]);
}
