//! Stories against a real server process or a real cluster.
