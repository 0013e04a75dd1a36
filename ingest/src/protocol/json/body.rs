//! A whole body: one object, or an array of them.

use super::complete::{self, Scratch};
use super::element::Element;
use super::fast;
use super::reader::{Reader, SyntaxError};

/// Which members a point has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Shape {
    /// `/api/put`; the members of a rollup are unknown here and ignored.
    #[default]
    Put,
    /// `/api/rollup`
    Rollup,
}

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
        /// It looks like the body of an HTML form.
        form: bool,
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
            Self::Missing | Self::NoDataPoints | Self::NotJson { form: false } => None,
            Self::NotJson { form: true } => Some(
                "The body is an HTML form (name=value&...). Send JSON: with Python's requests, \
                 data=json.dumps(payload) instead of data=payload."
                    .to_owned(),
            ),
            Self::Syntax { element, error } => Some(format!("{error}, in data point {element}")),
        }
    }
}

/// A body whose syntax is good, and how far its points have been taken.
#[derive(Debug)]
pub struct PutBody<'a> {
    text: Text<'a>,
    first: usize,
    /// Where the next element starts; `None` after the last.
    next: Option<usize>,
    scratch: Scratch,
}

#[derive(Clone, Copy, Debug)]
struct Text<'a> {
    body: &'a [u8],
    shape: Shape,
    in_array: bool,
}

impl<'a> PutBody<'a> {
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
                let form = body.contains(&b'=') && !body.contains(&b'{');
                return Err(BodyError::NotJson { form });
            }
        };
        if let Err(error) = std::str::from_utf8(body) {
            let what = "invalid UTF-8";
            let at = error.valid_up_to();
            return Err(BodyError::Syntax {
                element: 0,
                error: SyntaxError { what, at },
            });
        }
        let text = Text {
            body,
            shape,
            in_array,
        };
        let first = text.first_element()?;
        let mut scratch = Scratch::default();
        text.check(first, &mut scratch)?;
        Ok(Self {
            text,
            first,
            next: Some(first),
            scratch,
        })
    }

    /// The next element, in the body's order.
    #[inline]
    pub fn next_element(&mut self) -> Option<Element<'_>> {
        let at = self.next?;
        // The syntax has been checked: neither can fail.
        let (element, end) = self.text.element(at, &mut self.scratch).ok()?;
        self.next = self.text.after(end).ok()?;
        Some(element)
    }

    /// Goes back to the first element.
    pub fn rewind(&mut self) {
        self.next = Some(self.first);
    }
}

impl<'a> Text<'a> {
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

    fn check(&self, first: usize, scratch: &mut Scratch) -> Result<(), BodyError> {
        let mut next = Some(first);
        let mut element = 0;
        while let Some(at) = next {
            next = self
                .element(at, scratch)
                .map(|(_, end)| end)
                .and_then(|end| self.after(end))
                .map_err(|error| BodyError::Syntax { element, error })?;
            element += 1;
        }
        Ok(())
    }

    /// The element at `at`, and where it ends.
    #[inline]
    fn element<'e>(
        &self,
        at: usize,
        scratch: &'e mut Scratch,
    ) -> Result<(Element<'e>, usize), SyntaxError>
    where
        'a: 'e,
    {
        match fast::scan(self.body, at, self.shape) {
            Some((members, end)) => Ok((Element::object(members), end)),
            None => complete::read(self.body, at, self.shape, scratch),
        }
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
