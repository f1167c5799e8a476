//! A kernel that refuses io_uring, as the default filter of container hosts does.

use koi_sys::buf::{Pool, PoolConfig};
use koi_sys::ring::{Choice, Kind, OpenError, Ring};

/// Answers io_uring_setup(2) with an errno from now on, in this thread and what it starts
/// (seccomp(2)).
fn refuse_io_uring(errno: i32) {
    // From linux/bpf_common.h and linux/seccomp.h: load the number of the call, compare, return.
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const JUMP_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut program = [
        step(LOAD, 0, 0, 0),
        step(JUMP_EQUAL, 0, 1, libc::SYS_io_uring_setup as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: takes numbers only; it gives up privileges that this thread does not use.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the program and its four steps live through the call, which copies them.
    let result =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Under the filter: which ring there is, and what is said about the other.
pub fn poll_runs_and_says_so(errno: i32) {
    refuse_io_uring(errno);
    let expected = match errno {
        libc::EPERM => OpenError::Denied,
        _ => OpenError::Missing("the system call"),
    };
    let pool = Pool::new(PoolConfig::default());
    let refused = Ring::open(Choice::Forced(Kind::Uring), &pool).expect_err("it is refused");
    assert_eq!(refused, expected);
    let words = refused.to_string();
    match errno {
        libc::EPERM => assert!(words.contains("io_uring_disabled") && words.contains("seccomp")),
        _ => assert!(words.contains("kernel lacks"), "{words}"),
    }
    let ring = Ring::open(Choice::Auto, &pool).expect("there is always poll");
    let caps = ring.caps();
    assert_eq!(caps.kind, Kind::Poll);
    assert_eq!(caps.other, Some((Kind::Uring, Err(expected))));
    let words = caps.to_string();
    assert!(words.starts_with("poll") && words.contains("no io_uring: "), "{words}");
    assert_eq!(pool.stats().leased, [0, 0]);
}
