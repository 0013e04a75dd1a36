//! Which tokens an application has, which stand in a namespace, which take their key from a Secret: without a look at all
//! the others. With 10,000 tokens each look would cost as much as everything else that is done for one.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use penstock_api::{ObjectName, State, TokenSpec};

/// A namespace and a name in it.
pub(crate) type Place = (String, String);

/// The tokens there are, by what they have to do with.
#[derive(Debug, Default)]
pub(super) struct Index {
    known: HashMap<ObjectName, Facts>,
    applications: Groups<Place>,
    /// How many of an application's tokens count against its `tokens.max`.
    counted: HashMap<Place, usize>,
    sources: Groups<Place>,
    namespaces: Groups<String>,
}

/// What a token is found by.
#[derive(Debug)]
struct Facts {
    application: Place,
    source: Option<Place>,
    counts: bool,
}

impl Facts {
    fn of(token: &ObjectName, spec: &TokenSpec) -> Self {
        let reference = &spec.application_ref;
        let namespace = reference.namespace.as_ref().unwrap_or(&token.namespace);
        let source = spec.key.reference();
        Self {
            application: (namespace.clone(), reference.name.clone()),
            source: source.map(|source| (token.namespace.clone(), source.name.clone())),
            counts: spec.state != State::Revoked,
        }
    }
}

impl Index {
    /// A token is there, or has changed.
    pub(super) fn put(&mut self, token: ObjectName, spec: &TokenSpec) {
        self.remove(&token);
        let facts = Facts::of(&token, spec);
        self.applications.put(facts.application.clone(), &token);
        if let Some(source) = facts.source.clone() {
            self.sources.put(source, &token);
        }
        self.namespaces.put(token.namespace.clone(), &token);
        if facts.counts {
            *self.counted.entry(facts.application.clone()).or_default() += 1;
        }
        self.known.insert(token, facts);
    }

    /// A token is gone, or can no longer be read.
    pub(super) fn remove(&mut self, token: &ObjectName) {
        let Some(facts) = self.known.remove(token) else {
            return;
        };
        self.applications.remove(&facts.application, token);
        if let Some(source) = &facts.source {
            self.sources.remove(source, token);
        }
        self.namespaces.remove(&token.namespace, token);
        if let Some(count) = self
            .counted
            .get_mut(&facts.application)
            .filter(|_| facts.counts)
        {
            *count -= 1;
            if *count == 0 {
                self.counted.remove(&facts.application);
            }
        }
    }

    /// The tokens that name an application.
    pub(super) fn of_application(&self, application: &Place) -> Vec<ObjectName> {
        self.applications.get(application)
    }

    /// How many of them are not revoked.
    pub(super) fn count(&self, application: &Place) -> usize {
        self.counted.get(application).copied().unwrap_or_default()
    }

    /// The tokens whose key comes from a Secret.
    pub(super) fn reading(&self, secret: &Place) -> Vec<ObjectName> {
        self.sources.get(secret)
    }

    /// The tokens of a namespace.
    pub(super) fn in_namespace(&self, namespace: &str) -> Vec<ObjectName> {
        self.namespaces.get(namespace)
    }
}

/// Tokens that have something in common. A group without tokens is forgotten.
#[derive(Debug)]
struct Groups<K>(HashMap<K, BTreeSet<ObjectName>>);

impl<K> Default for Groups<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> Groups<K> {
    fn put(&mut self, group: K, token: &ObjectName) {
        self.0.entry(group).or_default().insert(token.clone());
    }

    fn remove<Q>(&mut self, group: &Q, token: &ObjectName)
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(tokens) = self.0.get_mut(group) {
            tokens.remove(token);
            if tokens.is_empty() {
                self.0.remove(group);
            }
        }
    }

    fn get<Q>(&self, group: &Q) -> Vec<ObjectName>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let tokens = self.0.get(group).into_iter().flatten();
        tokens.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use penstock_api::Kind;
    use serde_json::{Value, json};

    use super::*;

    fn name(name: &str) -> ObjectName {
        ObjectName {
            kind: Kind::WriteToken,
            namespace: "team".to_owned(),
            name: name.to_owned(),
        }
    }

    fn put(index: &mut Index, token: &str, spec: Value) {
        index.put(name(token), &serde_json::from_value(spec).unwrap());
    }

    fn place(namespace: &str, name: &str) -> Place {
        (namespace.to_owned(), name.to_owned())
    }

    #[test]
    fn a_token_that_changes_is_found_by_what_it_is_now() {
        let mut index = Index::default();
        put(&mut index, "a", json!({"applicationRef": {"name": "mill"}}));
        put(
            &mut index,
            "b",
            json!({"applicationRef": {"name": "mill"}, "key": {"secretRef": {"name": "mine", "key": "k"}}}),
        );
        let (mill, mine) = (place("team", "mill"), place("team", "mine"));
        assert_eq!(index.of_application(&mill), [name("a"), name("b")]);
        assert_eq!(index.reading(&mine), [name("b")]);
        assert_eq!(index.in_namespace("team").len(), 2);
        assert_eq!(index.count(&mill), 2);
        let moved =
            json!({"applicationRef": {"name": "mill", "namespace": "works"}, "state": "Revoked"});
        put(&mut index, "b", moved);
        assert_eq!(index.of_application(&mill), [name("a")]);
        assert_eq!(index.of_application(&place("works", "mill")), [name("b")]);
        assert_eq!(index.reading(&mine), []);
        assert_eq!(
            (index.count(&mill), index.count(&place("works", "mill"))),
            (1, 0),
            "a revoked one takes no place"
        );
    }

    #[test]
    fn what_is_gone_leaves_nothing_behind() {
        let mut index = Index::default();
        put(&mut index, "a", json!({"applicationRef": {"name": "mill"}}));
        index.remove(&name("a"));
        index.remove(&name("a"));
        let left = (
            index.known.len(),
            index.applications.0.len(),
            index.counted.len(),
            index.sources.0.len(),
            index.namespaces.0.len(),
        );
        assert_eq!(left, (0, 0, 0, 0, 0));
    }
}
