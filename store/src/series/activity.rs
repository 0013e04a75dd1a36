//! Which series have a point in the current UTC day, counted for each tenant.
//!
//! Only the current day is kept: past days are in the blocks, and no limit looks at them.

use penstock_model::Day;

use crate::series::budget::{Novelty, SeriesBudget};
use crate::series::id_bits::IdBits;
use crate::series::pairs::TenantNumber;
use crate::series::width;

/// The active series of one day.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    day: Option<Day>,
    counted: IdBits,
    of_tenant: Vec<u64>,
}

/// Whose count a series belongs to, and when its point and the present are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presence {
    pub(crate) tenant: TenantNumber,
    pub(crate) day: Day,
    pub(crate) today: Day,
}

impl Activity {
    /// Whether a point of `day` changes nothing: it is not of today, or its series is counted.
    #[inline]
    pub(crate) fn is_settled(&self, series: u32, day: Day, today: Day) -> bool {
        day != today || self.day == Some(today) && self.counted.contains(series)
    }

    /// Asks the budget for a series that is new or not settled, and counts it.
    pub(crate) fn admit<B: SeriesBudget>(
        &mut self,
        series: u32,
        presence: Presence,
        novelty: Novelty,
        budget: &B,
    ) -> Result<(), B::Refusal> {
        if novelty == Novelty::Returning && self.is_settled(series, presence.day, presence.today) {
            return Ok(());
        }
        self.turn_to(presence.today);
        budget.admit(self.active(presence.tenant, presence.today), novelty)?;
        self.count(series, presence);
        Ok(())
    }

    /// Counts a series whose point is of today.
    pub(crate) fn count(&mut self, series: u32, presence: Presence) {
        self.turn_to(presence.today);
        if presence.day != presence.today
            || self.day != Some(presence.day)
            || !self.counted.insert(series)
        {
            return;
        }
        let tenant = width::index(presence.tenant);
        if tenant >= self.of_tenant.len() {
            self.of_tenant.resize(tenant + 1, 0);
        }
        if let Some(count) = self.of_tenant.get_mut(tenant) {
            *count += 1;
        }
    }

    /// The tenant's active series of `today`.
    pub(crate) fn active(&self, tenant: TenantNumber, today: Day) -> u64 {
        let current = self.day == Some(today);
        let count = self.of_tenant.get(width::index(tenant));
        count.copied().filter(|_| current).unwrap_or(0)
    }

    /// Begins a new day. One day back is a thread that read the clock just before midnight: the count stays
    /// with the later day. Further back, the clock has been set.
    fn turn_to(&mut self, today: Day) {
        let stays = self
            .day
            .is_some_and(|day| day == today || day.number() == today.number().saturating_add(1));
        if !stays {
            self.day = Some(today);
            self.counted.clear();
            self.of_tenant.clear();
        }
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.counted.memory_bytes() + self.of_tenant.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::budget::Unlimited;

    fn at(tenant: u32, day: i32, today: i32) -> Presence {
        Presence {
            tenant,
            day: Day::from_number(day),
            today: Day::from_number(today),
        }
    }

    fn active(activity: &Activity, tenant: u32, today: i32) -> u64 {
        activity.active(tenant, Day::from_number(today))
    }

    #[test]
    fn a_series_counts_once_a_day_for_its_tenant_alone() {
        let mut activity = Activity::default();
        for presence in [at(1, 10, 10), at(1, 10, 10), at(1, 9, 10)] {
            activity
                .admit(5, presence, Novelty::Returning, &Unlimited)
                .unwrap();
        }
        assert_eq!((active(&activity, 1, 10), active(&activity, 0, 10)), (1, 0));
        assert_eq!(active(&activity, 1, 11), 0);
        activity.count(6, at(1, 11, 11));
        assert_eq!(active(&activity, 1, 11), 1);
    }

    #[test]
    fn a_late_thread_at_midnight_does_not_turn_the_day_back() {
        let mut activity = Activity::default();
        activity.count(1, at(0, 11, 11));
        activity.count(2, at(0, 10, 10));
        assert_eq!(active(&activity, 0, 11), 1);
        activity.count(3, at(0, 5, 5));
        assert_eq!(active(&activity, 0, 5), 1, "the clock has been set back");
    }

    #[test]
    fn a_new_series_of_another_day_is_asked_for_but_not_counted() {
        let mut activity = Activity::default();
        activity
            .admit(1, at(0, 3, 11), Novelty::New, &Unlimited)
            .unwrap();
        assert_eq!(active(&activity, 0, 11), 0);
    }
}
