//! Series: keys to ids, postings, disk runs.
