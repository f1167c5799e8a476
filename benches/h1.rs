//! What reading a head costs, beside httparse; and what passing it on costs: so many times.
//!
//! `benches/h1.py` runs it under callgrind and prints instructions.
//!
//! ```text
//! h1 --work koi|httparse|prepare|encode --head curl|browser|server --times 1000
//! ```
//! `prepare` is `koi` and what makes the head fit for rules, `encode` is those and writing it. Prints
//! the number of fields.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::process::ExitCode;

use koi::proto::h1::encode::{self, ConnectionField, Outgoing};
use koi::proto::h1::request;
use koi::proto::h1::response::{self, Asked};
use koi::proto::h1::{Framing, Limits, Scan};
use koi::proto::head::Field;

const USAGE: &str =
    "usage: h1 --work koi|httparse|prepare|encode --head curl|browser|server --times N";

const CURL: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: www.example.org\r\n\
User-Agent: curl/8.17.0\r\nAccept: */*\r\n\r\n";

const BROWSER: &[u8] =
    b"GET /shop/catalogue/shoes?colour=blue&size=44&sort=price&page=3 HTTP/1.1\r\n\
Host: shop.example.org\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Accept-Language: de,en-US;q=0.7,en;q=0.3\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Referer: https://shop.example.org/shop/catalogue/shoes?colour=blue&size=44&page=2\r\n\
DNT: 1\r\n\
Connection: keep-alive\r\n\
Cookie: session=7d1f0b8ac2e94f55b3c6a1e0d9f84b27; consent=necessary.statistics; \
_ga=GA1.2.1374906271.1795478400; basket=eyJpdGVtcyI6W3sic2t1IjoiQTEyMyIsIm4iOjF9XX0; theme=dark\r\n\
Upgrade-Insecure-Requests: 1\r\n\
Sec-Fetch-Dest: document\r\n\
Sec-Fetch-Mode: navigate\r\n\
Sec-Fetch-Site: same-origin\r\n\
Sec-Fetch-User: ?1\r\n\
Priority: u=0, i\r\n\r\n";

const SERVER: &[u8] = b"HTTP/1.1 200 OK\r\n\
Date: Tue, 24 Nov 2026 00:00:00 GMT\r\n\
Server: nginx/1.29.4\r\n\
Content-Type: text/html; charset=utf-8\r\n\
Content-Length: 12345\r\n\
Last-Modified: Mon, 23 Nov 2026 12:00:00 GMT\r\n\
ETag: \"5f7a1c2b-3039\"\r\n\
Cache-Control: max-age=600, public\r\n\
Vary: Accept-Encoding\r\n\
Accept-Ranges: bytes\r\n\r\n";

/// Room for a head.
const ROOM: usize = 16 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let get = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let times = get("--times").and_then(|text| text.parse::<usize>().ok());
    let (Some(work), Some(head), Some(times)) = (get("--work"), get("--head"), times) else {
        // `cargo test --benches` runs this without arguments.
        eprintln!("{USAGE}");
        return ExitCode::SUCCESS;
    };
    let (bytes, is_request) = match head {
        "curl" => (CURL, true),
        "browser" => (BROWSER, true),
        "server" => (SERVER, false),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let fields = match (work, is_request) {
        ("httparse", true) => repeat(times, || theirs_request(black_box(bytes))),
        ("httparse", false) => repeat(times, || theirs_response(black_box(bytes))),
        (_, true) => ours_request(bytes, work, times),
        (_, false) => ours_response(bytes, work, times),
    };
    match fields {
        Some(fields) => println!("{fields}"),
        None => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

/// What `read` gives, if it always gives the same.
fn repeat(times: usize, mut read: impl FnMut() -> Option<usize>) -> Option<usize> {
    let first = read()?;
    (1..times).all(|_| read() == Some(first)).then_some(first)
}

fn theirs_request(bytes: &[u8]) -> Option<usize> {
    let mut room = [MaybeUninit::uninit(); 100];
    let mut request = httparse::Request::new(&mut []);
    let done = request.parse_with_uninit_headers(bytes, &mut room).ok()?;
    black_box(&request);
    done.is_complete().then_some(request.headers.len())
}

fn theirs_response(bytes: &[u8]) -> Option<usize> {
    let mut room = [MaybeUninit::uninit(); 100];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let done = config.parse_response_with_uninit_headers(&mut response, bytes, &mut room).ok()?;
    black_box(&response);
    done.is_complete().then_some(response.headers.len())
}

fn ours_request(bytes: &[u8], work: &str, times: usize) -> Option<usize> {
    let (limits, mut fields, mut out) = (Limits::default(), Vec::new(), vec![0; ROOM]);
    repeat(times, || {
        let bytes = black_box(bytes);
        let recycled = emptied(&mut fields);
        let mut request = request::parse(bytes, &mut Scan::default(), &limits, recycled).ok()??;
        if work != "koi" {
            black_box(request::prepare(&mut request, bytes));
        }
        black_box(&request);
        if work == "encode" {
            let view = request.head.view(bytes);
            encode::request(view, &going(request.framing), &mut out).ok()?;
            black_box(&out);
        }
        fields = std::mem::take(&mut request.head.fields);
        Some(fields.len())
    })
}

fn ours_response(bytes: &[u8], work: &str, times: usize) -> Option<usize> {
    let (limits, mut fields, mut out) = (Limits::default(), Vec::new(), vec![0; ROOM]);
    repeat(times, || {
        let bytes = black_box(bytes);
        let recycled = emptied(&mut fields);
        let asked = Asked::default();
        let mut scan = Scan::default();
        let mut response = response::parse(bytes, &mut scan, &limits, asked, recycled).ok()??;
        black_box(&response);
        if work == "encode" {
            let view = response.head.view(bytes);
            encode::response(view, &going(response.framing), &mut out).ok()?;
            black_box(&out);
        }
        fields = std::mem::take(&mut response.head.fields);
        Some(fields.len())
    })
}

/// The vector of the last head, as an exchange recycles it.
fn emptied(fields: &mut Vec<Field>) -> Vec<Field> {
    let mut fields = std::mem::take(fields);
    fields.clear();
    fields
}

fn going(framing: Framing) -> Outgoing<'static> {
    Outgoing { framing, length_field: None, connection: ConnectionField::None }
}
