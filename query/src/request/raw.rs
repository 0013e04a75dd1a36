//! A request as texts, before anything is checked.

use crate::rate::RateOptions;

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the switches of the wire")]
pub(super) struct RawQuery {
    /// Whose words an error takes.
    pub(super) is_json: bool,
    pub(super) start: Option<String>,
    pub(super) end: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) sub_queries: Vec<RawSubQuery>,
    pub(super) use_calendar: bool,
    pub(super) ms_resolution: bool,
    pub(super) arrays: bool,
    pub(super) show_tsuids: bool,
    pub(super) show_query: bool,
    pub(super) show_stats: bool,
    pub(super) show_summary: bool,
    pub(super) delete: bool,
}

/// Two with the same texts are the same sub-query: its `Debug` form is compared.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the switches of the wire")]
pub(super) struct RawSubQuery {
    pub(super) aggregator: Option<String>,
    pub(super) metric: Option<String>,
    pub(super) tsuids: Vec<String>,
    pub(super) downsample: Option<String>,
    pub(super) rate: bool,
    pub(super) rate_options: Option<RateOptions>,
    pub(super) filters: Vec<RawFilter>,
    pub(super) explicit_tags: bool,
    pub(super) rollup_usage: Option<String>,
    pub(super) pre_aggregate: bool,
    pub(super) percentiles: Vec<String>,
    pub(super) show_histogram_buckets: bool,
}

#[derive(Debug, Default)]
pub(super) struct RawFilter {
    pub(super) key: String,
    pub(super) text: String,
    /// Absent where the text itself may name the type.
    pub(super) kind: Option<String>,
    pub(super) group_by: bool,
    pub(super) place: Place,
}

/// Where a filter stood, for the words of an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    #[default]
    Json,
    FirstBraces,
    SecondBraces,
}
