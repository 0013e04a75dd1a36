//! Between the index's 32-bit numbers and memory's. Ids, offsets and counts of the index are `u32`, half the
//! size; what does not fit has used up a number space that lasts for four billion series, pairs or bytes of
//! distinct tag text, and the process stops: going on would give one number to two things.

/// A number as a place in memory.
#[inline]
pub(crate) const fn index(number: u32) -> usize {
    number as usize
}

/// A place in memory as a number below `u32::MAX`, which stands for none.
///
/// # Panics
/// When the number space is used up.
#[inline]
#[expect(
    clippy::expect_used,
    reason = "see the page above: a used-up number space stops the process"
)]
pub(crate) fn id(place: usize) -> u32 {
    u32::try_from(place)
        .ok()
        .filter(|number| *number < u32::MAX)
        .expect("fewer than 2^32 of anything in the series index")
}
