//! Listings that providers publish as examples of their interfaces, read where somebody has them.
//!
//! A sync outside reads an interface and hands over a listing; this does the same with each
//! example, so that whatever they say finds its place.

use serde_json::Value;

use super::*;
use crate::event::inventory::{self, FieldValue, Fields};
use crate::json::quote_fractions;
use crate::money::{Currency, Exact, Money};
use crate::testing::published::{Published, files};

/// The member that holds the listing, and what each thing in it is.
const LISTINGS: [(&str, &str); 4] = [
    ("droplets", "droplet"),
    ("volumes", "volume"),
    ("kubernetes_clusters", "kubernetes_cluster"),
    ("instances", "instance"),
];

/// A number, a text, a truth, whatever it is.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim_start_matches('\u{1}').to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
    .filter(|it| !it.is_empty())
}

/// The first of these that says something.
fn first(thing: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().filter_map(|it| thing.pointer(it)).find_map(plain)
}

fn field(value: &Value) -> FieldValue {
    if let Value::Array(list) = value {
        return FieldValue::List(list.iter().filter_map(plain).map(|it| parsed(&it)).collect());
    }
    plain(value).map_or(FieldValue::Null, |it| FieldValue::Scalar(parsed(&it)))
}

fn snapshot(thing: &Value, resource_type: &str) -> Snapshot {
    let label = |pointers: &[&str]| first(thing, pointers).map(|it| parsed(&it));
    let price = first(thing, &["/size/price_hourly"]);
    let usd = |it: String| Money::new(it.parse::<Exact>().unwrap(), Currency::USD);
    let members = thing.as_object().unwrap().iter();
    let attributes = members.map(|(name, value)| (parsed(name), field(value)));
    Snapshot {
        resource_type: parsed(resource_type),
        name: label(&["/name", "/label"]),
        region: label(&["/region/slug", "/region"]),
        size: label(&["/size_slug", "/plan"]),
        status: label(&["/status/state", "/status"]),
        project: None,
        price_per_hour: price.map(usd),
        began_at: first(thing, &["/created_at"]).map(|it| parsed(&it)),
        tags: match field(&thing["tags"]) {
            FieldValue::List(tags) => tags.iter().map(|it| parsed(it.as_str())).collect(),
            FieldValue::Null | FieldValue::Scalar(_) => Vec::new(),
        },
        attributes: Fields::from_iter(attributes),
    }
}

/// Every thing of an example is discovered, and seen again says nothing new.
fn check_listing(file: &Published, things: &[Value], resource_type: &str) {
    let listed = |it: &Value| Listed {
        id: parsed(&first(it, &["/id"]).unwrap()),
        snapshot: snapshot(it, resource_type),
    };
    let listing = Listing {
        sync: parsed("one"),
        provider: parsed("do"),
        resource_type: parsed(resource_type),
        listed_at: at("02T00"),
        resources: things.iter().map(listed).collect(),
        is_empty_meant: false,
    };
    let mut stage = Stage::of(&["acme"]);
    let found = sync(&listing, stage.known(), at("02T00")).unwrap().resources;
    assert_eq!(found.len(), things.len(), "{}", file.name);
    for (id, events) in found {
        assert!(matches!(&events[..], [Event::Inventory(inventory::Event::ResourceDiscovered(_))]));
        events.into_iter().for_each(|it| stage.try_record(&id, at("02T00"), it).unwrap());
    }
    let again = Listing { sync: parsed("two"), listed_at: at("02T01"), ..listing };
    let found = sync(&again, stage.known(), at("02T01")).unwrap();
    assert_eq!((found.taken.len(), found.resources.len()), (1, 0), "{}", file.name);
    file.say(format!("a listing of {} that is discovered whole", things.len()));
}

fn check_projects(file: &Published, projects: &[Value]) {
    for project in projects {
        let seen = ProjectSeen {
            name: parsed(&first(project, &["/name"]).unwrap()),
            purpose: first(project, &["/purpose"]).map(|it| parsed(&it)),
            is_default: project["is_default"] == true,
        };
        let id = parsed(&first(project, &["/id"]).unwrap());
        let fold = ProjectFold::of(parsed("do"), id);
        assert_eq!(see_project(&fold, &seen).len(), 1, "{}", file.name);
    }
    file.say(format!("{} projects that are seen", projects.len()));
}

#[test]
fn every_published_listing_is_taken() {
    for file in [files("digitalocean"), files("vultr")].concat() {
        if !file.name.ends_with(".json") || file.name.contains("reject") {
            continue;
        }
        let json: Value = serde_json::from_str(&quote_fractions(file.text())).unwrap();
        let list = |name: &str| json[name].as_array().cloned();
        for (member, resource_type) in LISTINGS {
            if let Some(things) = list(member) {
                check_listing(&file, &things, resource_type);
            }
        }
        if let Some(projects) = list("projects") {
            check_projects(&file, &projects);
        }
        for size in list("sizes").unwrap_or_default() {
            let price = first(&size, &["/price_hourly"]).unwrap();
            file.say(format!("a price of {} an hour, which a listing carries", price));
            assert!(price.parse::<Exact>().is_ok(), "{price}");
        }
    }
}
