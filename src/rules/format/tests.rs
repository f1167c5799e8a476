use super::*;
use crate::config::report::Level;
use crate::rules::compiler::Scope;
use crate::rules::context::{RequestLine, TlsFacts};
use crate::rules::testing::World;

const HTTP: Use<'static> =
    Use { style: Style::Http, scope: Scope::REQUEST, place: "http-request rules" };
const TEXT: Use<'static> = Use { style: Style::Text, ..HTTP };
const LOG: Use<'static> = Use { style: Style::Log, scope: Scope::LOG, place: "log lines" };

fn format(world: &World, text: &str, of: Use<'_>) -> Format {
    let word = Word { verbatim: true, ..Word::synthetic(text) };
    let (format, report) = world.compile("", |_, compiler| Format::parse(&word, of, compiler));
    format.unwrap_or_else(|| panic!("{text}: {:?}", report.faults))
}

fn written(world: &World, text: &str, of: Use<'_>) -> String {
    let bytes = format(world, text, of).bytes(&world.context()).into_owned();
    String::from_utf8(bytes).expect("text")
}

/// The messages, and what bytes of the word they point at.
fn faults(text: &str, of: Use<'_>) -> Vec<(Level, String, Range<u32>)> {
    let span = Span { end: text.len() as u32, ..Span::default() };
    let word = Word { text: text.into(), span, verbatim: true };
    let world = World::request("GET / HTTP/1.1\n");
    let (_, report) = world.compile("", |_, compiler| Format::parse(&word, of, compiler));
    let place = |span: Option<Span>| span.map(|it| it.start..it.end).unwrap_or(0..0);
    report.faults.into_iter().map(|it| (it.level, it.message, place(it.span))).collect()
}

use std::ops::Range;

fn world() -> World {
    World::request("GET /a/b?x=1 HTTP/1.1\nHost: Ex.com\nX-Quote: a\"b]c\n")
        .plan("frontend web\nbackend b\n")
}

#[test]
fn text_stays_and_percent_signs_are_doubled() {
    let format = format(&world(), "a  b%%c", HTTP);
    assert_eq!(format.constant(), Some("a  b%c"));
    assert_eq!(written(&world(), "A%.ciB%)C", HTTP), "A.ciB)C");
    assert_eq!(Format::literal(&Word::synthetic("%[x")).constant(), Some("%[x"));
    assert_eq!(written(&world(), "", HTTP), "");
}

#[test]
fn aliases_give_what_is_known() {
    let text = "%HM %HU %HP %HPO %HQ %HV|%ci %cp %fi %fp|%f %b %s %ST|%Ts %ms %T|%ac %rt";
    assert_eq!(
        written(&world(), text, HTTP),
        "GET /a/b?x=1 /a/b /a/b ?x=1 HTTP/1.1|192.0.2.1 40000 198.51.100.1 80|web web <NOSRV> -1|\
         1700000000 000 14/Nov/2023:22:13:20 +0000|11 0"
    );
    let tls = TlsFacts { version: "TLSv1.3".into(), ..TlsFacts::default() };
    assert_eq!(written(&world().tls(tls), "%ft %sslv", HTTP), "web~ TLSv1.3");
    assert_eq!(written(&world(), "[%si][%sslv][%ts]", LOG), "[-][-][--]");
    assert_eq!(written(&world(), "[%si][%sslv][%ts]", HTTP), "[][][--]");
}

#[test]
fn options_quote_escape_and_count_in_hexadecimal() {
    // All of this as HAProxy 3.0.11 answers it.
    assert_eq!(written(&world(), "%{+Q}HM %{+Q}cp %{+Q}ci", HTTP), "\"GET\" 40000 \"192.0.2.1\"");
    assert_eq!(written(&world(), "%{+Q}[hdr(host)]", HTTP), "Ex.com");
    assert_eq!(written(&world(), "%{+Q}[hdr(host)]", TEXT), "\"Ex.com\"");
    assert_eq!(written(&world(), "%{+E}[hdr(x-quote)]", HTTP), "a\\\"b\\]c");
    assert_eq!(written(&world(), "%{+X}ci %{+X}cp %{+X}Ts", HTTP), "C0000201 9C40 6553F100");
    assert_eq!(written(&world(), "%{+Q}o%HM %{-Q}HM", HTTP), "\"GET\" GET");
    assert_eq!(written(&world(), "%{+Q}si %{+X}si %{+Q,+X}si", LOG), "\"\" - \"\"");
}

#[test]
fn blanks_around_what_is_nothing_are_one() {
    // As HAProxy 3.0.11 logs it.
    assert_eq!(written(&world(), "  lead a  b %hr %hs c  %hr  d%hr %hs", LOG), "lead a b c d ");
    assert_eq!(
        written(&world(), "[%hr][%hs][%hrl][%hsl][%CC][%CS][%ID]", LOG),
        "[][][][][-][-][-]"
    );
    assert_eq!(
        written(&world(), "%{+Q}o[%hr][%CC][%ID][%sslc][%HM]", LOG),
        "[][\"\"][\"\"][\"\"][\"GET\"]"
    );
    assert_eq!(written(&world(), "a %hr b", TEXT), "a  b");
}

#[test]
fn captures_are_escaped_and_quoted() {
    let mut world = World::request("GET / HTTP/1.1\n").plan(
        "frontend f\n bind :1\n capture request header Host len 10\n \
         capture request header None len 10\n capture request header User-Agent len 20\n",
    );
    let kept = |text: &[u8]| Some(text.into());
    world.exchange.request_captures = vec![kept(b"ex.com"), None, kept(b"u{a}|\"b#\x01")];
    let text = "%hr %hrl %{+Q}hrl %{+Q}hr";
    let escaped = "u#7Ba#7D#7C#22b#23#01";
    assert_eq!(
        written(&world, text, LOG),
        format!(
            "{{ex.com||{escaped}}} ex.com - {escaped} \"ex.com\" \"\" \"{escaped}\" \
             \"{{ex.com||{escaped}}}\""
        )
    );
    // Declared, but nothing came yet.
    world.exchange.request_captures = Vec::new();
    assert_eq!(written(&world, "%hr %{+Q}hrl", LOG), "{||} \"\" \"\" \"\"");
}

#[test]
fn timers_and_the_end_are_told() {
    let mut world = World::request("GET /x HTTP/1.1\n").plan("frontend f\n bind :1\n");
    let exchange = &mut world.exchange;
    exchange.times.accepted = Some(1_000_000);
    exchange.times.greeted = Some(1_002_000);
    exchange.times.begun = Some(1_005_000);
    exchange.times.requested = Some(1_009_000);
    exchange.times.ended = Some(1_100_000);
    exchange.bytes_out = 217;
    exchange.status = Some(503);
    let text = "%Th/%Ti/%TR/%Tw/%Tc/%Tr/%Td/%Ta/%Tt/%Tu/%Tq %ST %ts %tsc %B %{+Q}B %{+X}B %lc";
    let said = "2/3/4/-1/-1/-1/-1/95/100/97/9 503 -- ---- 217 217 217 0";
    assert_eq!(written(&world, text, LOG), said);
    let world = world.plan("frontend f\n bind :1\n option logasap\n");
    assert_eq!(written(&world, "%Ta %Tt %Tu %B %Td %{+Q}Ta", LOG), "+95 +100 +97 +217 -1 +95");
    let world = World::new().plan("frontend f\n");
    assert_eq!(
        written(&world, "%{+Q}r %HM %HU %HV", LOG),
        "\"<BADREQ>\" <BADREQ> <BADREQ> <BADREQ>"
    );
}

#[test]
fn what_is_ours_is_never_in_quotes() {
    let world = World::request("GET / HTTP/1.1\n").plan("frontend f\n bind :1\n");
    let text = "%{+Q}o%T %ts %tsc %B %rc %f";
    assert_eq!(written(&world, text, LOG), "14/Nov/2023:22:13:20 +0000 -- ---- 0 0 \"f\"");
}

#[test]
fn captures_are_a_list_in_json() {
    let mut world = World::request("GET / HTTP/1.1\n").plan(
        "frontend f\n bind :1\n capture request header A len 9\n \
         capture request header B len 9\n",
    );
    world.exchange.request_captures = vec![Some(b"a\"b"[..].into()), None];
    let text = "%{+json}o %(a)hrl %(b)hsl %(c)hr";
    assert_eq!(written(&world, text, LOG), r#"{"a": ["a#22b", "-"], "b": null, "c": "{a#22b|}"}"#);
}

#[test]
fn later_requests_have_dates_of_their_own() {
    let mut world = world();
    world.exchange.number = 1;
    world.exchange.started_us = 1_700_000_005_250_000;
    world.exchange.times.accepted = Some(70_000_000);
    world.exchange.times.begun = Some(71_000_000);
    assert_eq!(
        written(&world, "%Ts.%ms %{+X}ms %T %trg", LOG),
        "1700000004.250 FA 14/Nov/2023:22:13:24 +0000 14/Nov/2023:22:13:25 +0000"
    );
}

#[test]
fn a_value_cannot_begin_a_line() {
    let world = world();
    world.variables.set("txn.x", Value::string(b"a\nb\r\x1b\xe9#".to_vec()));
    let mut out = Vec::new();
    format(&world, "%[var(txn.x)]", LOG).write(&world.context(), &mut out);
    assert_eq!(out, b"a#0Ab#0D#1B\xe9#");
}

#[test]
fn names_make_json() {
    let text = "%{+json}o %(m)HM text %(p)cp %(q:str)cp %(n)[hdr(none)] %HU %(x)[hdr(x-quote)]";
    assert_eq!(
        written(&world(), text, TEXT),
        r#"{"m": "GET", "p": 40000, "q": "40000", "n": "", "x": "a\"b]c"}"#
    );
    assert_eq!(written(&world(), "%(m){+json}HM", TEXT), "\"GET\"");
    assert_eq!(written(&world(), "%{+json}o%(m)HM", HTTP), "GET");
}

#[test]
fn control_characters_do_not_reach_fields() {
    let mut world = world();
    world.variables.set("txn.x", Value::string(b"a\x01b\tc\x7fd\re".to_vec()));
    world.exchange.line = Some(RequestLine::new(b"GET", b"/\x01\"#\xe9", "1.1"));
    let mut out = Vec::new();
    format(&world, "%HU", HTTP).write(&world.context(), &mut out);
    assert_eq!(out, b"/#01#22#23#E9");
}

#[test]
fn faults_point_at_their_bytes() {
    let error = |text: &str, of| -> (String, Range<u32>) {
        let mut all = faults(text, of);
        all.retain(|it| it.0 == Level::Error);
        assert_eq!(all.len(), 1, "{text}: {all:?}");
        let (_, message, place) = all.remove(0);
        (message, place)
    };
    let said = |message: &str, place| (message.to_owned(), place);
    assert_eq!(error("100%", HTTP), said("this `%` begins no item", 3..4));
    assert_eq!(error("% x", HTTP), said("this `%` begins no item", 0..1));
    assert_eq!(error("a%cii", HTTP), said("there is no item `%cii`", 2..5));
    assert_eq!(error("%[src", HTTP), said("this `[` is never closed", 1..2));
    assert_eq!(error("%[src ]", HTTP), said("unexpected ` ` in the expression", 5..6));
    assert_eq!(error("x%[srk]", HTTP), said("unknown fetch `srk`", 3..6));
    assert_eq!(error("%{+Q", HTTP), said("this `{` is never closed", 1..2));
    assert_eq!(error("%{+Q} ci", HTTP).1, 0..5);
    assert_eq!(error("%(n:int)ci", HTTP), said("`int` is no type of an item", 4..7));
    assert_eq!(error("%(a b)ci", HTTP).1, 3..4);
    assert_eq!(error("%(a", HTTP), said("this `(` is never closed", 1..2));
    assert_eq!(error("%[hdr(a)]", LOG).1, 2..8);
    let odd = faults("%{+Z,Q}ci", HTTP);
    assert_eq!(odd.iter().map(|it| it.2.clone()).collect::<Vec<_>>(), [2..4, 5..6]);
}

#[test]
fn every_alias_can_be_written() {
    let world = world();
    let mut names: Vec<&str> = alias::names().collect();
    for name in &names {
        for of in [HTTP, TEXT, LOG] {
            written(&world, &format!("%{{+X,+Q,+E}}{name}"), of);
        }
    }
    names.dedup();
    assert_eq!(names.len(), alias::ALIASES.len());
}
