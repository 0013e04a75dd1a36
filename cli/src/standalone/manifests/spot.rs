//! Where in a file of YAML something is wrong: the line, and the field as far as one had begun.
//!
//! For reports alone, as [`locate`](super::locate) is: another parser has found the fault. Where the two disagree, the field
//! is one nearby, or none.

use std::collections::BTreeSet;

use penstock_api::FieldPath;
use saphyr_parser::{Event, Marker, Parser};

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// From 1.
    pub(super) line: usize,
    /// From 1.
    pub(super) column: usize,
}

impl Place {
    /// Where what follows this text stands.
    pub(super) fn behind(text: &str) -> Self {
        let last = text.rsplit('\n').next().unwrap_or_default();
        Self {
            line: text.matches('\n').count() + 1,
            column: last.chars().count() + 1,
        }
    }

    fn of(marker: &Marker) -> Self {
        Self {
            line: marker.line(),
            column: marker.col() + 1,
        }
    }
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// What stands here.
    At(Place),
    /// Somewhere a mapping has a key twice.
    KeyTwice,
    /// Somewhere a mapping or a sequence is a key.
    NoPlainKey,
}

/// The line of a fault and the field in which it is. Of one that is not found, what has come last.
pub(super) fn spot(text: &str, fault: Fault) -> (usize, FieldPath) {
    let mut way = Way::default();
    let mut last = Place::behind("");
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        let (start, end) = (Place::of(&span.start), Place::of(&span.end));
        last = start;
        match fault {
            Fault::At(place) if end >= place => break,
            Fault::KeyTwice if way.is_key_again(&event) => {
                way.take(event);
                break;
            }
            Fault::NoPlainKey if way.is_no_plain_key(&event) => break,
            _ => way.take(event),
        }
    }
    let line = match fault {
        Fault::At(place) => place.line,
        Fault::KeyTwice | Fault::NoPlainKey => last.line,
    };
    (line, way.field())
}

/// The mappings and sequences that are open, and where in each the next value goes.
#[derive(Debug, Default)]
struct Way(Vec<Open>);

#[derive(Debug)]
enum Open {
    Mapping {
        keys: BTreeSet<String>,
        /// Of the value that comes next; none where a key does.
        key: Option<String>,
    },
    Sequence(usize),
}

impl Way {
    fn is_key_again(&self, event: &Event<'_>) -> bool {
        match (self.0.last(), event) {
            (Some(Open::Mapping { keys, key: None }), Event::Scalar(text, ..)) => {
                keys.contains(&**text)
            }
            _ => false,
        }
    }

    fn is_no_plain_key(&self, event: &Event<'_>) -> bool {
        let is_collection = matches!(event, Event::MappingStart(..) | Event::SequenceStart(..));
        is_collection && matches!(self.0.last(), Some(Open::Mapping { key: None, .. }))
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::MappingStart(..) => self.0.push(Open::Mapping {
                keys: BTreeSet::new(),
                key: None,
            }),
            Event::SequenceStart(..) => self.0.push(Open::Sequence(0)),
            Event::MappingEnd | Event::SequenceEnd => {
                self.0.pop();
                self.take_value(None);
            }
            Event::Scalar(text, ..) => self.take_value(Some(text.into_owned())),
            Event::Alias(_) => self.take_value(None),
            _ => {}
        }
    }

    /// A value is complete, or a key if one is due.
    fn take_value(&mut self, text: Option<String>) {
        match self.0.last_mut() {
            Some(Open::Mapping { key, .. }) if key.is_some() => *key = None,
            Some(Open::Mapping { keys, key }) => {
                let text = text.unwrap_or_default();
                keys.insert(text.clone());
                *key = Some(text);
            }
            Some(Open::Sequence(next)) => *next += 1,
            None => {}
        }
    }

    fn field(&self) -> FieldPath {
        self.0
            .iter()
            .fold(FieldPath::root(), |path, open| match open {
                Open::Mapping { key: Some(key), .. } => path.key(key),
                Open::Mapping { key: None, .. } => path,
                Open::Sequence(next) => path.index(*next),
            })
    }
}
