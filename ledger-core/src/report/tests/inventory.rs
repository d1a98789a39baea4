//! Resources and projects of the reports, as they come of recorded streams.

use std::collections::BTreeMap;

use super::*;
use crate::billing::DeploymentFold;
use crate::event::Event;
use crate::event::deployment::{ResourceLinked, ResourceUnlinked};
use crate::event::inventory::{
    Deletion, ProjectAssigned, ProjectSeen, ResourceDeleted, ResourceDiscovered, ResourceRestored,
    ResourceTagged, ResourceUpdated, Snapshot,
};
use crate::id::{Actor, EventId, Role};
use crate::inventory::{ProjectFold, ResourceFold};
use crate::log::Record;
use crate::stream::Stream;

fn snapshot(name: &str, project: Option<&str>, began_at: Option<&str>) -> Box<Snapshot> {
    Box::new(Snapshot {
        resource_type: parsed("droplet"),
        name: Some(parsed(name)),
        region: None,
        size: None,
        status: None,
        project: project.map(parsed),
        price_per_hour: Some(usd("0.01")),
        began_at: began_at.map(at),
        tags: Vec::new(),
        attributes: BTreeMap::new(),
    })
}

fn discovered(it: Box<Snapshot>) -> Event {
    ResourceDiscovered { snapshot: it, tenant: None }.into()
}

fn deleted() -> Event {
    ResourceDeleted { evidence: Deletion::Missed }.into()
}

fn assigned(tenant: Option<&str>) -> Event {
    ProjectAssigned { tenant: tenant.map(parsed), purpose: None }.into()
}

/// The streams of an inventory as they grow.
#[derive(Default)]
struct Told {
    resources: BTreeMap<String, ResourceFold>,
    projects: BTreeMap<String, ProjectFold>,
    deployments: BTreeMap<String, DeploymentFold>,
    heads: BTreeMap<String, u64>,
    position: u64,
}

impl Told {
    fn tell(&mut self, stream: &str, when: &str, event: impl Into<Event>) {
        let (event, parsed_stream) = (event.into(), parsed::<Stream>(stream));
        assert!(event.belongs_in(&parsed_stream));
        let head = self.heads.entry(stream.to_owned()).or_default();
        self.position += 1;
        let record = Record {
            position: Position::new(self.position),
            stream: parsed_stream.clone(),
            revision: Revision::new(*head),
            id: EventId::from_bytes([0; 16]),
            occurred_at: at(when),
            recorded_at: at(when),
            actor: Actor { who: parsed("somebody"), role: Role::Operator },
            causation: None,
            correlation: None,
            key: None,
            fingerprint: None,
            event,
            written: None,
        };
        *head += 1;
        let name = stream.to_owned();
        if let Stream::Resource(provider, id) = parsed_stream {
            let empty = ResourceFold::of(ResourceId { provider, id });
            let it = self.resources.remove(stream).unwrap_or(empty);
            self.resources.insert(name, it.fold(&record).unwrap());
        } else if let Stream::Project(provider, id) = parsed_stream {
            let empty = ProjectFold::of(provider, id);
            let it = self.projects.remove(stream).unwrap_or(empty);
            self.projects.insert(name, it.fold(&record).unwrap());
        } else if let Stream::Deployment(tenant, slug) = parsed_stream {
            let empty = DeploymentFold::of(tenant, slug);
            let it = self.deployments.remove(stream).unwrap_or(empty);
            self.deployments.insert(name, it.fold(&record).unwrap());
        } else {
            panic!("{stream}");
        }
    }

    fn resources(&self) -> Vec<Resource> {
        let projects = self.projects.values().cloned().collect::<Vec<_>>();
        resources_of(self.resources.values(), self.deployments.values(), &projects)
    }

    /// Whose April's line of a droplet is: owner, from when, how much.
    fn owners(&self, described: &str) -> Vec<String> {
        let projects = self.projects.values().map(project_of).collect::<Vec<_>>();
        let line = bill_line(1, "Droplets", described, "30.00");
        let resources = self.resources();
        let answer = attribute(&[line], &[], &products(), &resources, &projects).unwrap();
        let told = answer[0].parts.iter().map(|it| {
            let owner = match &it.owner {
                Owner::Deployment(it) => it.to_string(),
                Owner::Tenant(it) => it.to_string(),
                Owner::Nobody(why) => format!("{why:?}"),
            };
            format!("{owner} {} {}", it.starts_at.day(), it.amount.amount_text())
        });
        told.collect()
    }
}

const WEB: &str = "resource-digitalocean.7";
const SHOP: &str = "deployment-acme.shop";

#[test]
fn it_lives_since_its_provider_says_and_was_then_what_it_was_when_first_seen() {
    let mut told = Told::default();
    told.tell(WEB, "2026-04-10", discovered(snapshot("web", None, Some("2026-04-04"))));
    told.tell(WEB, "2026-04-20", deleted());
    let web = &told.resources()[0];
    let lived = Interval::between(at("2026-04-04"), at("2026-04-20"));
    assert_eq!((&web.live[..], web.gone_by), (&[lived][..], Some(Revision::new(1))));
    assert_eq!(web.names.changes().next().map(|it| it.0), Some(at("2026-04-04")));
    assert!(web.is_called("WEB", at("2026-04-05"), at("2026-04-06")));
    assert_eq!(told.owners("web (s-1)"), ["NoTenant 2026-04-04 30.00"]);
    // Its provider says a time when we had seen it: what we saw counts.
    told.tell("resource-digitalocean.8", "2026-04-02", discovered(snapshot("api", None, None)));
    let again = snapshot("api", None, Some("2026-04-09"));
    told.tell("resource-digitalocean.8", "2026-04-10", ResourceUpdated { snapshot: again });
    assert_eq!(told.resources()[1].live[0].starts_at, at("2026-04-02"));
    // Another life begins when it is seen again, not when the first one did.
    let again = snapshot("web", None, Some("2026-04-04"));
    told.tell(WEB, "2026-04-25", ResourceRestored { snapshot: again });
    let open = Interval { starts_at: at("2026-04-25"), ends_at: None };
    assert_eq!(told.resources()[0].live, [lived, open]);
}

#[test]
fn links_are_those_of_every_deployment_in_the_order_made() {
    let mut told = Told::default();
    told.tell(WEB, "2026-03-01", discovered(snapshot("web", None, None)));
    let link = || ResourceLinked { resource: parsed("digitalocean.7") };
    told.tell(SHOP, "2026-04-01", link());
    told.tell("deployment-beta.blog", "2026-04-11", link());
    let unlinked = ResourceUnlinked { resource: parsed("digitalocean.7"), reason: None };
    told.tell("deployment-beta.blog", "2026-04-21", unlinked);
    let expected =
        ["acme.shop 2026-04-01 10.00", "beta.blog 2026-04-11 10.00", "NoTenant 2026-04-21 10.00"];
    assert_eq!(told.owners("web"), expected);
    let links = &told.resources()[0].links;
    assert_eq!((links[0].unlinked_by, links[1].unlinked_by), (None, Some(Revision::new(1))));
}

#[test]
fn a_project_counts_as_it_was_assigned_at_each_instant_of_a_line() {
    let mut told = Told::default();
    let seen = |name: &str, is_default| {
        let (name, purpose) = (parsed(name), None);
        ProjectSeen { name, purpose, is_default }
    };
    told.tell("project-digitalocean.p1", "2026-01-01", seen("Old", false));
    told.tell("project-digitalocean.p2", "2026-01-01", seen("Rest", true));
    told.tell("project-digitalocean.p1", "2026-01-01", assigned(Some("acme")));
    told.tell(WEB, "2026-02-01", discovered(snapshot("web", Some("p1"), None)));
    assert_eq!(told.owners("web"), ["acme 2026-04-01 30.00"]);
    // Given to another on the 16th, long after the discovery.
    told.tell("project-digitalocean.p1", "2026-04-16", assigned(Some("beta")));
    assert_eq!(told.owners("web"), ["acme 2026-04-01 15.00", "beta 2026-04-16 15.00"]);
    told.tell("project-digitalocean.p1", "2026-04-26", assigned(None));
    let three = ["acme 2026-04-01 15.00", "beta 2026-04-16 10.00", "NoTenant 2026-04-26 5.00"];
    assert_eq!(told.owners("web"), three);
    // Its own mark is stronger, from when it was made.
    let tagged = ResourceTagged { tags: Vec::new(), tenant: Some(parsed("gamma")) };
    told.tell(WEB, "2026-04-26", tagged);
    assert_eq!(told.owners("web")[2], "gamma 2026-04-26 5.00");
    // What names no project is in the default one, whoever has that.
    told.tell("resource-digitalocean.8", "2026-04-01", discovered(snapshot("api", None, None)));
    assert_eq!(told.owners("api"), ["NoTenant 2026-04-01 30.00"]);
    told.tell("project-digitalocean.p2", "2026-04-21", assigned(Some("acme")));
    // The time before the first owner within the line is the first owner's.
    assert_eq!(told.owners("api"), ["acme 2026-04-01 30.00"]);
    told.tell("project-digitalocean.p1", "2026-04-30", seen("New", false));
    let project = project_of(&told.projects["project-digitalocean.p1"]);
    let names = project.names.changes().map(|it| it.1.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(names, ["Old", "New"]);
}
