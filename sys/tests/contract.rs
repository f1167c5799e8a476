//! The contract of the ring: one list of behaviours, run on every back-end of this machine and on
//! the simulation.
//!
//! Each behaviour is a function of a [`Bench`]; the macro below makes one test of each behaviour
//! and back-end, so a failure names both. What a machine does not have is skipped with a loud line.
//! With `KOI_RING` set only that back-end runs, beside the simulation, and must work.
//!
//! Tests that lower limits or install filters do so in a process of their own.

mod common;

mod contract {
    pub mod accepting;
    pub mod connecting;
    pub mod ending;
    pub mod handles;
    pub mod hosts;
    pub mod limits;
    pub mod pool;
    pub mod receiving;
    #[cfg(target_os = "linux")]
    pub mod refused;
    pub mod sending;
    pub mod splicing;
    pub mod urgent;
    pub mod waiting;
}

use common::{Bench, run};
use koi_sys::ring::Kind;

macro_rules! behaviours {
    ($($module:ident: $($name:ident)*;)*) => {
        /// All of them, for tests that run the list as a whole.
        const BEHAVIOURS: &[(&str, fn(&mut Bench))] =
            &[$($((stringify!($name), contract::$module::$name),)*)*];

        #[cfg(target_os = "linux")]
        mod uring { $(mod $module { $(
            #[test] fn $name() { crate::run(crate::Kind::Uring, crate::contract::$module::$name) }
        )* })* }
        #[cfg(target_os = "freebsd")]
        mod kqueue { $(mod $module { $(
            #[test] fn $name() { crate::run(crate::Kind::Kqueue, crate::contract::$module::$name) }
        )* })* }
        mod poll { $(mod $module { $(
            #[test] fn $name() { crate::run(crate::Kind::Poll, crate::contract::$module::$name) }
        )* })* }
        mod sim { $(mod $module { $(
            #[test] fn $name() { crate::run(crate::Kind::Sim, crate::contract::$module::$name) }
        )* })* }
    };
}

behaviours! {
    accepting:
        a_crowd_arrives_exactly_once
        a_cancelled_accept_leaves_the_rest_to_the_next
        a_connection_that_died_in_the_queue_does_no_harm
        closing_a_listener_ends_its_accept;
    connecting:
        nobody_listens
        a_socket_whose_connect_failed_does_not_hang
        a_second_connect_is_no_harm
        a_connect_cancelled_at_any_moment_ends_once
        a_refused_connect_beside_a_receive_ends
        unix_sockets_carry_streams
        a_unix_path_that_is_not_there
        a_unix_queue_that_is_full
        addresses_are_told;
    receiving:
        a_cancelled_receive_loses_no_bytes
        receives_take_turns_with_silence
        an_idle_connection_holds_no_buffer
        a_transfer_in_bulk_copies_nothing
        both_directions_at_once;
    urgent:
        bytes_behind_urgent_data_are_received
        bytes_behind_urgent_data_are_spliced;
    sending:
        nothing_is_sent_at_once
        a_send_of_many_chunks_through_a_slow_reader
        a_short_write_is_finished_inside
        what_is_unsent_tells_whether_it_moves
        a_send_cancelled_at_any_moment_ends_once
        sends_of_all_sizes_keep_their_order
        what_is_done_now_keeps_its_place;
    ending:
        half_closed_by_the_client_first
        half_closed_by_the_server_first
        the_end_of_the_stream_repeats
        bytes_before_the_end_arrive
        a_reset_is_no_end
        a_reset_reaches_what_is_in_flight
        a_close_with_bytes_unread_is_seen
        sends_after_the_end_fail
        a_cancelled_shutdown_shuts_all_the_same
        shutting_the_reading_side_ends_a_receive;
    handles:
        a_stale_handle_is_refused
        a_closed_listener_sheds_nobody
        a_stale_token_is_counted
        a_reused_descriptor_belongs_to_its_new_owner
        one_operation_in_each_direction
        a_token_in_use_is_refused
        closing_ends_what_is_in_flight
        an_unconnected_socket_does_not_hang;
    pool:
        a_dropped_ring_returns_everything
        events_outlive_their_ring
        an_exhausted_pool_loses_nothing
        a_fill_needs_no_buffer
        a_starved_receive_can_be_cancelled_or_closed
        bulk_blocks_are_a_luxury;
    splicing:
        a_stream_through_a_pipe
        the_end_of_a_stream_is_an_empty_pipe
        a_cancelled_fill_returns_its_pipe
        a_cancelled_drain_returns_its_pipe
        a_fill_takes_no_more_than_its_limit
        a_drain_ends_with_what_was_taken
        bytes_received_before_the_pipe_keep_their_order
        datagrams_are_sent
        a_datagram_without_room_is_refused;
    waiting:
        deadlines_are_never_early
        a_deadline_in_the_past_returns_at_once
        what_is_done_ends_a_wait_without_deadline
        an_idle_ring_does_not_spin
        a_wake_ends_a_wait
        wakes_before_the_wait_are_one
        a_storm_of_wakes
        a_waker_outlives_its_ring;
    limits:
        descriptors_run_out;
}

/// Two rings on one simulated network: neither moves the clock, and both see what travels.
#[test]
fn two_hosts_of_the_simulation_talk() {
    contract::hosts::two_hosts_talk();
}

/// Tests in processes of their own, because they change the process or count what it has open.
mod process {
    use crate::common::{Bench, child, run};
    use crate::{BEHAVIOURS, Kind};

    fn descriptors_run_out(kind: Kind, test: &str) {
        if child::is_child(test) {
            run(kind, crate::contract::limits::descriptors_run_out);
        }
    }

    /// Descriptors of this process.
    fn descriptors() -> usize {
        // FreeBSD's /dev/fd lists them where fdescfs is mounted, and 0 to 2 where it is not.
        let directory = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
        std::fs::read_dir(directory).expect("the list of descriptors").count()
    }

    /// The whole list, one behaviour after the other: no descriptor is left.
    fn no_descriptor_is_left(kind: Kind, test: &str) {
        if !child::is_child(test) {
            return;
        }
        // Once before counting: what is opened once per process stays open.
        let Some(bench) = Bench::open(kind) else { return };
        bench.end();
        let before = descriptors();
        for (name, behaviour) in BEHAVIOURS {
            run(kind, *behaviour);
            assert_eq!(descriptors(), before, "{name} left descriptors open");
        }
    }

    macro_rules! children {
        ($($kind:ident $variant:ident;)*) => { $(mod $kind {
            use crate::Kind;
            #[test] fn descriptors_run_out() {
                super::descriptors_run_out(
                    Kind::$variant, concat!("process::", stringify!($kind), "::descriptors_run_out"),
                );
            }
            #[test] fn no_descriptor_is_left() {
                super::no_descriptor_is_left(
                    Kind::$variant, concat!("process::", stringify!($kind), "::no_descriptor_is_left"),
                );
            }
        })* };
    }

    #[cfg(target_os = "linux")]
    children! { uring Uring; poll Poll; }
    #[cfg(target_os = "freebsd")]
    children! { kqueue Kqueue; poll Poll; }

    /// A machine that refuses io_uring runs on the poll back-end and says so. In a process of its
    /// own, because the verdict on io_uring is found once per process.
    #[cfg(target_os = "linux")]
    fn refused(errno: i32, test: &str) {
        use crate::contract::refused;
        match child::argument(test) {
            Some(_) => refused::poll_runs_and_says_so(errno),
            None => child::run(test, "child"),
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn without_leave_for_io_uring_poll_runs() {
        refused(libc::EPERM, "process::without_leave_for_io_uring_poll_runs");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn without_io_uring_poll_runs() {
        refused(libc::ENOSYS, "process::without_io_uring_poll_runs");
    }
}
