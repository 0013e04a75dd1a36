//! A cache of one kind, filled by a watch for each namespace that is served, or by one for all.
//!
//! A watch that was interrupted lists everything again; what is missing in the new list counts as deleted then, so that
//! nothing leaves unnoticed.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Debug};
use std::hash::Hash;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{Lookup, ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use crate::cluster::Reopening;

/// What has happened to an object.
#[derive(Debug)]
pub enum Seen<'a, K> {
    /// It is there, or has changed.
    There {
        /// As it was.
        before: Option<Arc<K>>,
        /// As it is.
        now: &'a K,
    },
    /// It is gone.
    Gone(&'a K),
}

/// The writing half of a cache.
pub struct Cache<K>
where
    K: Lookup + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    writer: Writer<K>,
    store: Store<K>,
    /// What each watch has seen: the objects, and those of a list that is not complete yet.
    scopes: Vec<Scope<K>>,
    /// Before every watch is complete, nobody reads.
    early: Option<HashMap<ObjectRef<K>, K>>,
}

struct Scope<K: Lookup + 'static>
where
    K::DynamicType: Eq + Hash + Clone,
{
    known: HashSet<ObjectRef<K>>,
    listing: Option<HashSet<ObjectRef<K>>>,
    is_complete: bool,
}

impl<K> Cache<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    /// An empty cache for so many watches, and its reading half.
    pub fn new(scopes: usize) -> (Self, Store<K>) {
        let writer = Writer::<K>::default();
        let store = writer.as_reader();
        let scope = || Scope {
            known: HashSet::new(),
            listing: None,
            is_complete: false,
        };
        let cache = Self {
            writer,
            store: store.clone(),
            scopes: std::iter::repeat_with(scope).take(scopes).collect(),
            early: Some(HashMap::new()),
        };
        (cache, store)
    }

    /// Watches until the process ends, and tells what happens.
    pub async fn fill(
        mut self,
        apis: Vec<Api<K>>,
        config: watcher::Config,
        mut tell: impl FnMut(Seen<'_, K>),
    ) {
        let watches = apis.into_iter().enumerate().map(|(scope, api)| {
            let events = watch(api, config.clone()).backoff(Reopening::default());
            events.map(move |event| (scope, event)).boxed()
        });
        let mut events = stream::select_all(watches);
        while let Some((scope, event)) = events.next().await {
            match event {
                Ok(event) => self.take(scope, event, &mut tell),
                Err(error) => {
                    tracing::warn!(kind = %K::kind(&()), error = %super::chain(&error), "watch interrupted");
                }
            }
        }
    }

    /// Takes what a watch has seen.
    pub fn take(&mut self, scope: usize, event: Event<K>, tell: &mut impl FnMut(Seen<'_, K>)) {
        let Some(seen) = self.scopes.get_mut(scope) else {
            return;
        };
        match event {
            Event::Init => seen.listing = Some(HashSet::new()),
            Event::InitApply(object) => {
                seen.listing
                    .get_or_insert_default()
                    .insert(ObjectRef::from_obj(&object));
                self.put(object, tell);
            }
            Event::InitDone => {
                seen.is_complete = true;
                let listed = seen.listing.take().unwrap_or_default();
                let missing: Vec<_> = seen.known.difference(&listed).cloned().collect();
                seen.known = listed;
                for name in missing {
                    self.forget(&name, tell);
                }
                if self.scopes.iter().all(|scope| scope.is_complete) {
                    self.open(tell);
                }
            }
            Event::Apply(object) => {
                seen.known.insert(ObjectRef::from_obj(&object));
                self.put(object, tell);
            }
            Event::Delete(object) => {
                seen.known.remove(&ObjectRef::from_obj(&object));
                self.remove(object, tell);
            }
        }
    }

    /// Lets everybody read, from the first complete moment on.
    fn open(&mut self, tell: &mut impl FnMut(Seen<'_, K>)) {
        let Some(early) = self.early.take() else {
            return;
        };
        // Told first: whoever waits for the cache finds everything that follows from it.
        for now in early.values() {
            tell(Seen::There { before: None, now });
        }
        self.writer.apply_watcher_event(&Event::Init);
        for object in early.into_values() {
            self.writer.apply_watcher_event(&Event::InitApply(object));
        }
        self.writer.apply_watcher_event(&Event::InitDone);
    }

    fn put(&mut self, object: K, tell: &mut impl FnMut(Seen<'_, K>)) {
        let name = ObjectRef::from_obj(&object);
        if let Some(early) = &mut self.early {
            early.insert(name, object);
            return;
        }
        let before = self.store.get(&name);
        let event = Event::Apply(object);
        self.writer.apply_watcher_event(&event);
        if let Event::Apply(now) = &event {
            tell(Seen::There { before, now });
        }
    }

    /// Removes what a new list lacks.
    fn forget(&mut self, name: &ObjectRef<K>, tell: &mut impl FnMut(Seen<'_, K>)) {
        if let Some(early) = &mut self.early {
            early.remove(name);
        } else if let Some(object) = self.store.get(name) {
            self.remove(K::clone(&object), tell);
        }
    }

    fn remove(&mut self, object: K, tell: &mut impl FnMut(Seen<'_, K>)) {
        if let Some(early) = &mut self.early {
            early.remove(&ObjectRef::from_obj(&object));
            return;
        }
        let event = Event::Delete(object);
        self.writer.apply_watcher_event(&event);
        if let Event::Delete(gone) = &event {
            tell(Seen::Gone(gone));
        }
    }
}

impl<K> Debug for Cache<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({})", K::kind(&()))
    }
}

#[cfg(test)]
mod tests;
