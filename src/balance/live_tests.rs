//! Limits hold while threads race for them; counts come back to nothing; rates fade.

use super::*;
use crate::balance::testing::{listen, plan};
use crate::config::succession::Succession;
use std::sync::atomic::AtomicU32;
use std::thread;

#[test]
fn limits_hold_on_every_level() {
    let plan = plan(
        "global\nmaxconn 5\nfrontend a\nmaxconn 3\nbind 127.0.0.1:80 maxconn 2\nbind 127.0.0.1:81\n\
         frontend b\nbind 127.0.0.1:82\n",
    );
    let live = Live::new(&plan);
    assert!(live.begin_connection(0, 0) && live.begin_connection(0, 0));
    assert!(!live.begin_connection(0, 0), "the bind is full");
    assert!(!live.has_room(0, 0) && live.has_room(0, 1));
    assert!(live.begin_connection(0, 1));
    assert!(!live.begin_connection(0, 1), "the frontend is full");
    assert_eq!((live.connections(), live.frontend_connections(0)), (3, 3));
    assert!(live.begin_connection(1, 0) && live.begin_connection(1, 0));
    assert!(!live.begin_connection(1, 0), "the process is full");
    assert!(!live.has_room(1, 0));
    assert_eq!(live.bind_connections(0, 0), 2);
    for (frontend, bind) in [(0, 0), (0, 0), (0, 1), (1, 0), (1, 0)] {
        live.end_connection(frontend, bind);
    }
    assert_eq!((live.connections(), live.frontend_connections(0)), (0, 0));
    assert_eq!(live.rate(Rate::FrontendConnections(0)), 3, "what was refused does not count");
}

/// A server whose judge is gone does not stay as it was judged.
#[test]
fn a_reload_ends_what_nobody_else_would_end() {
    let lines = |words: &str| {
        listen(&format!(
            "balance roundrobin\nserver s 127.0.0.1:1 {words}\nserver l 127.0.0.1:2 check"
        ))
    };
    let after = |was: &str, is: &str, change: fn(&Live)| {
        let (old_plan, new_plan) = (lines(was), lines(is));
        let old = Live::new(&old_plan);
        change(&old);
        let (new, _) = old.succeed(&old_plan, &new_plan, &Succession::new(&old_plan, &new_plan));
        let s = new.server(0, 0).expect("a server");
        (s.admin(), s.health(), s.ramp(), new.changed().to_vec())
    };
    let down = |live: &Live| {
        live.server(0, 0).expect("a server").checkup().check.set(false);
        live.set_health(0, 0, Health::Stopped);
    };
    let follows = |live: &Live| {
        live.set_admin(0, 0, Admin(Admin::INHERITED.0 | Admin::FORCED_DRAIN.0), true);
        live.set_health(0, 0, Health::Stopped);
    };
    let starts = |live: &Live| {
        live.set_ramp(0, 0, 7);
        live.set_health(0, 0, Health::Starting);
    };
    let none = Admin::default();
    assert_eq!(after("check", "", down), (none, Health::Running, 100, vec![(0, 0)]));
    assert_eq!(after("check", "check inter 9s", down), (none, Health::Stopped, 100, vec![]));
    assert_eq!(
        after("track l/l", "weight 3", follows),
        (Admin::FORCED_DRAIN, Health::Running, 100, vec![(0, 0)])
    );
    assert_eq!(
        after("check slowstart 9s", "check", starts),
        (none, Health::Running, 100, vec![(0, 0)])
    );
    assert_eq!(
        after("check slowstart 9s", "check slowstart 8s", starts),
        (none, Health::Starting, 7, vec![])
    );
    // What an operator said of one that nobody checks stays.
    assert_eq!(after("", "weight 1", down), (none, Health::Stopped, 100, vec![]));
}

#[test]
fn without_a_limit_the_descriptors_are_one() {
    let mut live = Live::new(&listen(""));
    assert_eq!(live.limit_by_descriptors(1064, 0), 500);
    let mut said = Live::new(&plan("global\nmaxconn 7\n"));
    assert_eq!(said.limit_by_descriptors(1_000_000, 0), 7);
    let mut few = Live::new(&listen(""));
    assert_eq!(few.limit_by_descriptors(10, 3), 16, "hardly any descriptors");
}

#[test]
fn threads_never_pass_a_limit_and_leave_nothing_behind() {
    let plan = plan(
        "frontend a\nmaxconn 3\nbind 127.0.0.1:80\nlisten b\nserver s 127.0.0.1:1 maxconn 2\n",
    );
    let (live, most, refused) = (Live::new(&plan), AtomicU32::new(0), AtomicU32::new(0));
    let (inside, served) = (AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    if live.begin_connection(0, 0) {
                        let now = inside.fetch_add(1, Relaxed) + 1;
                        most.fetch_max(now, Relaxed);
                        assert!(now <= 3, "{now} connections");
                        inside.fetch_sub(1, Relaxed);
                        live.end_connection(0, 0);
                    } else {
                        refused.fetch_add(1, Relaxed);
                    }
                    if live.begin_server(1, 0) {
                        assert!(served.fetch_add(1, Relaxed) < 2);
                        served.fetch_sub(1, Relaxed);
                        live.end_server(1, 0);
                    }
                }
            });
        }
    });
    assert!(most.load(Relaxed) >= 1);
    assert_eq!((live.connections(), live.frontend_connections(0)), (0, 0));
    assert_eq!(live.server_connections(1, 0), 0);
}

#[test]
fn minconn_grows_with_the_load() {
    let live = Live::new(&listen("fullconn 100\nserver s 127.0.0.1:1 minconn 10 maxconn 50"));
    assert_eq!(live.server_limit(0, 0), 10);
    (0..50).for_each(|_| live.begin_backend(0));
    assert_eq!(live.server_limit(0, 0), 25);
    (0..50).for_each(|_| live.begin_backend(0));
    assert_eq!(live.server_limit(0, 0), 50);
    assert_eq!(live.backend_connections(0), 100);
    let plain = Live::new(&listen("server s 127.0.0.1:1 maxconn 50\nserver t 127.0.0.1:1"));
    assert_eq!((plain.server_limit(0, 0), plain.server_limit(0, 1)), (50, 0));
}

#[test]
fn the_full_load_is_a_tenth_of_the_frontends() {
    let text = "frontend a\nmaxconn 100\ndefault_backend b\nfrontend c\nmaxconn 55\n\
                use_backend b if TRUE\nfrontend d\nmaxconn 1000\nbackend b\nserver s 127.0.0.1:1\n";
    let plan = plan(text);
    assert_eq!(full_load(&plan, &plan.proxies[3]), 16);
}

#[test]
fn servers_go_up_and_down() {
    let live = Live::new(&listen(
        "server a 127.0.0.1:1\nserver b 127.0.0.1:1 disabled\nserver c 127.0.0.1:1 weight 0\n\
         server d 127.0.0.1:1 backup\nserver e 127.0.0.1:1 backup",
    ));
    assert_eq!(live.servers_up(0), 1);
    assert!(live.server_up(0, 0) && !live.server_up(0, 1) && live.server_up(0, 2));
    let before = live.generation(0);
    live.set_health(0, 0, Health::Stopped);
    assert_ne!(live.generation(0), before);
    assert_eq!(live.servers_up(0), 2, "the backups are what is left");
    live.set_health(0, 0, Health::Stopped);
    assert_eq!(live.generation(0), before + 1, "nothing changed");
}

#[test]
fn a_rate_slides_over_a_second() {
    let rated = Rated::default();
    (0..10).for_each(|_| rated.note());
    assert_eq!(rated.rate(0), 10);
    rated.roll(WINDOW_US);
    assert_eq!((rated.rate(0), rated.rate(WINDOW_US / 2), rated.rate(WINDOW_US)), (10, 5, 0));
    (0..4).for_each(|_| rated.note());
    assert_eq!(rated.rate(WINDOW_US / 2), 9);
    rated.roll(2 * WINDOW_US);
    assert_eq!(rated.rate(0), 2, "four in two seconds");
}

#[test]
fn a_ramp_takes_from_weight_and_places_and_nothing_is_left_out() {
    let live = Live::new(&listen("server a 127.0.0.1:1 weight 3 maxconn 10\nserver b 127.0.0.1:1"));
    let weights = || live.servers(0).iter().map(|it| it.effective_weight()).collect::<Vec<_>>();
    assert_eq!(weights(), [48, 16]);
    let before = live.generation(0);
    assert_eq!(live.set_ramp(0, 0, 50), Some(100));
    assert_ne!(live.generation(0), before, "the balance learns of it");
    assert_eq!((weights(), live.server_limit(0, 0)), (vec![24, 16], 5));
    assert_eq!(live.set_ramp(0, 1, 0), Some(100));
    assert_eq!((weights(), live.server_limit(0, 1)), (vec![24, 1], 0));
    live.set_weight(0, 1, 0);
    assert_eq!(weights(), [24, 0]);
    assert_eq!(live.servers(0)[1].fixed_weight(), 0);
    live.set_weight(0, 1, 77);
    assert_eq!(live.servers(0)[1].fixed_weight(), 1, "what it was configured with");
    assert!(!live.has_fixed_weights(0));
    assert!(Live::new(&listen("balance static-rr")).has_fixed_weights(0));
    assert!(Live::new(&listen("balance source")).has_fixed_weights(0));
}

#[test]
fn backups_are_active_in_their_turn() {
    let lines = "server a 127.0.0.1:1\nserver b 127.0.0.1:1 backup\nserver c 127.0.0.1:1 backup\n";
    let active = |live: &Live| (0..3).map(|at| live.is_active(0, at)).collect::<Vec<_>>();
    let live = Live::new(&listen(lines));
    assert_eq!(active(&live), [true, false, false]);
    live.set_health(0, 0, Health::Stopped);
    assert_eq!(active(&live), [false, true, false]);
    let all = Live::new(&listen(&format!("option allbackups\n{lines}")));
    all.set_admin(0, 0, Admin::FORCED_DRAIN, true);
    assert_eq!(active(&all), [false, true, true]);
}

#[test]
fn a_plan_that_follows_counts_on() {
    let old_plan = plan(
        "global\nmaxconn 9\nfrontend a\nmaxconn 3\nbind 127.0.0.1:80 maxconn 2\n\
         default_backend b\nbackend b\nserver x 192.0.2.1:80 weight 5 maxconn 4\n\
         server y 192.0.2.2:80 weight 5\n",
    );
    let new_plan = plan(
        "global\nmaxconn 9\nbackend b\nserver y 192.0.2.2:80 weight 7\n\
         server x 192.0.2.1:80 weight 5 maxconn 1\nserver z 192.0.2.3:80\n\
         frontend a\nmaxconn 4\nbind 127.0.0.1:80 maxconn 2\ndefault_backend b\n",
    );
    let old = Live::new(&old_plan);
    assert!(old.begin_connection(0, 0) && old.begin_connection(0, 0));
    assert!(old.begin_server(1, 0) && old.begin_server(1, 0));
    old.begin_backend(1);
    old.set_weight(1, 0, 3);
    old.set_weight(1, 1, 3);
    old.set_admin(1, 0, Admin::FORCED_DRAIN, true);
    let heirs = Succession::new(&old_plan, &new_plan);
    let (new, _) = old.succeed(&old_plan, &new_plan, &heirs);
    assert_eq!((new.connections(), new.frontend_connections(1)), (2, 2));
    assert!(!new.begin_connection(1, 0), "the bind is as full as it was");
    assert_eq!((new.backend_connections(0), new.server_connections(0, 1)), (1, 2));
    let x = new.server(0, 1).expect("x");
    assert_eq!((x.weight(), x.limits(), x.total()), (3, (1, 1), 2), "a weight that was set stays");
    assert!(x.admin().has(Admin::FORCED_DRAIN));
    assert_eq!(new.server(0, 0).expect("y").weight(), 7, "a weight that is new holds");
    assert_eq!(new.server(0, 2).expect("z").weight(), 1);
    assert!(!new.begin_server(0, 1), "maxconn is less now");
    old.end_server(1, 0);
    old.end_server(1, 0);
    assert!(new.begin_server(0, 1) && !new.begin_server(0, 1));
    old.end_connection(0, 0);
    assert!(new.begin_connection(1, 0));
    new.end_connection(1, 0);
    old.end_connection(0, 0);
    assert_eq!((old.connections(), new.connections()), (0, 0));
    old.stop();
    assert!(new.stopping());
}

#[test]
fn binds_that_become_one_are_counted_together() {
    let one_by_one = plan("frontend a\nbind 127.0.0.1:80\nbind 127.0.0.1:81\n");
    let together = plan("frontend a\nbind 127.0.0.1:80,127.0.0.1:81 maxconn 3\n");
    let old = Live::new(&one_by_one);
    assert!(old.begin_connection(0, 0) && old.begin_connection(0, 0) && old.begin_connection(0, 1));
    let heirs = Succession::new(&one_by_one, &together);
    let (new, _) = old.succeed(&one_by_one, &together, &heirs);
    for (moved, bind) in (1..).zip([0, 0, 1]) {
        new.take_over(&old, (0, bind), (0, 0));
        assert!(new.bind_connections(0, 0) >= moved);
    }
    assert_eq!((new.bind_connections(0, 0), old.bind_connections(0, 0)), (3, 0));
    assert_eq!((new.frontend_connections(0), new.connections()), (3, 3));
    (0..3).for_each(|_| new.end_connection(0, 0));
    assert_eq!((new.bind_connections(0, 0), new.frontend_connections(0)), (0, 0));
}

/// Figures are shared: what a plan that is over would have followers inherit, nobody would take back.
#[test]
fn nobody_follows_by_a_plan_that_is_over() {
    let old_plan = listen("server s 127.0.0.1:1 track l\nserver l 127.0.0.1:2 check");
    let new_plan = listen("server s 127.0.0.1:1\nserver l 127.0.0.1:2 check");
    let old = Live::new(&old_plan);
    let set = |live: &Live| live.inherit(|| live.set_admin(0, 0, Admin::INHERITED_MAINT, true));
    assert!(set(&old).is_some() && !old.is_superseded());
    let (new, _) = old.succeed(&old_plan, &new_plan, &Succession::new(&old_plan, &new_plan));
    assert!(old.is_superseded() && !new.is_superseded());
    assert_eq!(set(&old), None);
    assert_eq!(new.server(0, 0).expect("a server").admin(), Admin::default());
    assert!(set(&new).is_some());
}
