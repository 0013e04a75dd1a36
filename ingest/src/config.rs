//! ingest.yaml.
