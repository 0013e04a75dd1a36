//! A whole body: one object, or an array of them.

use super::complete::{self, Scratch};
use super::element::Element;
use super::fast::{self, SeenTags};
use super::members::Members;
use super::reader::{Reader, SyntaxError};
use super::shape::Shape;
use crate::protocol::point::names_fingerprint;

/// How every gzip stream begins.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why nothing of a body is stored. The answer is 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// No body, or only white space.
    #[error("Missing request content")]
    Missing,
    /// An empty array.
    #[error("No datapoints found in content")]
    NoDataPoints,
    /// It is not even the beginning of JSON.
    #[error("The JSON must start as an object or an array")]
    NotJson {
        /// What it looks like, and what to send instead.
        hint: Option<&'static str>,
    },
    /// Broken JSON, or a member of a wrong type.
    #[error("Unable to parse the given JSON")]
    Syntax {
        /// Which element of the body it is in, counted from 0.
        element: usize,
        /// What and where.
        #[source]
        error: SyntaxError,
    },
}

impl BodyError {
    /// The `details` of the error object, if there is more to say.
    pub fn details(&self) -> Option<String> {
        match self {
            Self::Missing | Self::NoDataPoints => None,
            Self::NotJson { hint } => hint.map(str::to_owned),
            Self::Syntax { element, error } => Some(format!("{error}, in data point {element}")),
        }
    }
}

/// How many elements are remembered from the check of the syntax, at about 100 bytes each. Those after them are read
/// again when their turn comes, so that a body of tiny points does not cost many times its size.
const REMEMBERED_MAX: usize = 16_384;

/// Bytes of a body for each element that is remembered: fewer than nearly all points have.
const BYTES_PER_REMEMBERED: usize = 64;

/// Bytes of a body for which room for one element is reserved at first: fewer than most points have.
const ELEMENT_BYTES_GUESS: usize = 128;

/// How many elements of a body of this size are remembered at most.
fn remembered_max(body_bytes: usize) -> usize {
    REMEMBERED_MAX.min(body_bytes / BYTES_PER_REMEMBERED + 1)
}

/// A body whose syntax is good, and how far its points have been taken.
#[derive(Debug)]
pub struct PutBody<'a> {
    text: Text<'a>,
    count: usize,
    /// The first elements.
    remembered: Vec<Remembered>,
    remembered_max: usize,
    /// How many elements have been taken.
    taken: usize,
    /// Where the first element starts that is not remembered; `None` if all are.
    unremembered: Option<usize>,
    /// Where the next element starts, once past those that are remembered.
    next: Option<usize>,
    /// The element taken last, if it is none that is remembered.
    current: Members,
    seen: SeenTags,
    scratch: Scratch,
}

#[derive(Clone, Copy, Debug)]
enum Remembered {
    /// The quick reader took it.
    Members(Members),
    /// It starts here, and the complete reader takes it.
    At(usize),
}

#[derive(Clone, Copy, Debug)]
struct Text<'a> {
    body: &'a [u8],
    shape: Shape,
    in_array: bool,
}

impl<'a> PutBody<'a> {
    /// Bytes of memory that are kept of a body of this size besides the body itself, at most.
    pub fn memory_bytes(body_bytes: usize) -> u64 {
        let bytes = remembered_max(body_bytes).saturating_mul(size_of::<Remembered>());
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Checks the whole body's syntax.
    ///
    /// # Errors
    /// [`BodyError`]: answer it, store nothing.
    pub fn parse(body: &'a [u8], shape: Shape) -> Result<Self, BodyError> {
        let in_array = match Reader::new(body, 0).peek() {
            None => return Err(BodyError::Missing),
            Some(b'{') => false,
            Some(b'[') => true,
            Some(_) => {
                let hint = hint(body);
                return Err(BodyError::NotJson { hint });
            }
        };
        check_text(body).map_err(|error| BodyError::Syntax { element: 0, error })?;
        let text = Text {
            body,
            shape,
            in_array,
        };
        let mut parsed = Self {
            text,
            count: 0,
            remembered: Vec::with_capacity(
                remembered_max(body.len()).min(body.len() / ELEMENT_BYTES_GUESS + 1),
            ),
            remembered_max: remembered_max(body.len()),
            taken: 0,
            unremembered: None,
            next: None,
            current: Members::default(),
            seen: SeenTags::default(),
            scratch: Scratch::default(),
        };
        let mut next = Some(text.first_element()?);
        while let Some(at) = next {
            let element = parsed.count;
            next = parsed
                .check_element(at)
                .map_err(|error| BodyError::Syntax { element, error })?;
            parsed.count += 1;
        }
        parsed.rewind();
        Ok(parsed)
    }

    /// Checks the element at `at` and says where the next one starts.
    #[inline]
    fn check_element(&mut self, at: usize) -> Result<Option<usize>, SyntaxError> {
        let Text { body, shape, .. } = self.text;
        let quick = fast::scan(body, at, shape, &mut self.seen);
        let (remembered, end) = if let Some((members, end)) = quick {
            (Remembered::Members(members), end)
        } else {
            let (_, end) = complete::read(body, at, shape, &mut self.scratch)?;
            (Remembered::At(at), end)
        };
        if self.remembered.len() < self.remembered_max {
            if self.remembered.len() == self.remembered.capacity() {
                // Once, and not by doubling: what `memory_bytes` says must hold.
                let more = self.remembered_max - self.remembered.len();
                self.remembered.reserve_exact(more);
            }
            self.remembered.push(remembered);
        } else if self.unremembered.is_none() {
            self.unremembered = Some(at);
        }
        self.text.after(end)
    }

    /// How many elements there are, bad points and nulls included.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a body without elements is an error"
    )]
    pub fn len(&self) -> usize {
        self.count
    }

    /// The next element, in the body's order.
    #[inline]
    pub fn next_element(&mut self) -> Option<Element<'_>> {
        let Text { body, shape, .. } = self.text;
        // The syntax has been checked: nothing here can fail.
        match self.remembered.get(self.taken) {
            Some(Remembered::Members(members)) => {
                self.taken += 1;
                Some(Element::in_body(shape, members, body))
            }
            Some(Remembered::At(at)) => {
                self.taken += 1;
                let (element, _) = complete::read(body, *at, shape, &mut self.scratch).ok()?;
                Some(element)
            }
            None => {
                let at = self.next?;
                if let Some((members, end)) = fast::scan(body, at, shape, &mut self.seen) {
                    self.next = self.text.after(end).ok()?;
                    self.current = members;
                    return Some(Element::in_body(shape, &self.current, body));
                }
                let (element, end) = complete::read(body, at, shape, &mut self.scratch).ok()?;
                self.next = self.text.after(end).ok()?;
                Some(element)
            }
        }
    }

    /// The fingerprints that the next elements have if they are raw data of the body's own tags: a guess, and not of
    /// those that are unusual. For whoever wants to get ready for them.
    pub(crate) fn upcoming(&self, elements: usize) -> impl Iterator<Item = u128> {
        let Text { body, shape, .. } = self.text;
        let remembered = self.remembered.get(self.taken..).unwrap_or_default();
        let remembered = remembered.iter().take(elements);
        remembered.filter_map(move |remembered| match remembered {
            Remembered::Members(members) if shape == Shape::Put => Some(names_fingerprint(
                members.metric.of(body)?,
                members.tags_hash,
            )),
            _ => None,
        })
    }

    /// Goes back to the first element.
    pub fn rewind(&mut self) {
        self.taken = 0;
        self.next = self.unremembered;
    }
}

/// What a body that is no JSON looks like.
fn hint(body: &[u8]) -> Option<&'static str> {
    const FORM: &str = "The body is an HTML form (name=value&...). Send JSON: with Python's requests, \
                        data=json.dumps(payload) instead of data=payload.";
    const GZIP: &str =
        "The body is compressed with gzip. Say so with the header Content-Encoding: gzip.";
    if body.starts_with(&GZIP_MAGIC) {
        return Some(GZIP);
    }
    let is_form = body.is_ascii() && body.contains(&b'=') && !body.contains(&b'{');
    is_form.then_some(FORM)
}

/// Checks what readers rely on: UTF-8, and offsets that fit 32 bits.
fn check_text(body: &[u8]) -> Result<(), SyntaxError> {
    if u32::try_from(body.len()).is_err() {
        let what = "a body of 4 GiB or more";
        return Err(SyntaxError { what, at: 0 });
    }
    std::str::from_utf8(body).map(|_| ()).map_err(|error| {
        let what = "invalid UTF-8";
        let at = error.valid_up_to();
        SyntaxError { what, at }
    })
}

impl Text<'_> {
    fn first_element(&self) -> Result<usize, BodyError> {
        let mut reader = Reader::new(self.body, 0);
        if self.in_array && reader.take_if(b'[') && reader.take_if(b']') {
            reader
                .end()
                .map_err(|error| BodyError::Syntax { element: 0, error })?;
            return Err(BodyError::NoDataPoints);
        }
        Ok(reader.at())
    }

    /// Where the next element starts; `None` at the end of the body.
    #[inline]
    fn after(&self, end: usize) -> Result<Option<usize>, SyntaxError> {
        let mut reader = Reader::new(self.body, end);
        if self.in_array {
            if reader.take_if(b',') {
                return Ok(Some(reader.at()));
            }
            reader.expect(b']', "expected ',' or ']'")?;
        }
        reader.end()?;
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
