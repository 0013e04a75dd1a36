//! The words of a selector.

use std::iter::Peekable;
use std::str::Chars;

use super::{NAME_LABEL, SelectorError};
use crate::protocol::quote::Quoted;

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `=`
    Equals,
    /// `!=`
    NotEquals,
    /// `=~`
    Matches,
    /// `!~`
    DoesNotMatch,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) label: String,
    pub(super) operator: Operator,
    pub(super) value: String,
}

/// Reads a selector from left to right.
pub(super) struct Lexer<'a> {
    selector: &'a str,
    rest: Peekable<Chars<'a>>,
    /// Characters taken.
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(selector: &'a str) -> Self {
        Self {
            selector,
            rest: selector.chars().peekable(),
            at: 0,
        }
    }

    /// The groups between `or`; the name before the brace belongs to each.
    pub(super) fn groups(mut self) -> Result<Vec<Vec<Filter>>, SelectorError> {
        let name = self.name()?.map(|value| Filter {
            label: NAME_LABEL.to_owned(),
            operator: Operator::Equals,
            value,
        });
        let mut groups = Vec::new();
        if self.take_if('{') {
            while {
                let mut group: Vec<Filter> = name.iter().cloned().collect();
                let more = self.filters(&mut group)?;
                groups.push(group);
                more
            } {}
        } else if let Some(name) = name {
            groups.push(vec![name]);
        } else {
            return Err(self.expected("a metric name or '{'"));
        }
        match self.peek() {
            None => Ok(groups),
            Some(_) => Err(self.expected("the end")),
        }
    }

    /// Reads filters up to `}`, or up to `or`, which means that another group follows.
    fn filters(&mut self, group: &mut Vec<Filter>) -> Result<bool, SelectorError> {
        loop {
            if self.take_if('}') {
                return Ok(false);
            }
            let label = self.name()?;
            let label = label.ok_or_else(|| self.expected("a label name or '}'"))?;
            let operator = self.operator()?;
            let value = self.string()?;
            group.push(Filter {
                label,
                operator,
                value,
            });
            if self.take_if(',') {
                continue;
            }
            if self.take_if('}') {
                return Ok(false);
            }
            if self
                .name()?
                .as_deref()
                .is_some_and(|word| word.eq_ignore_ascii_case("or"))
            {
                return Ok(true);
            }
            return Err(self.expected("',', 'or' or '}'"));
        }
    }

    fn operator(&mut self) -> Result<Operator, SelectorError> {
        let negated = self.take_if('!');
        if !negated && !self.take_if('=') {
            return Err(self.expected("one of = != =~ !~"));
        }
        match (negated, self.rest.peek()) {
            (_, Some('~')) => {
                self.take();
                Ok(if negated {
                    Operator::DoesNotMatch
                } else {
                    Operator::Matches
                })
            }
            (true, Some('=')) => {
                self.take();
                Ok(Operator::NotEquals)
            }
            (true, _) => Err(self.expected("'=' or '~' after '!'")),
            (false, _) => Ok(Operator::Equals),
        }
    }

    /// A bare name; `None` if the next character begins none.
    fn name(&mut self) -> Result<Option<String>, SelectorError> {
        self.peek();
        let mut name = String::new();
        while let Some(c) = self.rest.peek().copied() {
            if c == '\\' {
                self.take();
                let escaped = self.take();
                name.push(escaped.ok_or_else(|| self.expected("a character after '\\'"))?);
            } else if c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':') {
                self.take();
                name.push(c);
            } else {
                break;
            }
        }
        Ok((!name.is_empty()).then_some(name))
    }

    fn string(&mut self) -> Result<String, SelectorError> {
        let Some(quote @ ('"' | '\'' | '`')) = self.peek() else {
            return Err(self.expected("a value in quotes"));
        };
        self.take();
        let mut value = String::new();
        loop {
            match self.take() {
                Some(c) if c == quote => return Ok(value),
                Some('\\') if quote != '`' => value.push(self.escape()?),
                Some(c) => value.push(c),
                None => return Err(self.expected("a closing quote")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SelectorError> {
        match self.take() {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some('r') => Ok('\r'),
            Some(same @ ('\\' | '"' | '\'')) => Ok(same),
            _ => Err(self.expected(
                "one of \\ \" ' n r t after '\\' (a regular expression's own \\ is doubled)",
            )),
        }
    }

    /// The next character that is no white space, which stays.
    fn peek(&mut self) -> Option<char> {
        while self.rest.peek().is_some_and(char::is_ascii_whitespace) {
            self.take();
        }
        self.rest.peek().copied()
    }

    fn take(&mut self) -> Option<char> {
        let taken = self.rest.next();
        self.at += usize::from(taken.is_some());
        taken
    }

    fn take_if(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.take();
        }
        found
    }

    fn expected(&self, expected: &'static str) -> SelectorError {
        SelectorError::Syntax {
            selector: Quoted::text(self.selector),
            expected,
            at: self.at,
        }
    }
}
