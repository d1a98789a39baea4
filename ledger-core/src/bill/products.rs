//! What the products on providers' bills are: the type of the resources that they bill, by which
//! lines are matched, and the kind of usage that they are the cost of.
//!
//! This is where a new ledger begins; an operator maps more, or otherwise, by events. A product
//! that is not mapped stays visible under its own name.

use crate::event::catalog::ProductMapped;

/// Provider, product as its bills spell it, type of resource, kind of usage.
const DEFAULTS: [(&str, &str, Option<&str>, Option<&str>); 11] = [
    ("digitalocean", "Bandwidth", None, Some("bandwidth_gb")),
    ("digitalocean", "Database Clusters", Some("database_cluster"), None),
    ("digitalocean", "Droplet Backups", Some("droplet"), None),
    ("digitalocean", "Droplets", Some("droplet"), Some("droplet_hours")),
    ("digitalocean", "Floating IPs", Some("floating_ip"), None),
    ("digitalocean", "Kubernetes Clusters", Some("kubernetes_cluster"), None),
    ("digitalocean", "Load Balancers", Some("load_balancer"), None),
    ("digitalocean", "Snapshots", Some("snapshot"), Some("snapshot_gb_month")),
    ("digitalocean", "Spaces Subscription", None, Some("spaces_gb_month")),
    ("digitalocean", "Volumes", Some("volume"), None),
    ("vultr", "Vultr Cloud Compute", Some("instance"), None),
];

/// The mappings that a new ledger begins with, as the commands that make them.
pub fn default_products() -> Vec<ProductMapped> {
    let word = |it: &str| it.parse().expect("a word of the table is a kind");
    let mapped = |(provider, product, resource_type, kind): (&str, &str, Option<_>, Option<_>)| {
        ProductMapped {
            provider: provider.parse().expect("a provider of the table is one"),
            product: product.parse().expect("a product of the table is a name"),
            resource_type: resource_type.map(word),
            kind: kind.map(word),
        }
    };
    DEFAULTS.into_iter().map(mapped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_product_is_mapped_once_and_to_something() {
        let mapped = default_products();
        let named = mapped.iter().map(|it| (it.provider.to_string(), it.product.to_string()));
        let distinct = named.collect::<std::collections::BTreeSet<_>>();
        assert_eq!(distinct.len(), mapped.len());
        assert!(mapped.iter().all(|it| it.resource_type.is_some() || it.kind.is_some()));
        let droplets = mapped.iter().find(|it| it.product.as_str() == "Droplets").unwrap();
        assert_eq!(droplets.resource_type, Some("droplet".parse().unwrap()));
        assert_eq!(droplets.kind, Some("droplet_hours".parse().unwrap()));
    }
}
