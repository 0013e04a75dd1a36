//! JSON bodies of `/api/put` and `/api/rollup`, and the answers to them.
//!
//! ```text
//!   body ── PutBody::parse: the whole of it, nothing is stored before ──> Ok | BodyError (400)
//!     └──── next() ──> Element ── check(profile) ──> Point | PointFault ──> Answer
//!
//!   one element:  fast::scan      strings without escapes, known members, no allocation
//!                 └ else complete::read   everything else that `OpenTSDB` takes
//! ```
//!
//! Broken JSON at a body's end must store nothing of its beginning. So the whole of it is read for its syntax first, and
//! where the members of its first points lie is remembered; the points after those are read again in their turn. A body
//! costs its own bytes, for what is remembered twice as many, at most 2 MB ([`PutBody::memory_bytes`]), and the errors that
//! are listed.

pub mod answer;
pub mod body;
mod complete;
mod echo;
pub mod element;
mod fast;
mod members;
pub mod options;
mod reader;
mod shape;

pub use answer::{Answer, Cause, Reply};
pub use body::{BodyError, PutBody};
pub use element::Element;
pub use options::{AnswerForm, PutOptions};
pub use shape::Shape;
