//! Results as `/api/query` prints them, written while they come.
//!
//! ```text
//!   [{"metric":..,"tags":{..},"aggregateTags":[..],"query":{..},"tsuids":[..],"dps":{"1356998400":1,..},"stats":{..}},
//!    ..,{"statsSummary":{..}}]
//! ```
//!
//! `dps` is a map, or with `arrays` a list of pairs. Without millisecond resolution a map takes the last of
//! several points of one second; the list has them all.

mod sub_query;

use std::io::{self, Write};

use crate::point::{Number, Point};
use crate::request::Query;
use crate::run::{Cost, ResultHead, ResultSink};

/// Bytes that are gathered before they are written.
const WRITE_BYTES: usize = 16 * 1024;

/// More than a point takes.
const POINT_BYTES: usize = 64;

/// A [`ResultSink`] that writes JSON. End it with [`JsonResults::finish`].
#[derive(Debug)]
pub struct JsonResults<'a, W> {
    query: &'a Query,
    out: W,
    buffer: Vec<u8>,
    results: u64,
    /// Of the result that is being written.
    prints_null: bool,
    has_points: bool,
    /// The last point of a map, until the next shows that its second is over.
    held: Option<(i64, Number)>,
}

impl<'a, W: Write> JsonResults<'a, W> {
    /// Writes what answers `query`. Nothing is written before the first result or the end.
    pub fn new(query: &'a Query, out: W) -> Self {
        Self {
            query,
            out,
            buffer: Vec::with_capacity(2 * WRITE_BYTES),
            results: 0,
            prints_null: false,
            has_points: false,
            held: None,
        }
    }

    /// Ends the answer: the summary if it was asked for, the closing bracket.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self, cost: &Cost) -> io::Result<W> {
        self.separate();
        if self.query.show_summary {
            if self.results > 0 {
                self.buffer.push(b',');
            }
            self.buffer.extend_from_slice(br#"{"statsSummary":"#);
            self.cost(cost);
            self.buffer.push(b'}');
        }
        self.buffer.push(b']');
        self.write_out(0)?;
        Ok(self.out)
    }

    /// The bracket before the first element.
    fn separate(&mut self) {
        if self.results == 0 {
            self.buffer.push(b'[');
        }
    }

    /// Writes what has gathered, if it is at least so much.
    fn write_out(&mut self, least: usize) -> io::Result<()> {
        if self.buffer.len() >= least {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        // A vector takes everything: this cannot fail.
        drop(serde_json::to_writer(&mut self.buffer, text));
    }

    fn list(&mut self, texts: &[&str]) {
        self.buffer.push(b'[');
        for (at, text) in texts.iter().enumerate() {
            if at > 0 {
                self.buffer.push(b',');
            }
            self.text(text);
        }
        self.buffer.push(b']');
    }

    fn cost(&mut self, cost: &Cost) {
        let Cost {
            series,
            samples,
            points,
            results,
        } = cost;
        let members = [
            (&br#"{"series":"#[..], series),
            (br#","dpsRead":"#, samples),
            (br#","dpsEmitted":"#, points),
            (br#","results":"#, results),
        ];
        for (name, value) in members {
            self.buffer.extend_from_slice(name);
            self.integer(*value);
        }
        self.buffer.push(b'}');
    }

    fn integer(&mut self, value: impl itoa::Integer) {
        self.buffer
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Integers plainly; floats always with a fraction or an exponent.
    fn number(&mut self, number: Number) {
        match number {
            Number::Integer(integer) => self.integer(integer),
            Number::Float(float) if float.is_nan() && self.prints_null => {
                self.buffer.extend_from_slice(b"null");
            }
            Number::Float(float) if float.is_nan() => self.buffer.extend_from_slice(br#""NaN""#),
            Number::Float(float) => self.float(float),
        }
    }

    fn float(&mut self, float: f64) {
        let mut shortest = zmij::Buffer::new();
        let printed = shortest.format(float);
        // From some 1e16 on there is an exponent, with a plus that OpenTSDB does not print.
        let parts = if float.abs() < 1e15 {
            None
        } else {
            printed.split_once("e+")
        };
        match parts {
            Some((digits, exponent)) => {
                self.buffer.extend_from_slice(digits.as_bytes());
                self.buffer.push(b'e');
                self.buffer.extend_from_slice(exponent.as_bytes());
            }
            None => self.buffer.extend_from_slice(printed.as_bytes()),
        }
    }

    fn point(&mut self, time: i64, number: Number) {
        let (open, middle, close): (&[u8], &[u8], &[u8]) = if self.query.arrays {
            (b"[", b",", b"]")
        } else {
            (b"\"", b"\":", b"")
        };
        self.buffer.reserve(POINT_BYTES);
        if self.has_points {
            self.buffer.push(b',');
        }
        self.has_points = true;
        self.buffer.extend_from_slice(open);
        self.integer(time);
        self.buffer.extend_from_slice(middle);
        self.number(number);
        self.buffer.extend_from_slice(close);
    }

    /// In a map of seconds the point waits for the next.
    fn hold(&mut self, time: i64, number: Number) {
        if let Some((held, earlier)) = self.held.replace((time, number))
            && held != time
        {
            self.point(held, earlier);
        }
    }
}

impl<W: Write> ResultSink for JsonResults<'_, W> {
    type Error = io::Error;

    fn begin(&mut self, head: &ResultHead<'_>) -> io::Result<()> {
        self.separate();
        if self.results > 0 {
            self.buffer.push(b',');
        }
        self.results += 1;
        self.prints_null = head.sub_query.prints_null();
        self.has_points = false;
        self.buffer.extend_from_slice(br#"{"metric":"#);
        self.text(head.metric);
        self.buffer.extend_from_slice(br#","tags":{"#);
        for (at, (key, value)) in head.tags.iter().enumerate() {
            if at > 0 {
                self.buffer.push(b',');
            }
            self.text(key);
            self.buffer.push(b':');
            self.text(value);
        }
        self.buffer.extend_from_slice(br#"},"aggregateTags":"#);
        self.list(&head.aggregate_tags);
        if self.query.show_query {
            self.buffer.extend_from_slice(br#","query":"#);
            let shown = sub_query::shown(head.sub_query);
            self.buffer.extend_from_slice(shown.to_string().as_bytes());
        }
        if self.query.show_tsuids {
            self.buffer.extend_from_slice(br#","tsuids":"#);
            self.list(&head.tsuids);
        }
        let dps: &[u8] = if self.query.arrays {
            br#","dps":["#
        } else {
            br#","dps":{"#
        };
        self.buffer.extend_from_slice(dps);
        Ok(())
    }

    fn points(&mut self, points: &[Point]) -> io::Result<()> {
        for point in points {
            match (self.query.ms_resolution, self.query.arrays) {
                (true, _) => self.point(point.time, point.number),
                (false, true) => self.point(point.time / 1_000, point.number),
                (false, false) => self.hold(point.time / 1_000, point.number),
            }
            self.write_out(WRITE_BYTES)?;
        }
        Ok(())
    }

    fn end(&mut self, cost: &Cost) -> io::Result<()> {
        if let Some((time, number)) = self.held.take() {
            self.point(time, number);
        }
        self.buffer
            .push(if self.query.arrays { b']' } else { b'}' });
        if self.query.show_stats {
            self.buffer.extend_from_slice(br#","stats":"#);
            self.cost(cost);
        }
        self.buffer.push(b'}');
        self.write_out(WRITE_BYTES)
    }
}
