//! `stats ...`: the statistics page of a proxy.
//!
//! A proxy with a `stats` line of its own takes over nothing from the `stats` lines of its
//! `defaults`, as in HAProxy. Passwords may be among what is dropped, so this is told.

use super::common::{
    SERVING, condition, here, in_section, row, rule_line, set, surplus, text, word,
};
use crate::config::advice;
use crate::config::args::Args;
use crate::config::keyword::Keyword;
use crate::config::plan::{Given, Proxy, StatsPage, StatsUser};
use crate::config::section::Sections;

/// The page that a line of this section adds to.
fn page<'p>(args: &mut Args<'_>, proxy: &'p mut Proxy) -> &'p mut StatsPage {
    let span = args.keyword_span();
    let inherited = proxy.settings.stats.as_ref().filter(|page| !in_section(proxy.span, page.span));
    if let Some(inherited) = inherited {
        let message = "this line drops the `stats` lines that `defaults` gave this proxy";
        let related = inherited.auth.first().map_or(inherited.span, |user| user.span);
        let fault = args.report.advise(&advice::STATS_WITHOUT_DEFAULTS, span, message);
        fault.label("from here on only the `stats` lines of this section hold");
        fault.also(related, "this no longer holds here");
        fault.help("repeat them here, passwords above all, or write none here");
        proxy.settings.stats = None;
    }
    proxy.settings.stats.get_or_insert_with(|| StatsPage { span, ..StatsPage::default() })
}

fn uri(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(uri) = text(args, "a path") else { return args.skip() };
    surplus(args);
    let header = proxy.span;
    let page = page(args, proxy);
    set(args, header, &mut page.uri, uri);
}

fn realm(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(realm) = text(args, "a realm") else { return args.skip() };
    surplus(args);
    let header = proxy.span;
    let page = page(args, proxy);
    set(args, header, &mut page.realm, realm);
}

fn auth(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(word) = word(args, "a user and password, like alice:secret") else {
        return args.skip();
    };
    surplus(args);
    let (name, password) = word.split_once(':').unwrap_or((&word.text, ""));
    if password.is_empty() {
        args.report
            .advise(&advice::STATS_PASSWORD, word.span, "this user has no password")
            .label("a colon and a password are missing");
    }
    let value = StatsUser { name: name.into(), password: password.into() };
    page(args, proxy).auth.push(Given { value, span: word.span });
}

fn scope(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(name) = text(args, "a proxy's name, or `.`") else { return args.skip() };
    surplus(args);
    page(args, proxy).scope.push(name);
}

fn refresh(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(time) = args.long_seconds("a time") else { return args.skip() };
    surplus(args);
    let header = proxy.span;
    let page = page(args, proxy);
    set(args, header, &mut page.refresh, time);
}

fn show_node(args: &mut Args<'_>, proxy: &mut Proxy) {
    let name = args.take().map(|word| word.text.clone());
    surplus(args);
    let node = here(args, name);
    let header = proxy.span;
    let page = page(args, proxy);
    set(args, header, &mut page.show_node, node);
}

/// All words are the description.
fn show_description(args: &mut Args<'_>, proxy: &mut Proxy) {
    let words: Vec<&str> = args.rest().iter().map(|word| &*word.text).collect();
    let description = (!words.is_empty()).then(|| words.join(" ").into());
    let description = here(args, description);
    let header = proxy.span;
    let page = page(args, proxy);
    set(args, header, &mut page.show_description, description);
}

fn admin(args: &mut Args<'_>, proxy: &mut Proxy) {
    if condition(args) {
        page(args, proxy);
        proxy.rules.stats.push(rule_line(args));
    }
}

fn http_request(args: &mut Args<'_>, proxy: &mut Proxy) {
    if args.peek().is_none() {
        args.missing("an action");
        return;
    }
    page(args, proxy);
    proxy.rules.stats.push(rule_line(args));
}

/// A line that only switches something on.
const fn flag(
    name: &'static str,
    about: &'static str,
    parse: fn(&mut Args<'_>, &mut Proxy),
) -> Keyword {
    row(name, Sections::PROXIES, "", about, name, parse)
}

const fn line(
    name: &'static str,
    sections: Sections,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Args<'_>, &mut Proxy),
) -> Keyword {
    row(name, sections, syntax, about, example, parse)
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    flag("stats enable", "Shows the statistics page.", |args, proxy| {
        surplus(args);
        page(args, proxy);
    }),
    flag("stats hide-version", "Leaves the version out of the page.", |args, proxy| {
        surplus(args);
        page(args, proxy).hide_version = true;
    }),
    flag("stats show-legends", "Shows more about each row of the page.", |args, proxy| {
        surplus(args);
        page(args, proxy).show_legends = true;
    }),
    flag("stats show-modules", "Shows what protocols and modules count.", |args, proxy| {
        surplus(args);
        page(args, proxy).show_modules = true;
    }),
    line(
        "stats show-node",
        Sections::PROXIES,
        "[<name>]",
        "Shows a name of the machine; the host's if none is given.",
        "stats show-node",
        show_node,
    ),
    line(
        "stats show-desc",
        Sections::PROXIES,
        "[<text>]...",
        "Shows a description; that of `global` if none is given.",
        "stats show-desc main proxy",
        show_description,
    ),
    line(
        "stats uri",
        Sections::PROXIES,
        "<path>",
        "Where the page is; /haproxy?stats if not said.",
        "stats uri /stats",
        uri,
    ),
    line(
        "stats realm",
        Sections::PROXIES,
        "<realm>",
        "What a browser shows when it asks for a password.",
        "stats realm statistics",
        realm,
    ),
    line(
        "stats auth",
        Sections::PROXIES,
        "<user>:<password>",
        "Lets only these users see the page.",
        "stats auth alice:secret",
        auth,
    ),
    line(
        "stats scope",
        Sections::PROXIES,
        "{ <proxy> | . }",
        "Shows only these proxies; a dot is the proxy itself.",
        "stats scope .",
        scope,
    ),
    line(
        "stats refresh",
        Sections::PROXIES,
        "<time>",
        "How often the page reloads itself, in seconds or with a unit.",
        "stats refresh 10s",
        refresh,
    ),
    line(
        "stats admin",
        SERVING,
        "{ if | unless } <condition>",
        "Who may change servers on the page.",
        "stats admin if LOCALHOST",
        admin,
    ),
    line(
        "stats http-request",
        SERVING,
        "<action> [<arguments>]... [{ if | unless } <condition>]",
        "A rule for requests of the page: allow, deny, auth.",
        "stats http-request deny unless LOCALHOST",
        http_request,
    ),
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::common::testing::{advice_in, bad, bad_in, good, plan};

    #[test]
    fn a_page_and_its_rules() {
        let proxy = good(
            "stats enable\nstats uri /r\nstats refresh 30\nstats auth a:b:c\nstats scope .\n\
             stats show-desc one two\nstats hide-version\nstats admin if TRUE",
        );
        let page = proxy.settings.stats.expect("given");
        assert_eq!(page.uri.as_ref().map(|uri| &*uri.value), Some("/r"));
        assert_eq!(page.refresh.map(|time| time.value), Some(Duration::from_secs(30)));
        assert_eq!((&*page.auth[0].name, &*page.auth[0].password), ("a", "b:c"));
        assert_eq!(page.show_description.and_then(|text| text.value).as_deref(), Some("one two"));
        assert!(page.hide_version);
        assert_eq!(proxy.rules.stats[0].keyword, "stats admin");
        assert!(!format!("{:?}", page.auth).contains("b:c"));
    }

    #[test]
    fn an_own_line_drops_the_inherited_ones() {
        let text = "defaults\nstats auth a:b\nfrontend f\nfrontend g\nstats uri /x\nstats enable\n";
        let (plan, report) = plan(text);
        let page = |index: usize| plan.proxies[index].settings.stats.clone().expect("a page");
        assert_eq!(page(0).auth.len(), 1);
        assert_eq!(page(1).auth.len(), 0);
        let names: Vec<_> = report.faults.iter().filter_map(|fault| fault.advice).collect();
        assert_eq!(names, ["stats-defaults"]);
    }

    #[test]
    fn faults_point_at_the_word() {
        assert_eq!(bad("stats uri"), [""]);
        assert_eq!(bad("stats refresh soon"), ["soon"]);
        assert_eq!(bad("stats refresh 99999999999"), ["99999999999"]);
        assert_eq!(bad("stats admin LOCALHOST"), ["LOCALHOST"]);
        assert_eq!(bad("stats admin"), [""]);
        assert_eq!(bad("stats http-request"), [""]);
        assert_eq!(bad("stats socket /x"), ["stats socket"]);
        assert_eq!(bad_in("defaults", "stats admin if TRUE"), ["stats admin"]);
        assert_eq!(advice_in("listen l", "stats auth abc"), ["stats-password"]);
        assert_eq!(advice_in("listen l", "stats enable now"), ["extra-words"]);
    }
}
