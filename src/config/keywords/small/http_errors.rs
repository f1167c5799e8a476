//! `http-errors`.

use super::super::entry::supported;
use super::super::lenient::extra_words;
use crate::config::args::{Args, shown};
use crate::config::keyword::{Keyword, Parse};
use crate::config::plan::{ErrorFile, Given, HttpErrors};
use crate::config::section::Sections;
use crate::config::value;

/// The statuses whose answers can be replaced (HAProxy 3.0, configuration.txt §4.2 "errorfile").
const STATUSES: &[u16] = &[
    200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503, 504,
];

fn errorfile(args: &mut Args<'_>, errors: &mut HttpErrors) {
    let Some(word) = args.word("a status and a file") else { return };
    let status = value::count(word).ok().and_then(|status| u16::try_from(status).ok());
    let Some(status) = status.filter(|status| STATUSES.contains(status)) else {
        let all: Vec<String> = STATUSES.iter().map(u16::to_string).collect();
        args.error(word.span, format!("no answer `{}` can be replaced", shown(word)))
            .label("expected the status of an answer that Koi gives itself")
            .help(format!("there are: {}", all.join(", ")));
        return;
    };
    let status = Given { value: status, span: word.span };
    let Some(word) = args.word("a file") else { return };
    let Some(content) = args.file(word) else { return };
    let path = Given { value: args.environment.path(word).into(), span: word.span };
    errors.files.push(ErrorFile { status, path, content: content.into() });
    extra_words(args);
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[supported(
    Sections::HTTP_ERRORS,
    "errorfile",
    "<status> <file>",
    "A whole response, in a file, instead of Koi's own of that status; an empty file: none at all.",
    "errorfile 503 /usr/local/etc/koi/503.http",
    Parse::HttpErrors(errorfile),
)];
