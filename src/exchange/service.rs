//! Who answers requests that are about Koi itself: the statistics page, metrics.
//!
//! In: a request that rules let through to it. Out: an answer, whole or in pieces. What is shown is
//! looked up by whoever made the [`Service`]; exchanges only carry it.

use std::rc::Rc;

use super::site::Site;
use crate::proto::head::View;
use crate::rules::answer::Answer;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// The statistics page.
    Page {
        /// The proxy that has it, an index into the plan.
        proxy: usize,
        /// Whether who asks may change things.
        admin: bool,
    },
    /// What `use-service` names.
    Named(&'a str),
}

/// A request.
pub struct Call<'a> {
    /// What it is about.
    pub subject: Subject<'a>,
    /// Its head, as rules left it.
    pub head: View<'a>,
    /// Its body, if it was a POST.
    pub body: &'a [u8],
    /// Whether it came by TLS.
    pub tls: bool,
    /// What the worker has.
    pub site: &'a Rc<Site>,
}

/// What answers it.
pub struct Reply {
    /// The head, and the body if it is short.
    pub answer: Answer,
    /// The body, if it comes in pieces.
    pub pieces: Option<Box<dyn Pieces>>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Reply {
        Reply { answer, pieces: None }
    }
}

/// A body that is made while it is sent.
pub trait Pieces {
    /// Adds the next piece, of a few kilobytes; whether there are more.
    fn next(&mut self, out: &mut Vec<u8>) -> bool;
}

/// Who answers.
pub trait Service: Send + Sync {
    /// The answer. It must not take long: other requests of the worker wait.
    fn answer(&self, call: &Call<'_>) -> Reply;
}
