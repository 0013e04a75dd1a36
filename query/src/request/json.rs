//! The JSON form, as leniently as clients rely on: text where a number is wanted and the reverse, unknown
//! members ignored, the last of a repeated member counts.
//!
//! `tags` and `filters` say the same thing: the one later in the text replaces the other.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Unexpected, Visitor};
use serde_json::value::RawValue;

use super::RequestError;
use super::raw::{Place, RawFilter, RawQuery, RawSubQuery};
use crate::excerpt::Excerpt;
use crate::rate::RateOptions;

pub(super) fn parse(body: &[u8]) -> Result<RawQuery, RequestError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(RequestError::MissingContent);
    }
    match serde_json::from_slice(body) {
        Ok(Members(query)) => Ok(RawQuery {
            is_json: true,
            ..query
        }),
        // What is wrong may be as long as the body.
        Err(error) => Err(RequestError::Json(
            Excerpt::from(&*error.to_string()).to_string(),
        )),
    }
}

/// An object whose members are taken one at a time, in their order.
trait Object: Default {
    /// What it is, for errors.
    const NAME: &'static str;

    /// Takes the value of one member.
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

struct Members<T>(T);

impl<'de, T: Object> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

struct MembersVisitor<T>(PhantomData<T>);

impl<'de, T: Object> Visitor<'de> for MembersVisitor<T> {
    type Value = Members<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object ({})", T::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = T::default();
        while let Some(name) = map.next_key::<String>()? {
            object.member(&name, &mut map)?;
        }
        Ok(Members(object))
    }
}

impl Object for RawQuery {
    const NAME: &'static str = "query";

    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "start" => self.start = text(name, map)?,
            "end" => self.end = text(name, map)?,
            "timezone" => self.zone = text(name, map)?,
            "queries" => self.sub_queries = objects(map)?,
            "msResolution" => self.ms_resolution = switch(name, map)?,
            "showTSUIDs" => self.show_tsuids = switch(name, map)?,
            "showQuery" => self.show_query = switch(name, map)?,
            "showStats" => self.show_stats = switch(name, map)?,
            "showSummary" => self.show_summary = switch(name, map)?,
            "useCalendar" => self.use_calendar = switch(name, map)?,
            "delete" => self.delete = switch(name, map)?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl Object for RawSubQuery {
    const NAME: &'static str = "sub query";

    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "aggregator" => self.aggregator = text(name, map)?,
            "metric" => self.metric = text(name, map)?,
            "tsuids" => self.tsuids = texts(name, map)?,
            "downsample" => self.downsample = text(name, map)?,
            "rate" => self.rate = switch(name, map)?,
            "rateOptions" => {
                self.rate_options = map
                    .next_value::<Option<Members<RateOptions>>>()?
                    .map(|Members(options)| options);
            }
            "tags" => {
                self.filters = map
                    .next_value::<Option<Members<TagTexts>>>()?
                    .map_or_else(Vec::new, |Members(TagTexts(filters))| filters);
            }
            "filters" => self.filters = objects(map)?,
            "explicitTags" => self.explicit_tags = switch(name, map)?,
            "rollupUsage" => self.rollup_usage = text(name, map)?,
            "preAggregate" => self.pre_aggregate = switch(name, map)?,
            "percentiles" => self.percentiles = texts(name, map)?,
            "showHistogramBuckets" => self.show_histogram_buckets = switch(name, map)?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl Object for RawFilter {
    const NAME: &'static str = "filter";

    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        // Absent means no type: it must not be taken for a filter of the text form.
        self.kind.get_or_insert_default();
        match name {
            "type" => self.kind = Some(text(name, map)?.unwrap_or_default()),
            "tagk" => self.key = text(name, map)?.unwrap_or_default(),
            "filter" => self.text = text(name, map)?.unwrap_or_default(),
            "groupBy" | "group_by" => self.group_by = switch(name, map)?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl Object for RateOptions {
    const NAME: &'static str = "rateOptions";

    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "counter" | "isCounter" => self.counter = switch(name, map)?,
            "counterMax" => self.counter_max = integer(name, map)?,
            "resetValue" => self.reset_value = integer(name, map)?,
            "dropResets" => self.drop_resets = switch(name, map)?,
            _ => return Err(Error::unknown_field(name, RATE_OPTIONS)),
        }
        Ok(())
    }
}

const RATE_OPTIONS: &[&str] = &["counter", "counterMax", "resetValue", "dropResets"];

/// The `tags` map: each a filter that groups.
#[derive(Default)]
struct TagTexts(Vec<RawFilter>);

impl Object for TagTexts {
    const NAME: &'static str = "tags";

    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let text = text(name, map)?.unwrap_or_default();
        self.0.retain(|filter| filter.key != name);
        self.0.push(RawFilter {
            key: name.to_owned(),
            text,
            kind: None,
            group_by: true,
            place: Place::Json,
        });
        Ok(())
    }
}

fn ignore<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(|_| ())
}

fn objects<'de, A: MapAccess<'de>, T: Object>(map: &mut A) -> Result<Vec<T>, A::Error> {
    let objects = map.next_value::<Option<Vec<Members<T>>>>()?;
    Ok(objects
        .into_iter()
        .flatten()
        .map(|Members(object)| object)
        .collect())
}

/// A text, number or truth value as it is written, without quotes. `None` for null.
fn text<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<Option<String>, A::Error> {
    as_text(name, &map.next_value::<Box<RawValue>>()?, "text")
}

fn as_text<E: Error>(name: &str, value: &RawValue, wanted: &str) -> Result<Option<String>, E> {
    let written = value.get();
    match written.bytes().next() {
        Some(b'n') => Ok(None),
        Some(b'"') => serde_json::from_str(written).map_err(E::custom),
        Some(b'[') => Err(wrong(name, Unexpected::Seq, wanted)),
        Some(b'{') => Err(wrong(name, Unexpected::Map, wanted)),
        _ => Ok(Some(written.to_owned())),
    }
}

fn texts<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<Vec<String>, A::Error> {
    let values = map.next_value::<Option<Vec<Box<RawValue>>>>()?;
    values
        .into_iter()
        .flatten()
        .filter_map(|value| as_text(name, &value, "text").transpose())
        .collect()
}

fn switch<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<bool, A::Error> {
    const WANTED: &str = "true or false";
    let text = as_text(name, &map.next_value::<Box<RawValue>>()?, WANTED)?.unwrap_or_default();
    match text.trim() {
        "true" | "True" | "TRUE" => Ok(true),
        "" | "false" | "False" | "FALSE" => Ok(false),
        number => match number.parse::<f64>() {
            Ok(number) => Ok(number != 0.0),
            Err(_) => Err(wrong(name, Unexpected::Str(&text), WANTED)),
        },
    }
}

/// A fraction is cut off; empty text and null are 0.
fn integer<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<i64, A::Error> {
    const WANTED: &str = "an integer";
    let text = as_text(name, &map.next_value::<Box<RawValue>>()?, WANTED)?.unwrap_or_default();
    let whole = text.trim();
    if whole.is_empty() {
        return Ok(0);
    }
    if let Ok(integer) = whole.parse() {
        return Ok(integer);
    }
    match whole.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "a fraction is cut off")]
        Ok(float) if float.abs() < 9.2e18 => Ok(float as i64),
        _ => Err(wrong(name, Unexpected::Str(&text), WANTED)),
    }
}

/// An error that names the member.
fn wrong<E: Error>(name: &str, found: Unexpected<'_>, wanted: &str) -> E {
    E::custom(format_args!("{name}: expected {wanted}, found {found}"))
}
