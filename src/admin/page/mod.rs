//! The statistics page: one page for everything, made here, readable without a script and live with one.
//!
//! In: rows, and what the query asks for. Out: HTML in pieces of a few rows; the figures of the same rows as
//! JSON, which the page's script puts into their places; style and script, as files of their own, so that
//! nothing inline is allowed on the page.
//!
//! - `cells`: what a row shows; `html`: escaping; `token`, `action`: changes, and who may ask for them.

pub mod action;
pub mod cells;
pub mod html;
pub mod token;

use std::fmt::Write;

use self::cells::GROUPS;
use self::html::escaped;
use super::desk::Wanted;
use super::info::{self, Process};
use super::rows::Cursor;
use super::table::{Column, Kind, Row};
use crate::config::plan::{Proxy, StatsPage};
use crate::exchange::service::Pieces;
use crate::ledger::Count;

/// The page's style.
pub const STYLE: &str = include_str!("style.css");

/// Its script.
pub const SCRIPT: &str = include_str!("script.js");

/// By what browsers, which keep these files for a while, tell those of another build; it says nothing of the
/// version, which may be hidden.
const FILES: u32 = fingerprint(STYLE) ^ fingerprint(SCRIPT).rotate_left(1);

/// FNV-1a.
const fn fingerprint(text: &str) -> u32 {
    let (bytes, mut hash, mut at) = (text.as_bytes(), 0x811c_9dc5_u32, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

/// What the page may load and send: only what comes from the same place.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                          img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The page, made while it is sent.
pub(super) struct Page {
    wanted: Wanted,
    process: Process,
    /// The token for changes, if they are allowed.
    token: Option<String>,
    at: At,
}

/// What comes next.
enum At {
    Top,
    /// The rows from here on; the number is that of the proxy whose section is open.
    Rows(Cursor, Option<(usize, Kind)>),
    End,
}

impl Page {
    pub(super) fn new(wanted: Wanted, process: Process, token: Option<String>) -> Page {
        Page { wanted, process, token, at: At::Top }
    }
}

impl Pieces for Page {
    fn next(&mut self, bytes: &mut Vec<u8>) -> bool {
        let mut out = String::new();
        let at = std::mem::replace(&mut self.at, At::End);
        let more = match at {
            At::Top => {
                self.top(&mut out);
                self.at = At::Rows(Cursor::default(), None);
                true
            }
            At::Rows(cursor, open) => {
                self.at = self.rows(cursor, open, &mut out);
                true
            }
            At::End => {
                out.push_str("</main><footer>Koi</footer></body></html>\n");
                false
            }
        };
        bytes.extend_from_slice(out.as_bytes());
        more
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = out.write_fmt(text);
}

/// The totals on top: a name and a text each.
fn totals(wanted: &Wanted, process: &Process) -> Vec<(&'static str, String)> {
    let sight = wanted.held.sight();
    let figures = sight.live.process_figures();
    let seconds = sight.unix_us.saturating_sub(process.started_us) / 1_000_000;
    let servers = (0..sight.plan.proxies.len()).flat_map(|proxy| sight.live.servers(proxy));
    let (mut up, mut all) = (0_usize, 0_usize);
    for server in servers {
        all += 1;
        up += usize::from(server.is_up());
    }
    let total = |count| sight.ledger.fronts_total(count);
    vec![
        ("Up for", cells::span(seconds.into())),
        ("Connections", format!("{} of {}", figures.connections, figures.limit)),
        ("Per second", format!("{} (most {})", figures.rate, figures.rate_peak)),
        ("Requests", total(Count::Requests).to_string()),
        ("In", cells::bytes(total(Count::BytesIn).into())),
        ("Out", cells::bytes(total(Count::BytesOut).into())),
        ("Servers in service", format!("{up} of {all}")),
        ("Process", format!("{} · {} workers", process.pid, process.workers)),
    ]
}

impl Page {
    fn top(&self, out: &mut String) {
        let wanted = &self.wanted;
        let Some(page) = wanted.page() else { return };
        let uri = escaped(wanted.uri());
        let node = match &page.show_node {
            None => String::new(),
            Some(node) => escaped(node.value.as_deref().unwrap_or(&self.process.node)),
        };
        let version = if page.hide_version { "" } else { info::VERSION };
        let refresh = match wanted.query.no_refresh {
            true => 0,
            false => page.refresh.map_or(0, |it| it.value.as_secs()),
        };
        let dash = if node.is_empty() { "" } else { " · " };
        put(
            out,
            format_args!(
                "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>Statistics{dash}{node}</title><link rel=\"icon\" href=\"data:,\">\
             <link rel=\"stylesheet\" href=\"{uri};style.css;v={FILES:x}\">\
             <script src=\"{uri};script.js;v={FILES:x}\" defer></script>"
            ),
        );
        if refresh > 0 {
            put(
                out,
                format_args!(
                    "<noscript><meta http-equiv=\"refresh\" content=\"{refresh}\"></noscript>"
                ),
            );
        }
        let suffix = escaped(&wanted.suffix());
        put(
            out,
            format_args!(
                "</head>\n<body data-refresh=\"{refresh}\" data-figures=\"{uri};figures{suffix}\">\
             <header><h1>Koi {version}{dash}{node}</h1>"
            ),
        );
        if let Some(text) = self.description(page) {
            put(out, format_args!("<p>{}</p>", escaped(&text)));
        }
        out.push_str("</header><main><dl>");
        for (name, text) in totals(wanted, &self.process) {
            put(out, format_args!("<div><dt>{name}</dt><dd>{text}</dd></div>"));
        }
        out.push_str("</dl>");
        self.links(&uri, refresh, out);
        if let Some(said) = wanted.query.outcome.as_deref().and_then(action::says) {
            put(out, format_args!("<p class=\"note\" role=\"status\">{said}</p>"));
        }
    }

    /// What `stats show-desc` says, or `description` in `global`.
    fn description(&self, page: &StatsPage) -> Option<String> {
        let given = page.show_description.as_ref()?;
        let of_global = || {
            let global = &self.wanted.held.sight().plan.global;
            global.process.description.as_ref().map(|it| it.value.to_string())
        };
        given.value.as_ref().map(|it| it.to_string()).or_else(of_global)
    }

    fn links(&self, uri: &str, refresh: u64, out: &mut String) {
        let suffix = escaped(&self.wanted.suffix());
        put(
            out,
            format_args!(
                "<nav aria-label=\"Page\"><label hidden>Find <input id=\"find\" type=\"search\" \
             placeholder=\"name or state\" autocomplete=\"off\"></label>\
             <button id=\"pause\" type=\"button\" hidden>Pause</button>\
             <a href=\"{uri}{suffix}\">Load again</a> <a href=\"{uri};up{suffix}\">Without DOWN</a> "
            ),
        );
        if refresh > 0 {
            put(out, format_args!("<a href=\"{uri};norefresh{suffix}\">Stand still</a> "));
        }
        put(
            out,
            format_args!(
                "<a href=\"{uri};csv{suffix}\">CSV</a> <a href=\"{uri};json{suffix}\">JSON</a> \
             <a href=\"{uri};metrics\">Metrics</a> <span id=\"live\" role=\"status\"></span></nav>\n"
            ),
        );
    }

    /// The next row, with what stands around it.
    fn rows(&self, mut cursor: Cursor, open: Option<(usize, Kind)>, out: &mut String) -> At {
        let sight = self.wanted.held.sight();
        let row = loop {
            match cursor.next(&sight) {
                None => {
                    self.close(open, out);
                    return At::End;
                }
                Some(row) if !self.wanted.shows_proxy(row.proxy) => {}
                Some(row) if self.wanted.shows_row(&row) => break row,
                Some(_) => {}
            }
        };
        let Some(proxy) = sight.plan.proxies.get(row.proxy) else { return At::End };
        match open {
            Some((at, kind)) if at == row.proxy => {
                if kind != row.kind {
                    put(out, format_args!("</tbody><tbody{}>", body_class(row.kind)));
                }
            }
            _ => {
                self.close(open, out);
                self.open(row.proxy, proxy, out);
                put(out, format_args!("<tbody{}>", body_class(row.kind)));
            }
        }
        self.row(&row, proxy, out);
        At::Rows(cursor, Some((row.proxy, row.kind)))
    }

    /// Whether the servers of a proxy can be changed here.
    fn changes(&self, proxy: &Proxy) -> bool {
        self.token.is_some() && proxy.has_backend() && !proxy.servers.is_empty()
    }

    fn open(&self, index: usize, proxy: &Proxy, out: &mut String) {
        let name = escaped(&proxy.name);
        put(out, format_args!("<section id=\"p{index}\" data-name=\"{name}\">"));
        if self.changes(proxy) {
            put(
                out,
                format_args!(
                    "<form id=\"f{index}\" method=\"post\" action=\"{}\"></form>",
                    escaped(self.wanted.uri())
                ),
            );
        }
        put(out, format_args!("<div class=\"wrap\"><table><caption><h2>{name}"));
        if let Some(description) = &proxy.description {
            put(out, format_args!("<small>{}</small>", escaped(&description.value)));
        }
        out.push_str("</h2></caption><thead><tr><td colspan=\"2\"></td>");
        for (group, columns) in GROUPS {
            put(
                out,
                format_args!("<th scope=\"colgroup\" colspan=\"{}\">{group}</th>", columns.len()),
            );
        }
        out.push_str("</tr><tr><th scope=\"col\">Name</th><th scope=\"col\">State</th>");
        for column in GROUPS.iter().flat_map(|(_, columns)| *columns) {
            put(out, format_args!("<th scope=\"col\">{column}</th>"));
        }
        out.push_str("</tr></thead>");
    }

    fn close(&self, open: Option<(usize, Kind)>, out: &mut String) {
        let Some((index, _)) = open else { return };
        out.push_str("</tbody></table></div>");
        let plan = self.wanted.held.sight().plan;
        let proxy = plan.proxies.get(index).filter(|it| self.changes(it));
        if let (Some(proxy), Some(token)) = (proxy, &self.token) {
            put(
                out,
                format_args!(
                    "<div class=\"act\"><input form=\"f{index}\" type=\"hidden\" name=\"token\" value=\"{token}\">\
                 <input form=\"f{index}\" type=\"hidden\" name=\"b\" value=\"{0}\">\
                 <label>Chosen servers of {0}: <select form=\"f{index}\" name=\"action\">",
                    escaped(&proxy.name)
                ),
            );
            for (word, text) in action::ACTIONS {
                put(out, format_args!("<option value=\"{word}\">{text}</option>"));
            }
            put(
                out,
                format_args!("</select></label> <button form=\"f{index}\">Do it</button></div>"),
            );
        }
        out.push_str("</section>\n");
    }

    fn row(&self, row: &Row, proxy: &Proxy, out: &mut String) {
        let (class, sign) = cells::look(row);
        let sum = if matches!(row.kind, Kind::Frontend | Kind::Backend) { " sum" } else { "" };
        put(out, format_args!("<tr id=\"{}\" class=\"{class}{sum}\"><th scope=\"row\">", id(row)));
        let name = match row.kind {
            Kind::Frontend => "Frontend".to_owned(),
            Kind::Backend => "Backend".to_owned(),
            Kind::Listener => format!("Socket {}", escaped(row.text(Column::Part))),
            Kind::Server => escaped(row.text(Column::Part)),
        };
        if row.kind == Kind::Server && self.changes(proxy) {
            put(
                out,
                format_args!(
                    "<label><input form=\"f{}\" type=\"checkbox\" name=\"s\" value=\"{name}\"> {name}</label>",
                    row.proxy
                ),
            );
        } else {
            out.push_str(&name);
        }
        self.legend(row, out);
        let word = escaped(row.text(Column::Status));
        put(
            out,
            format_args!(
                "</th><td class=\"st\"><b aria-hidden=\"true\">{sign}</b> <span>{word}</span></td>"
            ),
        );
        for text in cells::texts(row) {
            put(out, format_args!("<td>{}</td>", escaped(&text)));
        }
        out.push_str("</tr>\n");
    }

    /// What `stats show-legends` and `stats show-modules` add to a name.
    fn legend(&self, row: &Row, out: &mut String) {
        let Some(page) = self.wanted.page() else { return };
        let mut parts = Vec::new();
        if page.show_legends {
            for column in [Column::Mode, Column::Algorithm, Column::Address, Column::Cookie] {
                parts.push(row.text(column).to_owned());
            }
            parts.push(format!(
                "id\u{a0}{}",
                match row.kind {
                    Kind::Server | Kind::Listener => row.number(Column::PartId),
                    _ => row.number(Column::ProxyId),
                }
            ));
        }
        if page.show_modules && row.get(Column::TlsSessions).is_some() {
            let number = |column| row.number(column);
            parts.push(format!(
                "TLS: {} connections, {} resumed, {} failed",
                number(Column::TlsSessions),
                number(Column::TlsResumed),
                number(Column::TlsFailed)
            ));
        }
        parts.retain(|part| !part.is_empty());
        if !parts.is_empty() {
            put(out, format_args!("<small>{}</small>", escaped(&parts.join(" · "))));
        }
    }
}

fn body_class(kind: Kind) -> &'static str {
    if kind == Kind::Server { " class=\"servers\"" } else { "" }
}

/// A row's name in the page.
fn id(row: &Row) -> String {
    format!("r{}-{}{}", row.proxy, row.kind.letter(), row.part)
}

/// The figures, as JSON: what the page's script puts into their places.
pub(super) struct Figures {
    wanted: Wanted,
    process: Process,
    cursor: Option<Cursor>,
    first: bool,
}

impl Figures {
    pub(super) fn new(wanted: Wanted, process: Process) -> Figures {
        Figures { wanted, process, cursor: None, first: true }
    }
}

impl Pieces for Figures {
    fn next(&mut self, bytes: &mut Vec<u8>) -> bool {
        let Some(cursor) = &mut self.cursor else {
            let texts = totals(&self.wanted, &self.process);
            let texts: Vec<String> = texts.into_iter().map(|(_, text)| text).collect();
            let process = serde_json::Value::from(texts);
            bytes.extend_from_slice(format!("{{\"process\":{process},\"rows\":[").as_bytes());
            self.cursor = Some(Cursor::default());
            return true;
        };
        let Some(row) = cursor.next(&self.wanted.held.sight()) else {
            bytes.extend_from_slice(b"]}");
            return false;
        };
        if self.wanted.shows_proxy(row.proxy) && self.wanted.shows_row(&row) {
            let (class, sign) = cells::look(&row);
            let texts = cells::texts(&row);
            let line = serde_json::json!([id(&row), class, sign, row.text(Column::Status), texts]);
            let comma = if std::mem::take(&mut self.first) { "" } else { ",\n" };
            bytes.extend_from_slice(format!("{comma}{line}").as_bytes());
        }
        true
    }
}
