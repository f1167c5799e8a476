//! The variables that `"$NAME"` and `"${NAME-default}"` stand for.
//!
//! In: what the process was started with, and what `setenv` and its relatives change while a file
//! is read (HAProxy 3.0, configuration.txt §2.3). Out: values.

use std::collections::BTreeMap;

use super::{LANGUAGE_BRANCH, LANGUAGE_VERSION};

/// What `option httplog` logs (configuration.txt §8.2.3).
pub const HTTP_LOG_FORMAT: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
     %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";

/// What `option httpslog` logs (§8.2.4).
pub const HTTPS_LOG_FORMAT: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
     %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r \
     %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] \
     %[ssl_fc_sni]/%sslv/%sslc";

/// What `option tcplog` logs (§8.2.2).
pub const TCP_LOG_FORMAT: &str =
    "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";

/// Variables by name.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    now: BTreeMap<String, String>,
    /// As it was at the start, for `resetenv`.
    first: BTreeMap<String, String>,
    /// Where files with relative names lie.
    base: Base,
    /// The file that is being read.
    file: String,
}

/// Where files with relative names lie (`default-path`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Base {
    /// In the folder the process was started in.
    #[default]
    Current,
    /// In the folder of the file that is being read.
    Config,
    /// In the folder above that one.
    Parent,
    /// In this folder.
    Origin(Box<str>),
}

impl Environment {
    /// The variables of a starting process.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Environment {
        let now: BTreeMap<_, _> = variables.into_iter().collect();
        Environment { first: now.clone(), now, ..Environment::default() }
    }

    /// Adds what HAProxy adds before it reads files: the local peer's name, the
    /// files' names, the version of the language, the standard log formats.
    pub fn provide(&mut self, paths: &[String], local_peer: &str) {
        self.set("HAPROXY_LOCALPEER", local_peer);
        self.set("HAPROXY_CFGFILES", &paths.join(";"));
        self.set("HAPROXY_BRANCH", LANGUAGE_BRANCH);
        self.set("HAPROXY_STARTUP_VERSION", LANGUAGE_VERSION);
        self.set("HAPROXY_HTTP_LOG_FMT", HTTP_LOG_FORMAT);
        self.set("HAPROXY_HTTPS_LOG_FMT", HTTPS_LOG_FORMAT);
        self.set("HAPROXY_TCP_LOG_FMT", TCP_LOG_FORMAT);
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.now.get(name).map(String::as_str)
    }

    /// A text with every `$NAME` and `${NAME}` replaced by its value (nothing, if it is not set);
    /// `None` if there is none. Addresses do this outside of quotes, too.
    pub fn expand(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let (brace, name) = match after.strip_prefix('{') {
                Some(inside) => (true, inside),
                None => (false, after),
            };
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let (name, behind) = name.split_at(name.find(|c| !legal(c)).unwrap_or(name.len()));
            let closed = if brace { behind.strip_prefix('}') } else { Some(behind) };
            match closed {
                Some(behind) if !name.is_empty() => {
                    out.push_str(self.get(name).unwrap_or_default());
                    rest = behind;
                }
                _ => {
                    out.push('$');
                    rest = after;
                }
            }
        }
        (rest.len() < text.len()).then(|| out + rest)
    }

    /// `setenv`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.now.insert(name.to_owned(), value.to_owned());
    }

    /// `presetenv`: only if it is not set.
    pub fn preset(&mut self, name: &str, value: &str) {
        self.now.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }

    /// `unsetenv`.
    pub fn unset(&mut self, name: &str) {
        self.now.remove(name);
    }

    /// `resetenv`: keeps those of `names` that the process was started with, and nothing else.
    pub fn reset(&mut self, names: &[&str]) {
        self.now = self
            .first
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
    }

    /// The file that is being read from now on.
    pub fn enter(&mut self, file: &str) {
        file.clone_into(&mut self.file);
    }

    /// `default-path`: holds for the lines behind it.
    pub fn set_base(&mut self, base: Base) {
        self.base = base;
    }

    /// The name under which a file named in the configuration is to be opened.
    pub fn path(&self, name: &str) -> String {
        if name.starts_with('/') {
            return name.to_owned();
        }
        let folder = self.file.rfind('/').map_or("", |end| &self.file[..=end]);
        match &self.base {
            Base::Current => name.to_owned(),
            Base::Config => format!("{folder}{name}"),
            Base::Parent => format!("{folder}../{name}"),
            Base::Origin(origin) => format!("{}/{name}", origin.trim_end_matches('/')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_in_addresses_need_no_quotes() {
        let environment = Environment::new([("A".to_owned(), "127.0.0.1".to_owned())]);
        let expand = |text| environment.expand(text);
        assert_eq!(expand("$A:80").as_deref(), Some("127.0.0.1:80"));
        assert_eq!(
            expand("ipv4@${A}:80,${A}:81").as_deref(),
            Some("ipv4@127.0.0.1:80,127.0.0.1:81")
        );
        assert_eq!(expand("$B:80").as_deref(), Some(":80"));
        assert_eq!(expand("${A:80").as_deref(), Some("${A:80"));
        assert_eq!(expand("$").as_deref(), Some("$"));
        assert_eq!(expand("127.0.0.1:80"), None);
    }

    #[test]
    fn relative_names_start_where_default_path_says() {
        let mut environment = Environment::default();
        environment.enter("/etc/koi/main.cfg");
        assert_eq!(environment.path("a.pem"), "a.pem");
        environment.set_base(Base::Config);
        assert_eq!(environment.path("a.pem"), "/etc/koi/a.pem");
        environment.set_base(Base::Parent);
        assert_eq!(environment.path("a.pem"), "/etc/koi/../a.pem");
        environment.set_base(Base::Origin("/srv/".into()));
        assert_eq!(environment.path("a.pem"), "/srv/a.pem");
        assert_eq!(environment.path("/a.pem"), "/a.pem");
        environment.enter("main.cfg");
        environment.set_base(Base::Parent);
        assert_eq!(environment.path("a.pem"), "../a.pem");
    }
}
