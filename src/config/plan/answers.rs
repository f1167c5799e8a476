//! What Koi answers itself when something goes wrong.

use super::Given;
use crate::config::source::Span;

/// A line that replaces an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The whole line.
    pub span: Span,
    /// Instead of which statuses.
    pub statuses: Statuses,
    /// What comes instead.
    pub answer: Answer,
}

/// Which statuses an [`ErrorAnswer`] is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statuses {
    /// All that the `http-errors` section has.
    All,
    /// These.
    Some(Vec<Given<u16>>),
}

/// What comes instead of an answer of Koi's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `errorfile`: a whole response, read from a file.
    File {
        /// Its name.
        path: Given<Box<str>>,
        /// What it says.
        response: StoredResponse,
    },
    /// `errorfiles`: the answers of this `http-errors` section.
    Section(Given<Box<str>>),
    /// `errorloc`, `errorloc302`, `errorloc303`: a redirection.
    Redirect {
        /// 302 or 303.
        status: u16,
        /// Where to.
        location: Given<Box<str>>,
    },
}

/// A response that a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredResponse {
    /// The file is empty: the connection closes without a word.
    Silence,
    /// The response.
    Response {
        /// The status of its first line.
        status: u16,
        /// The reason behind it, which may be empty.
        reason: Box<[u8]>,
        /// The fields, in the file's order; lengths and connection handling are left out, since
        /// they are made anew.
        fields: Vec<(Box<str>, Box<[u8]>)>,
        /// What follows.
        body: Box<[u8]>,
    },
}
