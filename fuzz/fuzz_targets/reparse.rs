//! What Koi sends is what it read. Any bytes are taken for requests, one behind the other, and for
//! responses; each that is accepted goes the whole way to outgoing bytes: as it is, through rules that do
//! to it whatever its own fields say (`site`), and with a field of any bytes added. The oracle of the
//! tests, which is strict and shares nothing with Koi, must find the same messages in what goes out, no
//! more and no fewer, for the same host, with the same bodies; of what is refused it finds nothing whole.
//!
//! The first byte says what the responses answer: `0`, `1` (HEAD), `2` (an upgrade), `8` (as asked by a
//! client of HTTP/1.0), `p` and `q`: a rule made HEAD of GET, or GET of HEAD.
#![no_main]

#[path = "h1/mod.rs"]
mod h1;
#[path = "reparse/onward.rs"]
mod onward;
#[path = "reparse/requests.rs"]
mod requests;
#[path = "reparse/responses.rs"]
mod responses;
#[allow(dead_code, reason = "only its counters are used")]
#[path = "../../tests/common/rules.rs"]
mod rules;
#[path = "reparse/site.rs"]
mod site;

use koi::proto::head::Version;
use onward::Change;
use responses::Client;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&choice, stream)) = input.split_first() else { return };
    let (asked, sent) = (h1::asked(choice & 3), h1::asked(choice & 3 ^ choice >> 6 & 1));
    let version = if choice & 8 == 0 { Version::Http11 } else { Version::Http10 };
    for change in [Change::None, Change::Rules, Change::Field] {
        requests::check(stream, change);
        responses::check(stream, Client { asked, sent, version }, change);
    }
});
