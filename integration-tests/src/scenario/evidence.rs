//! What came of all scenarios, as data that is committed.
