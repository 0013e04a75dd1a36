//! Finds the line of a field in a file of YAML.
//!
//! Only for reports: the values come from another parser, which keeps no positions. If the two disagree about a
//! file, a report names a line nearby.

use penstock_api::field_path::{FieldPath, Step};
use saphyr_parser::{Event, Parser};

/// The line, from 1, on which the field stands, or the nearest field above it that exists.
pub(crate) fn line_of(text: &str, document: usize, path: &FieldPath) -> Option<usize> {
    let mut walk = Walk {
        wanted: path.steps(),
        ..Walk::default()
    };
    let mut number = 0;
    for event in Parser::new_from_str(text) {
        // The other parser has taken it.
        let Ok((event, span)) = event else { break };
        match event {
            Event::DocumentEnd if number == document => break,
            Event::DocumentEnd => number += 1,
            event if number == document => walk.visit(&event, span.start.line()),
            _ => {}
        }
    }
    walk.best.map(|(_, line)| line)
}

/// Where the walk through a document stands.
#[derive(Default)]
struct Walk<'a> {
    wanted: &'a [Step],
    inside: Vec<Inside>,
    /// How many of the wanted steps the best line so far fulfils, and that line.
    best: Option<(usize, usize)>,
}

/// A mapping or a sequence that is open.
struct Inside {
    place: Place,
    /// Whether the way here is the beginning of the wanted way.
    is_on_the_way: bool,
}

/// The place in it that comes next.
enum Place {
    Key,
    /// The line of the key and whether it is the wanted one.
    Value {
        line: usize,
        is_wanted: bool,
    },
    Element(usize),
}

impl Walk<'_> {
    fn visit(&mut self, event: &Event<'_>, line: usize) {
        match event {
            Event::MappingStart(..) => self.open(Place::Key, line),
            Event::SequenceStart(..) => self.open(Place::Element(0), line),
            Event::MappingEnd | Event::SequenceEnd => {
                self.inside.pop();
                self.advance();
            }
            Event::Scalar(text, ..) => self.scalar(text, line),
            Event::Alias(_) => {
                self.reach(line);
                self.advance();
            }
            _ => {}
        }
    }

    fn open(&mut self, place: Place, line: usize) {
        let is_on_the_way = self.reach(line);
        self.inside.push(Inside {
            place,
            is_on_the_way,
        });
    }

    fn scalar(&mut self, text: &str, line: usize) {
        let depth = self.inside.len().saturating_sub(1);
        let step = self.wanted.get(depth);
        if let Some(Inside {
            place: place @ Place::Key,
            ..
        }) = self.inside.last_mut()
        {
            let is_wanted = matches!(step, Some(Step::Key(key)) if key == text);
            *place = Place::Value { line, is_wanted };
        } else {
            self.reach(line);
            self.advance();
        }
    }

    /// A value begins. Answers whether it lies on the wanted way, and remembers its line if it does.
    fn reach(&mut self, line: usize) -> bool {
        let depth = self.inside.len();
        let step = depth
            .checked_sub(1)
            .and_then(|above| self.wanted.get(above));
        let (is_on_the_way, line) = match self.inside.last() {
            None => (true, line),
            Some(inside) => match inside.place {
                Place::Value { line, is_wanted } => (inside.is_on_the_way && is_wanted, line),
                Place::Element(index) => {
                    let is_wanted = step == Some(&Step::Index(index));
                    (inside.is_on_the_way && is_wanted, line)
                }
                Place::Key => (false, line),
            },
        };
        if is_on_the_way && self.best.is_none_or(|(steps, _)| depth > steps) {
            self.best = Some((depth, line));
        }
        is_on_the_way
    }

    /// A value has ended.
    fn advance(&mut self) {
        if let Some(inside) = self.inside.last_mut() {
            inside.place = match inside.place {
                // A key that is itself a mapping: its value is not one that we look for.
                Place::Key => Place::Value {
                    line: 0,
                    is_wanted: false,
                },
                Place::Value { .. } => Place::Key,
                Place::Element(index) => Place::Element(index + 1),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a comment
kind: One
---
kind: Two
metadata: {name: two,
  namespace: n}
spec:
  tags:
    site: paris
    a.b: |
      two
      lines
  list:
    - x
    - y: 1
      z: 2
  late: &anchor 1
  alias: *anchor
";

    fn line(document: usize, path: &FieldPath) -> Option<usize> {
        line_of(TEXT, document, path)
    }

    #[test]
    fn each_field_is_found_where_its_name_stands() {
        let cases = [
            (FieldPath::of(["kind"]), 4),
            (FieldPath::of(["metadata", "name"]), 5),
            (FieldPath::of(["metadata", "namespace"]), 6),
            (FieldPath::of(["spec", "tags", "site"]), 9),
            (FieldPath::of(["spec", "tags", "a.b"]), 10),
            (FieldPath::of(["spec", "list"]).index(0), 14),
            (FieldPath::of(["spec", "list"]).index(1).key("z"), 16),
            (FieldPath::of(["spec", "late"]), 17),
            (FieldPath::of(["spec", "alias"]), 18),
        ];
        for (path, expected) in cases {
            assert_eq!(line(1, &path), Some(expected), "{path}");
        }
        assert_eq!(line(0, &FieldPath::of(["kind"])), Some(2));
    }

    #[test]
    fn what_is_missing_is_told_at_the_nearest_field_above() {
        assert_eq!(line(1, &FieldPath::of(["spec", "tags", "none"])), Some(8));
        assert_eq!(line(1, &FieldPath::of(["spec", "list"]).index(7)), Some(13));
        assert_eq!(line(1, &FieldPath::of(["nothing"])), Some(4));
        assert_eq!(line(1, &FieldPath::root()), Some(4));
        assert_eq!(line(9, &FieldPath::root()), None);
    }

    #[test]
    fn of_damaged_text_what_was_read_counts() {
        assert_eq!(line_of("\na: [", 0, &FieldPath::of(["b"])), Some(2));
        assert_eq!(line_of("", 0, &FieldPath::root()), None);
    }
}
