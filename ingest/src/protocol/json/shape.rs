//! What a body is a body of.

/// Which members a point has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Shape {
    /// `/api/put`; the members of a rollup are unknown here and ignored.
    #[default]
    Put,
    /// `/api/rollup`
    Rollup,
}
