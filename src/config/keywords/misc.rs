//! What a proxy is: its mode, number, description, where it sends what no rule sends elsewhere.

use super::common::{SERVING, row, set, surplus, text, word};
use crate::config::args::Args;
use crate::config::keyword::{Feature, Keyword};
use crate::config::plan::{Given, Mode, Proxy, StateFile};
use crate::config::section::Sections;

fn mode(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(word) = args.word("`tcp`, `http` or `log`") else { return };
    let value = match &*word.text {
        "tcp" => Mode::Tcp,
        "http" => Mode::Http,
        "log" => Mode::Log,
        "health" => {
            args.error(word.span, "`mode health` is no more")
                .help("write `mode http` and `http-request return status 200`");
            return args.skip();
        }
        _ => {
            args.unknown(word, "a mode", ["tcp", "http", "log"]);
            return args.skip();
        }
    };
    if value == Mode::Log {
        args.later(Feature::Logs, word.span);
    }
    set(args, proxy.span, &mut proxy.mode, Given { value, span: word.span });
}

fn id(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(id) = args.number("a number", 1..=i32::MAX as u32) else { return args.skip() };
    set(args, proxy.span, &mut proxy.settings.id, id);
}

fn guid(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(word) = word(args, "a name") else { return args.skip() };
    surplus(args);
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if let Some(at) = word.find(|c| !legal(c)) {
        let length = word[at..].chars().next().map_or(1, char::len_utf8);
        args.error(word.part(at..at + length), "this character cannot stand in a guid")
            .label("letters, digits, and - _ . : can");
        return;
    }
    if word.len() > GUID_MAX {
        args.error(word.span, format!("a guid has at most {GUID_MAX} characters"));
        return;
    }
    let guid = Given { value: word.text.clone(), span: word.span };
    set(args, proxy.span, &mut proxy.settings.guid, guid);
}

/// How long a guid may be.
const GUID_MAX: usize = 127;

/// All words are the description.
fn description(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(first) = word(args, "a text") else { return args.skip() };
    let rest = args.rest();
    let last = rest.last().map_or(first.span, |word| word.span);
    let words: Vec<&str> = std::iter::once(first).chain(rest).map(|word| &*word.text).collect();
    let description = Given { value: words.join(" ").into(), span: first.span.to(last) };
    set(args, proxy.span, &mut proxy.description, description);
}

fn default_backend(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(name) = text(args, "a backend's name") else { return args.skip() };
    set(args, proxy.span, &mut proxy.front.default_backend, name);
}

fn state_file(args: &mut Args<'_>, proxy: &mut Proxy) {
    let choices =
        [("global", StateFile::Global), ("local", StateFile::Local), ("none", StateFile::None)];
    let Some(file) = args.one_of("`global`, `local` or `none`", &choices) else {
        return args.skip();
    };
    surplus(args);
    set(args, proxy.span, &mut proxy.back.state_file, file);
}

/// The name of a file, or nothing for the section's own name.
fn state_file_name(args: &mut Args<'_>, proxy: &mut Proxy) {
    let name = args.take().filter(|word| !matches!(&*word.text, "" | "use-backend-name"));
    surplus(args);
    proxy.back.state_file_name =
        name.map(|word| Given { value: word.text.clone(), span: word.span });
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "mode",
        Sections::PROXIES,
        "{ tcp | http | log }",
        "What passes: bytes, requests and responses, or log messages.",
        "mode http",
        mode,
    ),
    row("id", SERVING, "<number>", "The proxy's number in the statistics.", "id 7", id),
    row(
        "guid",
        SERVING,
        "<name>",
        "A name that nothing else in the configuration has.",
        "guid web-frontend",
        guid,
    ),
    row(
        "description",
        SERVING,
        "<text>...",
        "What the proxy is for; shown in the statistics.",
        "description shop of the company",
        description,
    ),
    row("disabled", Sections::PROXIES, "", "Does not start the proxy.", "disabled", |_, proxy| {
        proxy.disabled = true
    }),
    row(
        "enabled",
        Sections::PROXIES,
        "",
        "Starts the proxy although `defaults` says `disabled`.",
        "enabled",
        |_, proxy| proxy.disabled = false,
    ),
    row(
        "default_backend",
        super::common::FRONTS,
        "<backend>",
        "Where requests go that no `use_backend` rule sends elsewhere.",
        "default_backend web",
        default_backend,
    ),
    row(
        "load-server-state-from-file",
        super::common::BACKS,
        "{ global | local | none }",
        "Where the servers' state at the last run is read from.",
        "load-server-state-from-file none",
        state_file,
    ),
    row(
        "server-state-file-name",
        super::common::BACKS,
        "[{ <file> | use-backend-name }]",
        "The file with the state of this section's servers.",
        "server-state-file-name web.state",
        state_file_name,
    ),
];

#[cfg(test)]
mod tests {
    use super::super::common::testing::{advice_in, bad, bad_in, good};
    use super::*;

    #[test]
    fn what_a_proxy_is() {
        let proxy = good("mode http\nid 5\nguid a:b\ndescription two words\ndisabled");
        assert_eq!(proxy.mode(), Mode::Http);
        assert_eq!(proxy.settings.id.map(|id| id.value), Some(5));
        assert_eq!(proxy.description.as_ref().map(|text| &*text.value), Some("two words"));
        assert!(proxy.disabled);
        assert!(!good("disabled\nenabled").disabled);
    }

    #[test]
    fn faults_point_at_the_word() {
        assert_eq!(bad("mode https"), ["https"]);
        assert_eq!(bad("mode health"), ["health"]);
        assert_eq!(bad("mode http x"), ["x"]);
        assert_eq!(bad("id 0"), ["0"]);
        assert_eq!(bad("id 2147483648"), ["2147483648"]);
        assert_eq!(bad("guid a/b"), ["/"]);
        assert_eq!(bad("disabled x"), ["x"]);
        assert_eq!(bad("description"), [""]);
        assert_eq!(bad("default_backend a b"), ["b"]);
        assert_eq!(bad("load-server-state-from-file here"), ["here"]);
        assert_eq!(bad_in("defaults", "description x"), ["description"]);
        assert_eq!(advice_in("listen l", "mode http \"\" ''"), ["empty-word"]);
        assert_eq!(advice_in("backend b", "default_backend x"), ["other-side"]);
        assert_eq!(advice_in("listen l", "mode tcp\nmode http"), ["duplicate"]);
    }
}
