//! Recordings fed through the same functions that the engine uses.
