//! `koi -f FILE...`: serving, from start to end.
//!
//! In: the command line. Out: an exit status, when it is over. The order of a start: the files are
//! read and checked; the process goes to the background or under a master; limits are raised; names
//! are resolved, certificates loaded, log targets opened; ports are opened; predecessors are told;
//! privileges are given up; workers start. Whatever fails, nothing stays behind, and the message says
//! at which words.
//!
//! - [`split`], [`master`], [`systemd`], [`pidfile`]: processes and who hears of them;
//! - [`limits`], [`address`], [`prepare`], [`ports`], [`accounts`], [`identity`], [`states`]: what a start
//!   needs;
//! - [`command_sockets`], [`operators`]: the runtime socket;
//! - [`predecessors`]: those that are replaced; [`workers`], [`door`], [`pace`]: what runs, and how fast
//!   it takes connections; [`news`], [`end`]: signals and the end;
//! - [`reload`]: a new plan beside the running one; [`diff`], [`carried`], [`changes`]: what is new in it
//!   and what stays; [`everywhere`], [`switch`]: how the workers take it;
//! - [`here`]: all of it tried without starting (`-c --here`).

pub mod accounts;
pub mod address;
pub mod carried;
pub mod certificates;
pub mod changes;
pub mod command_sockets;
pub mod diff;
pub mod door;
pub mod end;
pub mod everywhere;
pub mod here;
pub mod identity;
pub mod limits;
pub mod master;
pub mod news;
pub mod operators;
pub mod pace;
pub mod pidfile;
pub mod ports;
pub mod predecessors;
pub mod prepare;
pub mod reload;
pub mod split;
pub mod states;
pub mod switch;
pub mod systemd;
pub mod workers;

use std::process::ExitCode;
use std::sync::Arc;

use self::address::Names;
use self::end::{End, Watch};
use self::news::Newsroom;
use self::operators::Operators;
use self::pace::Pace;
use self::pidfile::Pidfile;
use self::ports::Opened;
use self::prepare::BindsTls;
use self::reload::Reloader;
use self::split::{Ready, Side};
use self::systemd::Notifier;
use self::workers::Shared;
use super::check::{self, Checked};
use super::options::{Master, Options, Serving};
use super::output;
use crate::balance::Live;
use crate::config::plan::{Given, Plan};
use crate::config::render::{self, Style};
use crate::config::report::Report;
use crate::config::source::{Disk, Files, Span};
use crate::exchange::control::Control;
use crate::exchange::server::Destinations;
use crate::ledger::Ledger;
use crate::log;
use crate::log::access::Targets;
use crate::rules::program::Program;
use crate::worker::{Choice, Group, GroupConfig};
use koi_sys::guard;

/// Why a start ended: a message, or nothing if it has been told already.
type Failed = Option<String>;

/// `koi -f FILE...`.
pub fn run(options: &Options) -> ExitCode {
    let mut checked = match check::checked(options) {
        Ok(checked) => checked,
        Err(status) => return status,
    };
    amend(&mut checked.plan, &options.serving);
    log::quiet(options.quiet);
    log::tell_panics();
    if !check::listens(&checked.plan) {
        return failure(Some("nothing would listen: no frontend has a `bind` line".to_owned()));
    }
    for option in &options.serving.idle {
        match *option {
            "-x" => log::notice(format_args!(
                "-x changes nothing: a reload (SIGHUP) keeps the sockets of the process; where another \
                 process takes over (-sf), both listen until the old one has left"
            )),
            "-S" => log::notice(format_args!(
                "-S changes nothing: there is no master's socket; `reload` on a `stats socket` of level \
                 admin does what that is for"
            )),
            _ => {}
        }
    }
    match split_up(options, checked) {
        Ok(status) => status,
        Err(failed) => failure(failed),
    }
}

fn failure(failed: Failed) -> ExitCode {
    if let Some(message) = failed {
        output::error(&format!("koi: {message}\n"));
    }
    ExitCode::FAILURE
}

/// What the command line says stands above what the file says.
fn amend(plan: &mut Plan, serving: &Serving) {
    let given = |value| Given { value, span: Span::default() };
    let process = &mut plan.global.process;
    process.daemon = serving.daemon || (process.daemon && !serving.foreground);
    process.no_reuse_port |= serving.shared_sockets;
    process.no_splice |= serving.no_splice;
    if let Some(number) = serving.connections {
        plan.global.limits.connections = Some(given(number));
    }
    for proxy in &mut plan.proxies {
        let unset = proxy.front.max_connections.is_none();
        if let (Some(number), true) = (serving.proxy_connections, unset) {
            proxy.front.max_connections = Some(given(number));
        }
    }
}

/// Goes to the background, and under a master, if that is wanted, and serves.
fn split_up(options: &Options, checked: Checked) -> Result<ExitCode, Failed> {
    let serving = &options.serving;
    let plan = &checked.plan;
    let mut ready = Ready::default();
    if plan.global.process.daemon {
        match split::split()? {
            Side::Waiting(child, mut start) => {
                if start.wait() {
                    return Ok(ExitCode::SUCCESS);
                }
                let _ = child.wait();
                return Err(None);
            }
            Side::Starting(side) => ready = side,
        }
        ready.to_background()?;
    }
    guard::block_signals().map_err(|error| error.to_string())?;
    guard::ignore_broken_pipe().map_err(|error| error.to_string())?;
    let path = pidfile_path(plan, serving);
    let Some(Master { notify }) = serving.master else {
        let pidfile = path.filter(|_| plan.global.process.daemon);
        return serve(options, checked, Around { ready, pidfile, master: None });
    };
    let this = std::process::id();
    match split::split()? {
        Side::Starting(mut of_worker) => {
            if ready.is_background() {
                of_worker.let_go()?;
            }
            // Who waits for the master waits for nobody else.
            drop(ready);
            serve(options, checked, Around { ready: of_worker, pidfile: None, master: Some(this) })
        }
        Side::Waiting(child, start) => {
            let pidfile = path.map(|path| open_pidfile(&path)).transpose()?;
            let notifier = if notify { Notifier::from_environment() } else { Notifier::nobody() };
            drop(checked);
            Ok(master::run(child, start, master::Telling { notifier, pidfile, ready }))
        }
    }
}

fn pidfile_path(plan: &Plan, serving: &Serving) -> Option<String> {
    let of_file = || plan.global.process.pidfile.as_ref().map(|it| it.value.to_string());
    serving.pidfile.clone().or_else(of_file)
}

fn open_pidfile(path: &str) -> Result<Pidfile, String> {
    Pidfile::open(path).map_err(|error| format!("the pidfile `{path}` cannot be written: {error}"))
}

/// What surrounds the process that serves.
struct Around {
    ready: Ready,
    pidfile: Option<String>,
    master: Option<u32>,
}

/// Starts workers for a plan whose files lie in `files`, in this process as it is: no background, no
/// other user, no pidfile. For `koi demo`.
///
/// # Errors
/// What cannot be had, as the operator reads it.
pub fn start_here(
    checked: Checked,
    files: &dyn Files,
    config: &GroupConfig,
) -> Result<Group, String> {
    let Checked { mut plan, program, mut report } = checked;
    limits::settle(&mut plan, config.workers, &mut report);
    let names = &mut Names::default();
    let wanted = ports::wanted(&plan, names, &mut report);
    let destinations = prepare::destinations(&plan, names, &mut report);
    let tls = prepare::binds_tls(&plan, files, &mut report);
    let targets = prepare::log_targets(&plan, &mut report);
    let opened = ports::open_all(&wanted, config.workers, &[], &mut 0, &mut report);
    let Some(targets) = targets.filter(|_| !report.failed()) else {
        let style = Style { colour: false, errors_only: true };
        return Err(render::report(&report, &plan.sources, style));
    };
    ports::publish(opened.naming)?;
    let place = (config.workers, Control::default());
    let shared = shared(plan, program, destinations, tls, targets, place);
    workers::start(config, shared, opened.shares).map_err(|error| error.to_string())
}

/// What all workers share.
fn shared(
    plan: Plan,
    program: Program,
    destinations: Destinations,
    tls: BindsTls,
    targets: Arc<Targets>,
    (workers, control): (usize, Control),
) -> Shared {
    let live = Live::new(&plan);
    Shared {
        ledger: Arc::new(Ledger::new(&plan, workers)),
        desk: Arc::new(workers::desk(&plan, workers, &control)),
        pace: Arc::new(Pace::new(&plan, live.rate_limits())),
        live: Arc::new(live),
        destinations: Arc::new(destinations),
        tls: Arc::new(tls),
        targets,
        plan: Arc::new(plan),
        program: Arc::new(program),
        workers,
        number: 1,
        control,
        started_us: workers::unix_us(),
    }
}

/// From the plan to running workers, and to their end.
fn serve(options: &Options, checked: Checked, around: Around) -> Result<ExitCode, Failed> {
    let Checked { mut plan, program, .. } = checked;
    let mut config = workers::group_config(&plan.global.process);
    config.ring = Choice::from_environment()?;
    let report = &mut Report::default();
    limits::settle(&mut plan, config.workers, report);
    config.pipes = limits::pipes(&plan);
    let names = &mut Names::default();
    let wanted = ports::wanted(&plan, names, report);
    let destinations = prepare::destinations(&plan, names, report);
    let tls = prepare::binds_tls(&plan, &Disk, report);
    let states = states::read(&plan);
    let targets = prepare::log_targets(&plan, report);
    let commands = command_sockets::wanted(&plan, names, report);
    let identity = identity::wanted(&plan, report);
    check::tell(options, report, &plan)?;
    let pidfile = around.pidfile.map(|path| open_pidfile(&path)).transpose()?;
    let predecessors = &options.serving.predecessors;
    let held = match &predecessors[..] {
        [] => ports::held_by_others(&wanted, &[]),
        _ => Vec::new(),
    };
    let mut opened = ports::open_all(&wanted, config.workers, predecessors, &mut 0, report);
    let mut commands = ports::open_all(&commands, 1, &[], &mut 0, report);
    if report.failed() {
        predecessors::give_back(predecessors);
    }
    check::tell(options, report, &plan)?;
    // As long as that can fail, whoever listened there before goes on.
    opened.naming.append(&mut commands.naming);
    let Opened { shares, held: listening, naming } = opened;
    if let Err(fault) = ports::publish(naming) {
        predecessors::give_back(predecessors);
        return Err(Some(fault));
    }
    ports::warn_of_others(&plan, &held);
    predecessors::relieve(predecessors);
    identity::assume(&plan, &identity, report);
    check::tell(options, report, &plan)?;
    let Some(targets) = targets else { return Err(None) };
    let newsroom = Newsroom::open();
    let control = newsroom.control();
    let place = (config.workers, control);
    let shared = shared(plan, program, destinations, tls, targets, place);
    states::restore(&shared, states);
    let group =
        workers::start(&config, shared.clone(), shares).map_err(|error| error.to_string())?;
    newsroom.listen_to_signals().map_err(|error| format!("no thread for signals: {error}"))?;
    let operators = Operators::start(config.ring, &shared, &group, commands)?;
    if let Some(pidfile) = pidfile
        && let Err(error) = pidfile.write()
    {
        log::warning(format_args!("the pidfile cannot be written: {error}"));
    }
    log::quiet(false);
    if around.ready.is_background() {
        log::to_targets(shared.targets.clone());
    }
    let teller = around.ready.say()?;
    let reloader = Reloader::new(options, shared, listening, config.workers).telling(operators);
    match Watch::new(group, newsroom, reloader, around.master, teller).run() {
        Ok(End::Stopped) => Ok(ExitCode::SUCCESS),
        Ok(End::WorkerLost) => Err(None),
        Err(error) => Err(Some(error.to_string())),
    }
}
