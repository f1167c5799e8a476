//! Map files: patterns and the values they stand for.

/// A map, loaded. (To be filled by the converters' author.)
#[derive(Debug, Default)]
pub struct Map {}
