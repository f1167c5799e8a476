//! Cookies with moments in them, and those that are made of servers' addresses, as HAProxy makes them. (All
//! others are compared in `side_by_side/cookies.txt`.)

use super::beside::{Side, sides};
use std::time::{SystemTime, UNIX_EPOCH};

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A moment so many seconds from now, as cookies have it.
fn moment(offset_s: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let quarters = now.checked_add_signed(offset_s).expect("a moment") >> 2;
    let digit = |place: u32| {
        char::from(DIGITS[usize::try_from(quarters >> (6 * place) & 63).expect("a digit")])
    };
    (0..5).rev().map(digit).collect()
}

/// The same with every moment near now written as `now`.
fn without_moments(text: &str) -> String {
    let mut text = text.to_owned();
    for offset in -150..60 {
        text = text.replace(&format!("|{}", moment(offset)), "|now");
    }
    text
}

/// Cookies that clients may have now.
fn cookies(now: &str) -> [String; 10] {
    [
        "x=1".to_owned(),
        "SRV=sb".to_owned(),
        format!("SRV=sb|{now}"),
        format!("SRV=sb|{now}|{now}"),
        format!("SRV=sb|{}", moment(-60)),
        format!("SRV=sb|{}|{}", moment(-60), moment(-60)),
        format!("SRV=sb|{}", moment(-3600)),
        format!("SRV=sb|{}|{}", moment(-60), moment(-9 * 3600)),
        format!("SRV=sb|{}", moment(2 * 86_400)),
        format!("SRV=sb|{}", moment(3600)),
    ]
}

/// What becomes of each cookie in each backend, and of one that was set before.
fn tell(side: &Side, kinds: &[&str], cookies: &[String]) -> Vec<String> {
    let mut client = side.client();
    let mut told = Vec::new();
    for (number, kind) in kinds.iter().enumerate() {
        let mut last = String::new();
        for cookie in cookies.iter().chain([&"again".to_owned()]) {
            let cookie = if cookie == "again" { last.clone() } else { cookie.clone() };
            let request = format!("GET /{number}/ HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\n\r\n");
            let answer = client.ask(&request);
            let value = |name| answer.value(name).unwrap_or("-").to_owned();
            let (server, set, got) = (value("x-srv"), value("set-cookie"), value("x-got"));
            if let Some((pair, _)) = set.split_once(';') {
                last = pair.to_owned();
            }
            let line = format!("{kind} {cookie}: {server} {set} {}", got.contains("SRV="));
            told.push(without_moments(&line));
        }
    }
    told
}

#[test]
fn moments_and_addresses_in_cookies_are_as_haproxys() {
    let kinds = [
        "insert indirect maxidle 30m",
        "insert indirect maxlife 8h",
        "insert indirect maxidle 30m maxlife 8h",
        "insert indirect",
        "insert indirect dynamic",
    ];
    let mut text = String::from(
        "global\nnbthread 1\ndefaults\nmode http\ntimeout connect 5s\ntimeout client 30s\n\
         timeout server 30s\nfrontend f\nbind 127.0.0.1:@port@\n\
         http-after-response set-header x-srv %[srv_name]\nuse_backend b%[path,field(2,/)]\n",
    );
    for (number, kind) in kinds.iter().enumerate() {
        let named = if kind.contains("dynamic") { ["", ""] } else { ["cookie sa", "cookie sb"] };
        text += &format!(
            "backend b{number}\nbalance first\ncookie SRV {kind}\ndynamic-cookie-key secret\n\
             server a 127.0.0.1:@origin@ {}\nserver b 127.0.0.2:@origin@ {}\n",
            named[0], named[1]
        );
    }
    let sides = sides(&text);
    // A moment lasts four seconds; what is compared has to happen within one.
    let told = (0..50)
        .find_map(|_| {
            let now = moment(0);
            let told: Vec<_> =
                sides.iter().map(|side| tell(side, &kinds, &cookies(&now))).collect();
            (moment(0) == now).then_some(told)
        })
        .expect("one moment that is long enough");
    let ours = &told[0];
    assert!(ours.iter().any(|it| it.contains("SRV=sa|now|now; path=/")), "{ours:#?}");
    let dynamic = ours.last().expect("a line");
    assert!(dynamic.ends_with("a - false"), "what was set is known again: {dynamic}");
    for (ours, theirs) in ours.iter().zip(told.get(1).into_iter().flatten()) {
        assert_eq!(ours, theirs);
    }
}
