//! A proxy as a process: Koi, or the real HAProxy beside it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// Between two looks whether it is there yet.
const LOOK: Duration = Duration::from_millis(10);

/// A program that serves a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub path: PathBuf,
    pub name: &'static str,
}

impl Program {
    /// Koi; or, to try the tests themselves, what `KOI_SUBJECT` names in its place.
    pub fn koi() -> Program {
        let other = std::env::var_os("KOI_SUBJECT").map(PathBuf::from);
        let path = other.unwrap_or_else(|| env!("CARGO_BIN_EXE_koi").into());
        Program { path, name: "koi" }
    }

    /// Whether it is not Koi that is tested.
    pub fn is_stand_in() -> bool {
        std::env::var_os("KOI_SUBJECT").is_some()
    }

    /// HAProxy 3.0: what `KOI_HAPROXY` names, else the one on the path.
    ///
    /// # Errors
    /// Why there is none.
    pub fn haproxy() -> Result<Program, String> {
        let named = std::env::var_os("KOI_HAPROXY");
        let is_named = named.is_some();
        let path = PathBuf::from(named.unwrap_or_else(|| OsString::from("haproxy")));
        let output = Command::new(&path).arg("-v").output();
        let output = output.map_err(|why| format!("`{} -v`: {why}", path.display()))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = said.split_whitespace().nth(2).unwrap_or_default();
        if version.starts_with("3.0.") || is_named {
            Ok(Program { path, name: "haproxy" })
        } else {
            Err(format!("{} is version `{version}`; KOI_HAPROXY may name a 3.0", path.display()))
        }
    }
}

/// A folder of its own, gone with its owner.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(word: &str) -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("koi-{word}-{}-{next}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path); // left by a process that had the same number
        fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("a file among the temporary ones");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the files are left in {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0); // nothing depends on it
        }
    }
}

/// A proxy that serves; killed when dropped.
pub struct Proxy {
    child: Child,
    said: PathBuf,
    program: Program,
    _folder: Folder,
}

impl Proxy {
    /// Starts the program with this configuration and waits until it answers at these addresses.
    /// Other files that the configuration names lie in the folder.
    pub fn start(
        program: &Program,
        folder: Folder,
        configuration: &str,
        ready: &[SocketAddr],
    ) -> Proxy {
        let file = folder.file("proxy.cfg", configuration);
        let mut command = Command::new(&program.path);
        command.arg("-db").arg("-f").arg(&file).current_dir(folder.path());
        Proxy::start_command(program, folder, command, ready)
    }

    /// The same by a command of the caller's.
    pub fn start_command(
        program: &Program,
        folder: Folder,
        mut command: Command,
        ready: &[SocketAddr],
    ) -> Proxy {
        let said = folder.path().join("said");
        let output = File::create(&said).expect("a file for what it says");
        command.stdin(Stdio::null());
        command.stdout(output.try_clone().expect("a second handle")).stderr(output);
        let child = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}"));
        let mut proxy = Proxy { child, said, program: program.clone(), _folder: folder };
        for &address in ready {
            proxy.wait_for(address);
        }
        proxy
    }

    fn wait_for(&mut self, address: SocketAddr) {
        let start = Instant::now();
        while let Err(why) = TcpStream::connect_timeout(&address, PATIENCE) {
            if let Some(status) = self.child.try_wait().expect("its state") {
                panic!("{} ended ({status}):\n{}", self.program.name, self.said());
            }
            let name = self.program.name;
            let waited = start.elapsed();
            assert!(waited < PATIENCE, "{name} at {address}: {why}:\n{}", self.said());
            thread::sleep(LOOK);
        }
    }

    /// What it said so far.
    pub fn said(&self) -> String {
        let bytes = fs::read(&self.said).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails unless it runs and no task of it ever panicked.
    pub fn assert_well(&mut self) {
        let status = self.child.try_wait().expect("its state");
        let said = self.said();
        assert_eq!(status, None, "{} ended:\n{said}", self.program.name);
        assert!(!said.contains("panicked"), "{} panicked:\n{said}", self.program.name);
    }

    /// Kills it.
    ///
    /// # Errors
    /// As the system says.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let ended = self.child.try_wait();
        let _ = self.kill(); // it may have ended by itself
        let said = self.said();
        if thread::panicking() {
            eprintln!("{} said:\n{said}", self.program.name);
        } else {
            assert!(matches!(ended, Ok(None)), "{} ended by itself:\n{said}", self.program.name);
            assert!(!said.contains("panicked"), "{} panicked:\n{said}", self.program.name);
        }
    }
}
