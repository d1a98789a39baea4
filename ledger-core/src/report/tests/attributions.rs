//! Whose cost a line is, rule by rule.

use super::*;

#[track_caller]
fn check(world: &World, expected: &[&str]) {
    assert_eq!(told(&world.attributed()), expected);
}

fn one_line(description: &str) -> World {
    let mut world = World::new();
    world.lines.push(bill_line(1, "Droplets", description, "6.00"));
    world
}

#[test]
fn a_name_matches_in_any_case_and_without_its_size() {
    let mut world = one_line("WEB-1 (s-1vcpu-1gb)");
    world.resources.push(droplet("7", "Web-1"));
    world.resources[0].links.push(linked("acme.shop", "2026-03-02", None));
    check(&world, &["acme.shop 6.00"]);
    assert_eq!(world.attributed()[0].ground, Ground::Resource(resource_id("digitalocean.7")));
    world.lines[0] = bill_line(1, "droplet backups", "web-1", "6.00");
    check(&world, &["acme.shop 6.00"]);
    world.lines[0] = bill_line(1, "Volumes", "web-1 (fra1) 100GB", "6.00");
    check(&world, &["Unknown 6.00"]);
}

#[test]
fn a_name_with_brackets_of_its_own_matches_whole() {
    let mut world = one_line("db (old) (s-1vcpu-1gb)");
    world.resources.push(droplet("7", "db (old)"));
    world.resources[0].tenants = Timeline::new([(at("2026-03-02"), Some(parsed("acme")))]);
    check(&world, &["acme 6.00"]);
    world.lines[0] = bill_line(1, "Droplets", "db (old)", "6.00");
    check(&world, &["acme 6.00"]);
}

#[test]
fn a_cluster_is_found_by_its_group() {
    let mut world = one_line("3 nodes - 4 GB / 2 vCPU");
    world.lines[0].line.group = Some(parsed("prod-k8s"));
    world.resources.push(droplet("7", "prod-k8s"));
    world.resources[0].tenants = Timeline::new([(at("2026-03-02"), Some(parsed("acme")))]);
    check(&world, &["acme 6.00"]);
}

#[test]
fn only_what_lives_in_the_interval_is_a_candidate() {
    let mut world = one_line("web-1 (s-1vcpu-1gb)");
    for (id, from, to, tenant) in [
        ("1", "2026-01-01", "2026-04-01", "early"),
        ("2", "2026-05-01", "2026-06-01", "late"),
        ("3", "2026-04-30", "2026-06-01", "acme"),
    ] {
        let mut it = droplet(id, "web-1");
        it.live = vec![Interval::between(at(from), at(to))];
        it.tenants = Timeline::new([(at(from), Some(parsed(tenant)))]);
        world.resources.push(it);
    }
    check(&world, &["acme 6.00"]);
}

#[test]
fn several_candidates_are_nobodys_even_where_a_project_is_named() {
    let mut world = one_line("web-1 (s-1vcpu-1gb)");
    world.projects.push(project("p1", "Acme Prod", "acme"));
    world.lines[0].line.project = Some(parsed("acme prod"));
    check(&world, &["acme 6.00"]);
    assert_eq!(world.attributed()[0].ground, Ground::Project(parsed("p1")));
    world.resources.extend([droplet("8", "web-1"), droplet("7", "web-1")]);
    let several = "SeveralResources([ResourceId { provider: Provider(\"digitalocean\"), \
                   id: ProviderRef(\"7\") }, ResourceId { provider: Provider(\"digitalocean\"), \
                   id: ProviderRef(\"8\") }]) 6.00";
    check(&world, &[several]);
    world.lines[0].line.resource = Some(parsed("8"));
    check(&world, &["NoTenant 6.00"]);
}

#[test]
fn an_unlinked_resource_is_its_tenants_then_its_projects() {
    let mut world = one_line("web-1 (s-1vcpu-1gb)");
    world.projects.push(project("p1", "Acme Prod", "acme"));
    world.resources.push(droplet("7", "web-1"));
    check(&world, &["NoTenant 6.00"]);
    world.resources[0].projects = Timeline::new([(at("2026-03-01"), Some(parsed("p1")))]);
    check(&world, &["acme 6.00"]);
    world.resources[0].tenants = Timeline::new([(at("2026-03-01"), Some(parsed("globex")))]);
    check(&world, &["globex 6.00"]);
    world.resources[0].links.push(linked("initech.app", "2026-03-01", None));
    check(&world, &["initech.app 6.00"]);
}

#[test]
fn what_moves_is_split_by_seconds_and_keeps_the_providers_digits() {
    let mut world = one_line("web-1 (s-1vcpu-1gb)");
    world.resources.push(droplet("7", "web-1"));
    // A link to another deployment ends the former, whatever the former says.
    world.resources[0].links = vec![
        linked("acme.shop", "2026-03-01", None),
        linked("globex.app", "2026-04-11", Some("2026-04-21")),
        linked("acme.shop", "2026-04-21", None),
    ];
    // Three equal parts of ten days.
    world.lines[0].line.amount = usd("0.05");
    check(&world, &["acme.shop 0.02", "globex.app 0.02", "acme.shop 0.01"]);
    world.lines[0].line.amount = usd("-0.0005");
    check(&world, &["acme.shop -0.0002", "globex.app -0.0002", "acme.shop -0.0001"]);
    world.lines[0].line.amount = usd("1");
    check(&world, &["acme.shop 0.34", "globex.app 0.33", "acme.shop 0.33"]);
}

#[test]
fn time_before_the_first_owner_is_that_owners_and_time_after_the_last_is_nobodys() {
    let mut world = one_line("web-1 (s-1vcpu-1gb)");
    world.resources.push(droplet("7", "web-1"));
    world.resources[0].links = vec![linked("acme.shop", "2026-04-16", Some("2026-04-21"))];
    check(&world, &["acme.shop 4.00", "NoTenant 2.00"]);
    world.resources[0].live = vec![Interval::between(at("2026-03-01"), at("2026-04-21"))];
    check(&world, &["acme.shop 6.00"]);
}

#[test]
fn time_between_two_owners_is_nobodys_even_where_a_line_begins_in_it() {
    let mut world = one_line("web-1 (s-1vcpu-1gb)");
    world.resources.push(droplet("7", "web-1"));
    world.resources[0].links = vec![
        linked("acme.shop", "2026-03-05", Some("2026-03-20")),
        linked("globex.app", "2026-04-11", None),
    ];
    // Ten days of thirty.
    check(&world, &["NoTenant 2.00", "globex.app 4.00"]);
    // Nobody had it before the line: it is its first owner's from the beginning.
    let former = world.resources[0].links.remove(0);
    check(&world, &["globex.app 6.00"]);
    // Whoever had it may have had it by a mark or by its project.
    world.resources[0].tenants =
        Timeline::new([(at("2026-03-05"), Some(parsed("acme"))), (at("2026-03-06"), None)]);
    check(&world, &["NoTenant 2.00", "globex.app 4.00"]);
    world.resources[0].tenants = Timeline::default();
    world.resources[0].projects = Timeline::new([(at("2026-03-01"), Some(parsed("p1")))]);
    world.projects.push(project("p1", "Acme Prod", "acme"));
    let held = [(at("2026-02-01"), Some(parsed("acme"))), (at("2026-03-15"), None)];
    world.projects[0].tenants = Timeline::new(held);
    check(&world, &["NoTenant 2.00", "globex.app 4.00"]);
    // It came into the project when that was nobody's any more.
    world.resources[0].projects = Timeline::new([(at("2026-03-16"), Some(parsed("p1")))]);
    check(&world, &["globex.app 6.00"]);
    // Until the very beginning of the line is before it.
    world.resources[0].links.insert(0, Linked { during: to_april(former.during), ..former });
    check(&world, &["NoTenant 2.00", "globex.app 4.00"]);
}

fn to_april(during: Interval) -> Interval {
    Interval::between(during.starts_at, at("2026-04-01"))
}

#[test]
fn a_project_without_a_tenant_between_two_is_nobodys() {
    let mut world = one_line("anything");
    world.lines[0].line.project = Some(parsed("p1"));
    world.projects.push(project("p1", "Shared", "acme"));
    let tenants = [
        (at("2026-01-01"), Some(parsed("acme"))),
        (at("2026-03-20"), None),
        (at("2026-04-11"), Some(parsed("globex"))),
    ];
    world.projects[0].tenants = Timeline::new(tenants.clone());
    check(&world, &["NoTenant 2.00", "globex 4.00"]);
    world.projects[0].tenants = Timeline::new(tenants.into_iter().skip(1));
    check(&world, &["globex 6.00"]);
}

#[test]
fn a_project_that_changes_hands_within_a_line_splits_it() {
    let mut world = one_line("anything");
    world.lines[0].line.project = Some(parsed("P1"));
    world.projects.push(project("p1", "Shared", "acme"));
    world.projects[0].tenants = Timeline::new([
        (at("2026-01-01"), Some(parsed("acme"))),
        (at("2026-04-16"), Some(parsed("globex"))),
    ]);
    check(&world, &["acme 3.00", "globex 3.00"]);
    world.projects.push(project("p2", "P1", "initech"));
    let several = "SeveralProjects([ProviderRef(\"p1\"), ProviderRef(\"p2\")]) 6.00";
    check(&world, &[several]);
}

#[test]
fn what_was_said_comes_first() {
    let mut world = one_line("web-1 (s-1vcpu-1gb)");
    world.resources.push(droplet("7", "web-1"));
    world.resources[0].tenants = Timeline::new([(at("2026-03-01"), Some(parsed("acme")))]);
    let line = world.lines[0].clone();
    world.by_hand.push(said(&line, CostOwner::Tenant(parsed("globex")), false, 5));
    check(&world, &["globex 6.00"]);
    // Of several the last counts, wherever it stands in the list.
    world.by_hand.insert(0, said(&line, CostOwner::Nobody, false, 6));
    check(&world, &["Said 6.00"]);
    let resource = CostOwner::Resource(resource_id("digitalocean.7"));
    world.by_hand.push(said(&line, resource, false, 7));
    check(&world, &["acme 6.00"]);
    assert_eq!(world.attributed()[0].resource(), Some(&resource_id("digitalocean.7")));
    let gone = CostOwner::Resource(resource_id("digitalocean.9"));
    world.by_hand.push(said(&line, gone, false, 8));
    check(&world, &["NoTenant 6.00"]);
}

#[test]
fn what_was_said_is_remembered_for_lines_like_it_in_later_months() {
    let mut world = World::new();
    let april = bill_line(1, "Spaces Subscription", "Spaces", "5.00");
    let mut may = bill_line(4, "Spaces Subscription", "spaces (2 buckets)", "7.00");
    (may.line.starts_at, may.line.ends_at) = (at("2026-05-01"), at("2026-06-01"));
    may.id.bill = parsed("4712");
    world.lines = vec![april.clone(), may.clone()];
    let acme = CostOwner::Tenant(parsed("acme"));
    world.by_hand = vec![said(&april, acme.clone(), false, 5)];
    check(&world, &["acme 5.00", "Unknown 7.00"]);
    world.by_hand = vec![said(&april, acme.clone(), true, 5)];
    check(&world, &["acme 5.00", "acme 7.00"]);
    // It reaches no earlier month, no other line of its own, and no other project's.
    world.by_hand = vec![said(&may, acme.clone(), true, 5)];
    check(&world, &["Unknown 5.00", "acme 7.00"]);
    world.by_hand = vec![said(&april, acme, true, 5)];
    world.lines[1].line.project = Some(parsed("other"));
    check(&world, &["acme 5.00", "Unknown 7.00"]);
    let mut twin = april;
    twin.id.row = 2;
    world.lines[1] = twin;
    check(&world, &["acme 5.00", "Unknown 5.00"]);
}

#[test]
fn the_month_in_a_group_and_the_hours_under_a_name_are_no_part_of_what_is_remembered() {
    let mut world = World::new();
    let described = |hours: &str| parsed(&format!("#5000001 \"lb-1\"\nNutzung: {hours} h"));
    let mut march = bill_line(1, "Load Balancer", "lb-1", "5.39");
    march.line.description = described("744");
    march.line.group = Some(parsed("Cloud-Projekt \"Shared\" (01.03.2026 - 31.03.2026)"));
    let mut april = march.clone();
    april.line.description = described("720");
    april.line.group = Some(parsed("Cloud-Projekt \"Shared\" (01.04.2026 - 30.04.2026)"));
    (april.line.starts_at, april.line.ends_at) = (at("2026-05-01"), at("2026-06-01"));
    april.id.bill = parsed("4712");
    world.by_hand = vec![said(&march, CostOwner::Tenant(parsed("acme")), true, 5)];
    world.lines = vec![march, april];
    check(&world, &["acme 5.39", "acme 5.39"]);
    world.lines[1].line.group = Some(parsed("Cloud-Projekt \"Other\" (01.04.2026 - 30.04.2026)"));
    check(&world, &["acme 5.39", "Unknown 5.39"]);
}

#[test]
fn what_was_said_of_a_former_reading_reaches_its_line_in_the_next() {
    let mut world = one_line("Spaces");
    let line = world.lines[0].clone();
    world.by_hand.push(said(&line, CostOwner::Tenant(parsed("acme")), false, 5));
    world.lines[0].ingest = parsed("second");
    world.lines[0].id.row = 9;
    check(&world, &["acme 6.00"]);
    world.lines[0].line.description = parsed("Spaces of another");
    check(&world, &["Unknown 6.00"]);
}

#[test]
fn tax_is_nobodys_until_somebody_says_otherwise() {
    let mut world = World::new();
    world.lines.push(bill_line(1, "Taxes", "GST (10%)", "7.90"));
    world.lines[0].line.project = Some(parsed("Acme Prod"));
    world.projects.push(project("p1", "Acme Prod", "acme"));
    check(&world, &["Tax 7.90"]);
    let line = world.lines[0].clone();
    world.by_hand.push(said(&line, CostOwner::Tenant(parsed("acme")), false, 5));
    check(&world, &["acme 7.90"]);
    assert_eq!(world.attributed()[0].kind, Some(parsed("tax")));
}

#[test]
fn a_line_without_length_is_whoever_is_there_at_its_instant() {
    let mut world = one_line("web-1 (s-1vcpu-1gb)");
    world.lines[0].line.ends_at = world.lines[0].line.starts_at;
    world.resources.push(droplet("7", "web-1"));
    world.resources[0].live = vec![Interval::between(at("2026-04-01"), at("2026-04-02"))];
    world.resources[0].links = vec![linked("acme.shop", "2026-04-01", None)];
    check(&world, &["acme.shop 6.00"]);
    world.resources[0].live = vec![Interval::between(at("2026-03-01"), at("2026-04-01"))];
    check(&world, &["Unknown 6.00"]);
}

#[test]
fn a_name_counts_while_it_is_held() {
    let mut world = one_line("old-name (s-1vcpu-1gb)");
    world.resources.push(droplet("7", "old-name"));
    world.resources[0].tenants = Timeline::new([(at("2026-03-01"), Some(parsed("acme")))]);
    let rename = |on: &str| {
        let names = [(at("2026-03-01"), parsed("old-name")), (at(on), parsed("new-name"))];
        Timeline::new(names)
    };
    world.resources[0].names = rename("2026-04-10");
    check(&world, &["acme 6.00"]);
    world.resources[0].names = rename("2026-04-01");
    check(&world, &["Unknown 6.00"]);
}
