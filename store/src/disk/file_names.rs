//! Every on-disk name.
