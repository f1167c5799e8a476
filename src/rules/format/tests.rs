use super::*;
use crate::config::report::Level;
use crate::rules::compiler::Scope;
use crate::rules::context::TlsFacts;
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
    assert_eq!(written(&world(), "[%si][%sslv][%ts]", LOG), "[-][-][-]");
    assert_eq!(written(&world(), "[%si][%sslv][%ts]", HTTP), "[][][]");
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
    assert_eq!(written(&world(), "%{+Q}si", LOG), "\"-\"");
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
    world.exchange.line.as_mut().expect("a line").target = (*b"/\x01\"#\xe9").into();
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
