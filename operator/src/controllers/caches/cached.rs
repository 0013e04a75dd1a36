//! A kind that has a cache, and whether an object is what that has.

use kube::Resource as _;
use kube::runtime::reflector::{ObjectRef, Store};
use penstock_api::{MetricsApplication, ReadToken, WriteToken};

use super::Caches;
use crate::controllers::kinds::{Guarded, Served};

/// A kind of which everything is known.
pub(crate) trait Cached: Served {
    /// All that there are.
    fn cache(caches: &Caches) -> &Store<Guarded<Self>>;

    /// Whether nobody has seen a newer one of its name, or its end.
    fn is_current(&self, caches: &Caches) -> bool {
        let metadata = self.meta();
        let name = metadata.name.as_deref().unwrap_or_default();
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let newest = Self::cache(caches).get(&ObjectRef::new(name).within(namespace));
        newest.is_some_and(|newest| {
            let newest = newest.meta();
            newest.uid == metadata.uid && newest.generation <= metadata.generation
        })
    }
}

impl Cached for MetricsApplication {
    fn cache(caches: &Caches) -> &Store<Guarded<Self>> {
        &caches.applications
    }
}

impl Cached for WriteToken {
    fn cache(caches: &Caches) -> &Store<Guarded<Self>> {
        &caches.write_tokens
    }
}

impl Cached for ReadToken {
    fn cache(caches: &Caches) -> &Store<Guarded<Self>> {
        &caches.read_tokens
    }
}
