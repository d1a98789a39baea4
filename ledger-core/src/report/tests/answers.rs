//! The worked answers of the domain.

use super::*;

/// April, Studio, five droplets all month: 3600 hours, 1488 of them free.
fn april() -> World {
    let mut world = World::new();
    for (row, amount) in [(1, "6.00"), (2, "6.00"), (3, "6.00"), (4, "6.00"), (5, "6.53")] {
        let name = format!("web-{row}");
        let mut resource = droplet(&row.to_string(), &name);
        resource.links.push(linked("acme.shop", "2026-03-02", None));
        world.resources.push(resource);
        world.lines.push(bill_line(row, "Droplets", &format!("{name} (s-1vcpu-1gb)"), amount));
    }
    world.lines.push(bill_line(6, "Droplets", "ops (s-4vcpu-8gb)", "31.49"));
    world.lines.push(bill_line(7, "Spaces Subscription", "Spaces", "5.00"));
    world.lines.push(bill_line(8, "Load Balancers", "lb-1 (1 node)", "12.00"));
    world.lines.push(bill_line(9, "Taxes", "GST (10%)", "7.90"));
    let lines = vec![
        invoice_line(LineKind::PlanBase, "50.00", Some("shop")),
        invoice_line(LineKind::Overage, "21.12", Some("shop")),
        invoice_line(LineKind::Tax, "7.11", None),
    ];
    world.earned = earned(&parsed("acme"), &document(lines, "7.11")).unwrap();
    world
}

#[test]
fn april_at_par() {
    let margin = april().margin();
    assert_eq!(tell(&margin.overall), "71.12 - 86.92 = -15.80 (-22.2)");
    assert_eq!(tell(&margin.customers), "71.12 - 30.53 = 40.59 (57.1)");
    assert_eq!(tell(&margin.internal), "0.00 - 0.00 = 0.00 (none)");
    assert_eq!(tell(&margin.unattributed), "0.00 - 56.39 = -56.39 (none)");
    let [acme] = margin.tenants.as_slice() else { panic!("one tenant") };
    assert_eq!((acme.tenant.as_str(), acme.is_internal), ("acme", false));
    assert_eq!(tell(&acme.figures), "71.12 - 30.53 = 40.59 (57.1)");
    let [shop, nobody] = margin.deployments.as_slice() else { panic!("two rows") };
    assert_eq!(tell(&shop.figures), "71.12 - 30.53 = 40.59 (57.1)");
    assert_eq!((&nobody.tenant, &nobody.deployment), (&None, &None));
    let kinds = margin.kinds.iter().map(|it| {
        let kind = it.kind.as_ref().map_or("-", |it| it.as_str());
        let text = |it: &Cell| it.amount().unwrap().amount_text();
        let margin = it.margin.as_ref().map_or("none".to_owned(), text);
        format!("{kind} {} {} {margin}", text(&it.revenue), text(&it.cogs))
    });
    let expected = [
        "droplet_hours 21.12 62.02 -40.90",
        "spaces_gb_month 0.00 5.00 -5.00",
        "tax 0.00 7.90 none",
        "- 50.00 12.00 none",
    ];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
}

#[test]
fn april_in_dollars() {
    let mut world = april();
    world.rates = rates(&[("AUD", "USD", "0.66", "2026-04-30")]);
    let margin = world.margin();
    assert_eq!(tell(&margin.overall), "71.12 - 131.70 = -60.58 (-85.2)");
    assert_eq!(tell(&margin.customers), "71.12 - 46.26 = 24.86 (35.0)");
    assert_eq!(tell(&margin.unattributed), "0.00 - 85.44 = -85.44 (none)");
    assert_eq!(margin.overall.cogs_by_currency.get(&Currency::USD), Some(&usd("86.92")));
}

#[test]
fn tax_that_comes_back_is_shown_and_left_out() {
    let mut world = april();
    world.recoverable.insert(parsed("digitalocean"));
    let margin = world.margin();
    assert_eq!(tell(&margin.overall), "71.12 - 79.02 = -7.90 (-11.1)");
    assert_eq!(margin.recoverable_tax, Cell::Shown(aud("7.90")));
    assert!(margin.kinds.iter().all(|it| it.kind != Some(parsed("tax"))));
}
