//! Options of `server` lines that hold something to evaluate: `sni`, `pool-conn-name`,
//! `set-proxy-v2-tlv-fmt`.

use super::lines::{expr_of, format_of};
use crate::config::plan::Proxy;
use crate::config::word::Word;
use crate::rules::compiler::{Compiler, Scope};
use crate::rules::format::Style;
use crate::rules::program::{Compiled, ProxyProgram};

/// Compiles them, each word once: servers inherit them from `default-server`.
pub fn compile(proxy: &Proxy, program: &mut ProxyProgram, compiler: &mut Compiler<'_>) {
    for server in &proxy.servers {
        let settings = &server.settings;
        let expressions =
            [(&settings.tls.sni, "`sni`"), (&settings.pool.connection_name, "`pool-conn-name`")];
        for (word, place) in expressions {
            let Some(word) = word else { continue };
            once(word, program, |word| expr_of(word, Scope::SERVER, place, compiler));
        }
        for tlv in &settings.proxy_protocol.tlvs {
            let place = "`set-proxy-v2-tlv-fmt`";
            once(&tlv.format, program, |word| {
                format_of(word, Style::Text, Scope::SERVER, place, compiler)
            });
        }
    }
}

fn once(word: &Word, program: &mut ProxyProgram, compile: impl FnOnce(&Word) -> Option<Compiled>) {
    program.server_options.entry(word.span).or_insert_with(|| compile(word));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::config::environment::Environment;
    use crate::config::read::read;
    use crate::config::report::Report;
    use crate::config::source::MemoryFiles;

    /// The words that the errors of a file point at.
    fn errors(text: &str) -> Vec<String> {
        let files = MemoryFiles(BTreeMap::from([("a".to_owned(), text.as_bytes().to_vec())]));
        let mut report = Report::default();
        let plan = read(&["a".to_owned()], &files, &mut Environment::default(), &mut report);
        super::super::compile(&plan, &files, &mut report);
        let faults = report.faults.iter().filter(|fault| fault.advice.is_none());
        let slice = |span| plan.sources.slice(span).to_owned();
        faults.map(|fault| fault.span.map(slice).unwrap_or_default()).collect()
    }

    #[test]
    fn what_servers_evaluate_is_checked_at_its_word() {
        let errors =
            |options: &str| errors(&format!("listen a\nserver s 192.0.2.1:443 {options}\n"));
        assert_eq!(errors("ssl verify none sni req.hdr(host)"), [""; 0]);
        assert_eq!(errors("ssl verify none sni www.example.net"), ["www.example.net"]);
        assert_eq!(errors("ssl verify none sni res.hdr(host)"), ["res.hdr(host)"]);
        assert_eq!(errors("pool-conn-name nosuch"), ["nosuch"]);
        assert_eq!(errors("send-proxy-v2 set-proxy-v2-tlv-fmt(0x20) %[nosuch]"), ["nosuch"]);
    }
}
