//! What a request of the statistics page asks for, by what stands behind the page's URI.
//!
//! In: `;csv;norefresh`. Out: flags. As in HAProxy the parts may come in any order, behind `;`, `?` or
//! `&`; what is not known is ignored.

use crate::config::plan::StatsPage;

/// The longest name that is searched for.
const SCOPE_MAX: usize = 64;

/// In which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// The page.
    #[default]
    Page,
    /// `;csv`.
    Csv,
    /// `;typed`.
    Typed,
    /// `;json`.
    Json,
    /// `;figures`: what the page's script asks for.
    Figures,
    /// `;metrics`: for Prometheus.
    Metrics,
    /// `;script.js`: the page's script.
    Script,
    /// `;style.css`: its style.
    Style,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The form.
    pub form: Form,
    /// `;norefresh`: the page does not reload itself.
    pub no_refresh: bool,
    /// `;up`: servers that are DOWN are left out.
    pub up: bool,
    /// `;no-maint`: servers in maintenance are left out.
    pub no_maint: bool,
    /// `;st=`: what came of an action.
    pub outcome: Option<Box<str>>,
    /// `;scope=`: only proxies whose names contain this.
    pub scope: Option<Box<str>>,
}

impl Query {
    /// Of what stands behind the URI.
    pub fn parse(rest: &[u8]) -> Query {
        let mut query = Query::default();
        for part in rest.split(|byte| matches!(byte, b';' | b'?' | b'&' | b'/')) {
            let (name, value) = match part.iter().position(|&byte| byte == b'=') {
                Some(at) => (&part[..at], Some(&part[at + 1..])),
                None => (part, None),
            };
            let text = || {
                let value = percent_encoding::percent_decode(value?).decode_utf8_lossy();
                let value: String = value.chars().take(SCOPE_MAX).collect();
                Some(value.into_boxed_str()).filter(|it| !it.is_empty())
            };
            match name {
                b"csv" => query.form = Form::Csv,
                b"typed" => query.form = Form::Typed,
                b"json" => query.form = Form::Json,
                b"figures" => query.form = Form::Figures,
                b"metrics" => query.form = Form::Metrics,
                b"script.js" => query.form = Form::Script,
                b"style.css" => query.form = Form::Style,
                b"norefresh" => query.no_refresh = true,
                b"up" => query.up = true,
                b"no-maint" => query.no_maint = true,
                b"st" => query.outcome = text(),
                b"scope" => query.scope = text(),
                _ => {}
            }
        }
        query
    }
}

/// Whether a page shows a proxy: `own` is the name of the proxy that has the page.
pub fn shows(page: &StatsPage, query: &Query, own: &str, name: &str) -> bool {
    let listed = page.scope.is_empty()
        || page.scope.iter().any(|it| match &*it.value {
            "." => own == name,
            listed => listed == name,
        });
    let searched = query
        .scope
        .as_deref()
        .is_none_or(|it| name.to_ascii_lowercase().contains(&it.to_ascii_lowercase()));
    listed && searched
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_in_any_order() {
        let query = Query::parse(b";norefresh;csv;up");
        assert_eq!((query.form, query.no_refresh, query.up), (Form::Csv, true, true));
        let query = Query::parse(b"?scope=a%3Cb&st=DONE&what=ever");
        assert_eq!((query.scope.as_deref(), query.outcome.as_deref()), (Some("a<b"), Some("DONE")));
        assert_eq!(Query::parse(b""), Query::default());
        assert_eq!(Query::parse(b";scope=").scope, None);
        let long = [b";scope=".to_vec(), vec![b'x'; 999]].concat();
        assert_eq!(Query::parse(&long).scope.map(|it| it.len()), Some(SCOPE_MAX));
    }
}
