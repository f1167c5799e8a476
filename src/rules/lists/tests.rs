//! Lists, as commands and rules change them.

use super::*;
use crate::rules::testing::World;

/// Compiles a plan with these files; its lists.
fn program(
    text: &str,
    files: &[(&str, &str)],
    before: &Lists,
) -> (World, crate::rules::program::Program) {
    let mut world = World::request("GET /x/1 HTTP/1.1\nHost: a\n");
    for (name, content) in files {
        world.files.0.insert((*name).into(), content.as_bytes().to_vec());
    }
    let world = world.plan(text);
    let mut report = crate::config::report::Report::default();
    let program =
        crate::rules::compile::compile_after(before, &world.plan, &world.files, &mut report);
    assert!(!report.failed(), "{:?}", report.faults);
    (world, program)
}

const MAP: &str = "frontend f\n mode http\n http-request set-header X %[path,map_beg(m,none)]\n";

fn found(list: &List, text: &str) -> Option<String> {
    let entries = list.entries(None);
    let place = list.uses().first().expect("a use").look_up(text, &entries);
    place.entry.map(|entry| entry.value.to_string())
}

#[test]
fn a_map_changes_while_it_is_used() {
    let (_world, program) =
        program(MAP, &[("m", "/a one\n/b two words\n# no\n/a again\n")], &Lists::default());
    let list = program.lists.named("m", true).expect("a map");
    assert_eq!(found(&list, "/a/x").as_deref(), Some("one"));
    list.set(&Which::Key("/b"), "2").expect("a key");
    assert_eq!(found(&list, "/b").as_deref(), Some("2"));
    assert_eq!(list.set(&Which::Key("/c"), "3"), Err(Fault::Absent));
    list.put("/c", "3").expect("room");
    assert_eq!(found(&list, "/c").as_deref(), Some("3"));
    // Of two entries of one key the first counts, until it is gone.
    let first = list.entries(None).values().next().expect("an entry").id;
    list.remove(&Which::Id(first)).expect("an entry");
    assert_eq!(found(&list, "/a").as_deref(), Some("again"));
    list.remove(&Which::Key("/a")).expect("a key");
    assert_eq!((found(&list, "/a"), list.remove(&Which::Key("/a"))), (None, Err(Fault::Absent)));
    list.clear(None).expect("empty");
    assert_eq!((found(&list, "/b"), list.figures().entries), (None, 0));
}

#[test]
fn versions_are_prepared_beside_the_current_one() {
    let (_world, program) = program(MAP, &[("m", "/a one\n")], &Lists::default());
    let list = program.lists.named("m", true).expect("a map");
    assert_eq!(list.add(Some(1), "/a", "x"), Err(Fault::Future));
    assert_eq!(list.prepare(), Ok(1));
    list.add(Some(1), "/a", "new").expect("prepared");
    assert_eq!(found(&list, "/a").as_deref(), Some("one"));
    assert_eq!(list.entries(Some(1)).len(), 1);
    list.commit(1).expect("prepared");
    assert_eq!(found(&list, "/a").as_deref(), Some("new"));
    assert_eq!(list.commit(1), Err(Fault::Past));
    assert_eq!((list.figures().current, list.figures().newest), (1, 1));
    (0..PREPARED_MAX).for_each(|_| assert!(list.prepare().is_ok()));
    assert_eq!(list.prepare(), Err(Fault::Full));
}

#[test]
fn what_a_use_cannot_take_is_refused() {
    let text = "frontend f\n mode http\n http-request set-header X %[src,map_ip_int(m)]\n";
    let (_world, program) =
        program(text, &[("m", "10.0.0.0/8 1\n10.1.0.0/16 2\n")], &Lists::default());
    let list = program.lists.named("m", true).expect("a map");
    assert!(matches!(list.add(None, "nonsense", "1"), Err(Fault::Refused(_))));
    assert!(matches!(list.add(None, "10.2.0.0/16", "x"), Err(Fault::Refused(_))));
    assert!(matches!(list.set(&Which::Key("10.0.0.0/8"), "x"), Err(Fault::Refused(_))));
    assert_eq!(found(&list, "10.1.2.3").as_deref(), Some("2"));
    list.remove(&Which::Key("10.1.0.0/16")).expect("a key");
    assert_eq!(found(&list, "10.1.2.3").as_deref(), Some("1"));
    let pairs = [("10.3.0.0/16", "3"), ("bad", "4"), ("10.5.0.0/16", "5")];
    assert!(matches!(list.add_all(None, pairs.into_iter()), Err(Fault::Refused(_))));
    assert_eq!(
        (found(&list, "10.3.0.1").as_deref(), found(&list, "10.5.0.1").as_deref()),
        (Some("3"), Some("1"))
    );
}

/// Whether the condition of the plan's only rule holds.
fn holds(world: &World, program: &crate::rules::program::Program) -> bool {
    program.proxy(0).routes.next(0, &world.context()).is_some()
}

#[test]
fn patterns_of_acls_change_while_they_are_used() {
    let text = "frontend f\n mode http\n acl bad path_beg -f l /inline\n use_backend b if bad\nbackend b\n mode http\n";
    let (world, program) = program(text, &[("l", "/a\n")], &Lists::default());
    let list = program.lists.named("l", false).expect("a list");
    assert!(!holds(&world, &program));
    list.add(None, "/x", "").expect("a pattern");
    assert!(holds(&world, &program));
    list.remove(&Which::Key("/x")).expect("a pattern");
    assert!(!holds(&world, &program));
    // More than a small matcher holds, and one of the many goes again.
    let many: Vec<String> = (0..1000).map(|n| format!("/x/{n}")).collect();
    for pattern in &many {
        list.add(None, pattern, "").expect("a pattern");
    }
    assert!(holds(&world, &program));
    list.remove(&Which::Key("/x/1")).expect("a pattern");
    assert!(!holds(&world, &program), "/x/1 begins with nothing that is left but /x/1 itself");
    list.clear(None).expect("empty");
    assert!(!holds(&world, &program));
    let fixed = program.lists.fixed();
    assert!(fixed.iter().any(|it| it.patterns.iter().any(|text| &**text == "/inline")));
}

#[test]
fn changes_survive_a_reload_unless_the_file_is_another() {
    let (_one, first) = program(MAP, &[("m", "/a one\n")], &Lists::default());
    first.lists.named("m", true).expect("a map").put("/b", "two").expect("room");
    let (_two, second) = program(MAP, &[("m", "/a one\n")], &first.lists);
    let list = second.lists.named("m", true).expect("a map");
    assert_eq!(found(&list, "/b").as_deref(), Some("two"));
    assert!(second.lists.left_behind().is_empty());
    // Connections of the old plan change the same list.
    first.lists.named("m", true).expect("a map").put("/c", "three").expect("room");
    assert_eq!(list.uses().len(), 2);
    assert!(list.uses().iter().all(|it| it.look_up("/c", &list.entries(None)).entry.is_some()));
    let (_three, third) = program(MAP, &[("m", "/a uno\n")], &second.lists);
    let list = third.lists.named("m", true).expect("a map");
    assert_eq!((found(&list, "/a").as_deref(), found(&list, "/b")), (Some("uno"), None));
    assert_eq!(third.lists.left_behind().len(), 1);
    drop(first);
    drop(second);
}

#[test]
fn rules_change_maps_and_lists() {
    let text = "frontend f\n mode http\n http-request set-map(m) %[path] seen\n \
                http-request set-header X %[path,map(m)]\n http-request add-acl(l) %[path]\n \
                acl known path -f l\n";
    let (world, program) = program(text, &[("m", ""), ("l", "")], &Lists::default());
    let context = world.context();
    let rules = program.proxy(0).list(crate::rules::action::Ruleset::HttpRequest);
    for rule in &rules.rules {
        if let crate::rules::action::Action::Map(edit) = &rule.action {
            edit.run(&context);
            edit.run(&context);
        }
    }
    let entries = |name: &str, is_map| {
        let list = program.lists.named(name, is_map).expect("a list");
        list.entries(None)
            .values()
            .map(|it| (it.key.to_string(), it.value.to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(entries("m", true), [("/x/1".to_owned(), "seen".to_owned())]);
    assert_eq!(entries("l", false), [("/x/1".to_owned(), String::new())]);
}
