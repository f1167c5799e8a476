//! The folder that the cases' files lie in, with everything that they name: certificates, maps,
//! lists, error pages.
//!
//! Goes in: a word for the folder's name. Comes out: the folder, removed when its owner goes (kept
//! when a test fails), and ways to put a case's text there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};

/// What the text of a case calls the folder.
const PLACEHOLDER: &[u8] = b"@DIR@";

/// How many hosts the big map has.
const HOSTS: usize = 1000;

/// The environment that both programs read a file in.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("KOI_ADDR", "127.0.0.1"),
    ("KOI_PORT", "8080"),
    ("KOI_EMPTY", ""),
    ("KOI_WORDS", "one two three"),
    ("KOI_METHODS", "GET HEAD"),
    ("KOI_TIMEOUT", "5s"),
    ("KOI_YES", "yes"),
    ("KOI_WRONG", "no-such-mode"),
];

/// A folder full of files, removed when dropped.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes `koi-WORD-PID` among the machine's temporary files, and fills it.
    pub fn new(word: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("koi-{word}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path); // left by a process that had the same number
        let folder = Folder { path };
        for inner in ["cases", "certs", "maps", "lists", "errors"] {
            fs::create_dir_all(folder.path.join(inner)).expect("a temporary folder");
        }
        folder.write_certificates();
        folder.write_tables();
        folder
    }

    /// The text with this folder where it says `@DIR@`.
    pub fn fill_in(&self, text: &[u8]) -> Vec<u8> {
        replace(text, PLACEHOLDER, self.path.as_os_str().as_encoded_bytes())
    }

    /// Writes the case's file; the path is what the program is to read.
    pub fn put(&self, case: &str, text: &[u8]) -> PathBuf {
        let path = self.path.join("cases").join(format!("{}.cfg", case.replace('/', "-")));
        fs::write(&path, text).expect("a case's file can be written");
        path
    }

    /// `program -c -f FILE` in this folder and in [`ENVIRONMENT`].
    pub fn check(&self, program: &Path, file: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg("-f").arg(file).current_dir(&self.path);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"HAPROXY_") {
                command.env_remove(name);
            }
        }
        command.envs(ENVIRONMENT.iter().copied());
        command
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path.join(name), content).expect("a file among the temporary ones");
    }

    /// A root, certificates that it signed, its list of revoked ones, and the parts of one.
    fn write_certificates(&self) {
        let root = root();
        self.write("ca.pem", &root.pem());
        self.write("crl.pem", &revoked(&root));
        for name in ["one.example", "two.example", "three.example"] {
            let (certificate, key) = signed(name, &root);
            self.write(&format!("certs/{name}.pem"), &(certificate + &key.serialize_pem()));
        }
        let (certificate, key) = signed("www.example", &root);
        let secret = key.serialize_pem();
        self.write("cert.pem", &format!("{certificate}{secret}"));
        self.write("cert-alone.pem", &certificate);
        self.write("key-alone.pem", &secret);
        self.write("public.pem", &key.public_key_pem());
        let folder = self.path.display();
        self.write("crt-list.txt", &format!("{folder}/cert.pem [alpn h2] www.example\n"));
        self.write("bad-crt-list.txt", &format!("{folder}/cert.pem [no-such-word]\n"));
    }

    fn write_tables(&self) {
        self.write("empty", "");
        self.write("hosts.map", "# hosts\nwww.example  web\napi.example  api\n/path  web\n");
        self.write("numbers.map", "www.example 1\napi.example 2\n");
        self.write("networks.map", "10.0.0.0/8 inside\n192.168.1.1 router\n::1 self\n");
        self.write("values.map", "10 ten\n20 twenty\n");
        self.write("regex.map", "^/api/v[0-9]+ api\n\\.php$ php\n");
        self.write("no-values.map", "www.example\n");
        self.write("bad-networks.map", "10.0.0.0/8 inside\nnowhere outside\n");
        self.write("bad-numbers.map", "www.example one\n");
        self.write("list.acl", "/admin\n/private\n");
        self.write("networks.acl", "# ours\n10.0.0.0/8\n192.168.0.0/16\n2001:db8::/32\n");
        self.write("bad-networks.acl", "10.0.0.0/8\n10.0.0.0/99\n");
        self.write("bad-regex.acl", "^/ok$\n^/(open\n");
        self.write("500.http", ERROR_PAGE);
        self.write("errors/503.http", &ERROR_PAGE.replace("500 Oops", "503 Busy"));
        self.write("not-http.http", "<h1>no status line</h1>\n");
        self.write("huge.http", &format!("{ERROR_PAGE}{}", "x".repeat(20_000)));
        self.write("page.html", "<h1>closed</h1>\n");
        self.write("page.lf", "you asked for %[path]\n");
        self.write("tickets.keys", &TICKET_KEY.repeat(3));
        self.write("case.lst", "content-type Content-Type\nx-request-id X-Request-ID\n");
        self.write_real_tables();
    }

    /// What the real-world files name.
    fn write_real_tables(&self) {
        let hosts: Vec<String> =
            (0..HOSTS).map(|n| format!("host{n:04}.shop.example backend_{}\n", n % 4)).collect();
        self.write("maps/hosts.map", &hosts.concat());
        self.write("maps/paths.map", "/api api_servers\n/static static_servers\n");
        self.write("maps/tenants.map", "acme.example 10\nglobex.example 25\n");
        self.write("maps/redirects.map", "/old /new\n/blog https://blog.example/\n");
        self.write("maps/geo.map", "192.0.2.0/24 DE\n198.51.100.0/24 FR\n");
        self.write("lists/blocked-networks.lst", "192.0.2.0/24\n198.51.100.7\n");
        self.write("lists/bad-agents.lst", "sqlmap\nnikto\nmasscan\n");
        self.write("lists/office.lst", "10.0.0.0/8\n203.0.113.0/24\n");
        for status in ["400", "403", "408", "500", "502", "503", "504"] {
            let page = ERROR_PAGE.replace("500 Oops", &format!("{status} Sorry"));
            self.write(&format!("errors/{status}.http"), &page);
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the files are left in {}", self.path.display());
        } else {
            let _ = fs::remove_dir_all(&self.path); // nothing depends on it
        }
    }
}

const ERROR_PAGE: &str = "HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\n\r\nsorry\n";

/// 48 bytes in base64, as for session tickets.
const TICKET_KEY: &str = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tr\n";

fn replace(text: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(tail) = rest.strip_prefix(what) {
            out.extend_from_slice(by);
            rest = tail;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

fn root() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(vec!["ca.example".into()]).expect("a name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a root certificate")
}

fn signed(name: &str, root: &CertifiedIssuer<'static, KeyPair>) -> (String, KeyPair) {
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let key = KeyPair::generate().expect("a key");
    (params.signed_by(&key, root).expect("a certificate").pem(), key)
}

fn revoked(root: &CertifiedIssuer<'static, KeyPair>) -> String {
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(4000, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(root).expect("a list of revoked certificates").pem().expect("as PEM")
}
