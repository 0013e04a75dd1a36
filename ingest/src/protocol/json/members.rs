//! Where the members of a point's object lie: what both readers make, small enough to be kept for thousands of points.

use penstock_tenancy::Profile;

/// A piece of text: offsets into the body, or into what was unescaped of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A member that is absent or null.
    pub(super) const NONE: Self = Self {
        start: u32::MAX,
        end: u32::MAX,
    };

    /// Offsets below 4 GiB, which is more than a body can have.
    #[inline]
    pub(super) fn new(start: usize, end: usize) -> Self {
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Self { start, end },
            _ => Self::NONE,
        }
    }

    /// The text.
    #[inline]
    pub(super) fn of(self, text: &[u8]) -> Option<&[u8]> {
        text.get(self.start as usize..self.end as usize)
    }
}

impl Default for Span {
    fn default() -> Self {
        Self::NONE
    }
}

/// The members of one point's object. [`Span::NONE`] is absent or null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Members {
    pub(super) metric: Span,
    /// The text of the number or string.
    pub(super) value: Span,
    /// The `tags` object up to the credential, and what follows that.
    pub(super) tags: [Span; 2],
    /// [`RawTags::hash`](crate::protocol::tags::RawTags::hash) of them; 0 if there is no such object.
    pub(super) tags_hash: u128,
    /// Whether there is a tag beside the credential.
    pub(super) any_tag: bool,
    pub(super) credential: Span,
    /// `None` if it was absent, 0 if it was null.
    pub(super) timestamp: Option<i64>,
    /// `interval`, `aggregator`, `groupByAggregator`
    pub(super) rollup: [Span; 3],
}

impl Members {
    /// Whether there is a `tags` object.
    pub(super) fn has_tags(&self) -> bool {
        self.tags != [Span::NONE; 2]
    }

    /// Whether a profile wants a tag that is not there.
    pub(super) fn lacks_tags(&self, profile: Profile) -> bool {
        profile == Profile::OpenTsdb && !self.any_tag
    }
}
