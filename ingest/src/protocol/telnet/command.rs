//! What a line says.

use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use penstock_model::{SeriesKind, Value, ValueError};

use super::number::{LineTime, TimeUnit, explain_number, scan_time};
use super::rollup_spec;
use crate::protocol::fault::{PointFault, RollupFault};
use crate::protocol::point::{Point, PointTime, scan_value};
use crate::protocol::quote::Quoted;
use crate::protocol::tags::{RawTags, TagForm, is_blank, next_word};
use penstock_tenancy::Profile;

/// A line that was understood.
#[derive(Clone, Debug)]
pub enum Command<'a> {
    /// `put` or `putm`: store a point.
    Put(Point<'a>),
    /// `rollup`: store a value of a rollup.
    Rollup(Point<'a>),
    /// `auth`: the credential, as it stands on the line.
    Auth(Credential<'a>),
    /// `version`
    Version,
    /// `help`
    Help,
    /// `stats`
    Stats,
    /// `dropcaches`: answered, and nothing is dropped.
    DropCaches,
    /// `exit` or `quit`: store what came, then close.
    Exit,
    /// An empty line, which the lenient framing passes over.
    Nothing,
}

/// The text after `auth`. Its `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credential<'a>(pub &'a [u8]);

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential([hidden])")
    }
}

/// The commands whose errors begin with their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `put`
    Put,
    /// `putm`
    Putm,
    /// `puts`, which is refused whatever follows.
    Puts,
    /// `rollup`
    Rollup,
    /// `histogram`, which is refused whatever follows.
    Histogram,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Put => "put",
            Self::Putm => "putm",
            Self::Puts => "puts",
            Self::Rollup => "rollup",
            Self::Histogram => "histogram",
        })
    }
}

/// A line that is refused. `Display` is the error line without its line feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineError {
    /// The point on it is bad.
    Point {
        /// The command.
        verb: Verb,
        /// What is wrong.
        fault: Box<PointFault>,
    },
    /// No command of ours.
    UnknownCommand(Quoted),
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Point { verb, fault } => write!(f, "{verb}: {}", fault.telnet_text()),
            Self::UnknownCommand(word) => write!(f, "unknown command: {word}.  Try `help'."),
        }
    }
}

/// Reads one line, which has no line end any more.
///
/// # Errors
/// [`LineError`], which is the answer to send.
#[inline]
pub fn scan_line(line: &[u8], profile: Profile) -> Result<Command<'_>, LineError> {
    // What nearly every line is, without a detour.
    if let Some(arguments) = line.strip_prefix(b"put ") {
        return scan_put(arguments, Verb::Put, profile);
    }
    scan_other(line, profile)
}

fn scan_other(line: &[u8], profile: Profile) -> Result<Command<'_>, LineError> {
    let (word, arguments) = match profile {
        Profile::OpenTsdb => split_once(line),
        Profile::Lenient => {
            let mut rest = line;
            match next_word(&mut rest, is_blank) {
                Some(word) => (word, Some(rest)),
                None => return Ok(Command::Nothing),
            }
        }
    };
    let mut lower = [0u8; 10];
    let name = match (profile, lower.get_mut(..word.len())) {
        (Profile::OpenTsdb, _) | (_, None) => word,
        (Profile::Lenient, Some(lower)) => {
            lower.copy_from_slice(word);
            lower.make_ascii_lowercase();
            lower
        }
    };
    match (name, profile) {
        (b"put", _) => scan_arguments(arguments, Verb::Put, profile),
        (b"rollup", _) => scan_arguments(arguments, Verb::Rollup, profile),
        (b"putm", Profile::Lenient) => scan_arguments(arguments, Verb::Putm, profile),
        (b"puts", Profile::Lenient) => Err(refuse(Verb::Puts, PointFault::StringValue)),
        (b"histogram", _) => Err(refuse(Verb::Histogram, PointFault::Histogram)),
        (b"auth", _) => Ok(Command::Auth(Credential(
            arguments.unwrap_or_default().trim_ascii(),
        ))),
        (b"version", _) => Ok(Command::Version),
        (b"help", _) => Ok(Command::Help),
        (b"stats", _) => Ok(Command::Stats),
        (b"dropcaches", _) => Ok(Command::DropCaches),
        (b"exit", _) | (b"quit", Profile::Lenient) => Ok(Command::Exit),
        _ => Err(LineError::UnknownCommand(Quoted::bytes(word))),
    }
}

/// The word before the first blank and all that follows it, if there is a blank.
fn split_once(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b' ', line).and_then(|at| line.split_at_checked(at)) {
        Some((word, after)) => (word, after.get(1..)),
        None => (line, None),
    }
}

fn scan_arguments(
    arguments: Option<&[u8]>,
    verb: Verb,
    profile: Profile,
) -> Result<Command<'_>, LineError> {
    let need = verb.words_needed();
    match (arguments, verb) {
        (None, _) => Err(refuse(verb, PointFault::TooFewWords { need, got: 0 })),
        (Some(arguments), Verb::Rollup) => scan_rollup(arguments, profile),
        (Some(arguments), _) => scan_put(arguments, verb, profile),
    }
}

#[inline]
fn scan_put(arguments: &[u8], verb: Verb, profile: Profile) -> Result<Command<'_>, LineError> {
    let words = Words::split(arguments, profile);
    match words.and_then(|words| words.point(verb, profile)) {
        Some(point) => Ok(Command::Put(point)),
        None => Err(refuse(verb, explain(arguments, verb, profile))),
    }
}

fn scan_rollup(arguments: &[u8], profile: Profile) -> Result<Command<'_>, LineError> {
    let refused = |fault| refuse(Verb::Rollup, fault);
    let mut rest = arguments;
    let scanned = word_of(&mut rest, profile).and_then(|spec| {
        let words = Words::split(rest, profile)?;
        Some((spec, words.point(Verb::Rollup, profile)?))
    });
    let Some((spec, mut point)) = scanned else {
        return Err(refused(explain(arguments, Verb::Rollup, profile)));
    };
    let spec = String::from_utf8_lossy(spec);
    point.kind = rollup_spec::parse(&spec, &point).map_err(|fault| refused(fault.into()))?;
    Ok(Command::Rollup(point))
}

fn refuse(verb: Verb, fault: PointFault) -> LineError {
    LineError::Point {
        verb,
        fault: Box::new(fault),
    }
}

/// The words of a put, not yet looked into.
struct Words<'a> {
    metric: &'a [u8],
    time: &'a [u8],
    value: &'a [u8],
    tags: &'a [u8],
}

impl<'a> Words<'a> {
    /// Splits; `None` if there are too few words or, between single blanks, an empty one.
    #[inline]
    fn split(arguments: &'a [u8], profile: Profile) -> Option<Self> {
        let mut rest = arguments;
        let metric = word_of(&mut rest, profile)?;
        let time = word_of(&mut rest, profile)?;
        let value = word_of(&mut rest, profile)?;
        Some(Self {
            metric,
            time,
            value,
            tags: rest,
        })
    }

    /// The point; `None` if anything is wrong with it, which [`explain`] then finds again.
    #[inline]
    fn point(&self, verb: Verb, profile: Profile) -> Option<Point<'a>> {
        let time = match scan_time(self.time, verb.time_unit(), profile) {
            Ok(LineTime::Good { time, in_millis })
                if !(in_millis && verb == Verb::Rollup && profile == Profile::OpenTsdb) =>
            {
                time
            }
            _ => return None,
        };
        let value = scan_value(self.value).ok()?;
        let (tags, credential) = cut_credential(self.tags, profile);
        Some(Point {
            metric: self.metric,
            tags,
            time: PointTime::At(time),
            value,
            kind: SeriesKind::Raw,
            credential,
        })
    }
}

impl Verb {
    const fn time_unit(self) -> TimeUnit {
        match self {
            Self::Putm => TimeUnit::Millis,
            Self::Put | Self::Puts | Self::Rollup | Self::Histogram => TimeUnit::BySize,
        }
    }

    /// What the message about too few words asks for. `OpenTSDB`'s number for rollups is not the true one.
    const fn words_needed(self) -> usize {
        match self {
            Self::Put | Self::Putm | Self::Puts | Self::Histogram => 4,
            Self::Rollup => 7,
        }
    }
}

/// The next word. `OpenTSDB`'s framing has exactly one blank after each, which is taken off with it; `None`
/// if that is missing, or if two blanks make an empty word.
#[inline]
fn word_of<'a>(rest: &mut &'a [u8], profile: Profile) -> Option<&'a [u8]> {
    match profile {
        Profile::Lenient => next_word(rest, is_blank),
        Profile::OpenTsdb => {
            let at = rest.iter().position(|b| *b == b' ')?;
            let (word, after) = rest.split_at_checked(at)?;
            *rest = after.get(1..)?;
            (!word.is_empty()).then_some(word)
        }
    }
}

/// Cuts the first `ovh.auth=...` word out of the tags.
#[inline]
fn cut_credential(tags: &[u8], profile: Profile) -> (RawTags<'_>, Option<&[u8]>) {
    static CREDENTIAL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"ovh.auth="));
    let form = match profile {
        Profile::Lenient => TagForm::Telnet,
        Profile::OpenTsdb => TagForm::TelnetStrict,
    };
    let separates = |b: u8| match profile {
        Profile::Lenient => is_blank(b),
        Profile::OpenTsdb => b == b' ',
    };
    let mut from = 0;
    while let Some(found) = tags.get(from..).and_then(|rest| CREDENTIAL.find(rest)) {
        let start = from + found;
        let before = tags.get(..start).unwrap_or_default();
        if before.last().is_none_or(|b| separates(*b)) {
            let word = tags.get(start..).unwrap_or_default();
            let end = word
                .iter()
                .position(|b| separates(*b))
                .unwrap_or(word.len());
            let (word, after) = word.split_at_checked(end).unwrap_or((word, b""));
            let credential = word.get(CREDENTIAL.needle().len()..);
            return (RawTags::around(form, before, after), credential);
        }
        from = start + 1;
    }
    (RawTags::new(form, tags), None)
}

/// Finds what is wrong with a line that the quick way refused, in the order of `OpenTSDB`'s checks.
#[cold]
fn explain(arguments: &[u8], verb: Verb, profile: Profile) -> PointFault {
    let words: Vec<&[u8]> = match profile {
        Profile::Lenient => arguments
            .split(|b| is_blank(*b))
            .filter(|word| !word.is_empty())
            .collect(),
        Profile::OpenTsdb => arguments.split(|b| *b == b' ').collect(),
    };
    // The lenient framing can do without tags.
    let spec = usize::from(verb == Verb::Rollup);
    let enough = spec + if profile == Profile::Lenient { 3 } else { 4 };
    let (Some([metric, time, value]), true) = (words.get(spec..spec + 3), words.len() >= enough)
    else {
        return PointFault::TooFewWords {
            need: verb.words_needed(),
            got: words.len(),
        };
    };
    if words
        .get(..spec)
        .is_some_and(|spec| spec.contains(&&b""[..]))
    {
        return RollupFault::MissingSpec.into();
    }
    if metric.is_empty() {
        return PointFault::EmptyMetric;
    }
    match scan_time(time, verb.time_unit(), profile) {
        Err(fault) => return fault.into(),
        Ok(LineTime::NotPositive(number)) => {
            return PointFault::InvalidTimestamp(Quoted::text(&number.to_string()));
        }
        Ok(LineTime::Good { .. } | LineTime::TooLarge) => {}
    }
    if value.is_empty() {
        return PointFault::EmptyValue;
    }
    explain_tags(metric, words.get(spec + 3..).unwrap_or_default(), profile)
        .or_else(|| explain_value(metric, time, value))
        .unwrap_or_else(|| PointFault::BadTimestamp {
            timestamp: Quoted::bytes(time),
            value: Quoted::bytes(value),
            metric: Quoted::bytes(metric),
        })
}

fn explain_tags(metric: &[u8], words: &[&[u8]], profile: Profile) -> Option<PointFault> {
    let joined = words.join(&b' ');
    let (tags, credential) = cut_credential(&joined, profile);
    let point = Point {
        metric,
        tags,
        time: PointTime::Missing,
        value: Value::Integer(0),
        kind: SeriesKind::Raw,
        credential,
    };
    point.check_pairs().err()
}

fn explain_value(metric: &[u8], time: &[u8], value: &[u8]) -> Option<PointFault> {
    Some(match scan_value(value).err()? {
        ValueError::Infinite => PointFault::Infinite {
            negative: value.starts_with(b"-"),
            metric: Quoted::bytes(metric),
            timestamp: Quoted::bytes(time),
        },
        _ => explain_number(value).into(),
    })
}

#[cfg(test)]
mod tests;
