//! `help`, and what is answered to what is no command.

use super::{Answer, Call, Command, all};
use crate::admin::socket::Session;
use crate::config::nearest::nearest;
use crate::config::plan::CommandLevel;

/// How many commands are offered for one that does not exist.
const OFFERED: usize = 8;

/// Those that are part of every list, as in HAProxy.
const ALWAYS: &[&str] = &["help", "prompt", "quit"];

/// The table.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "help",
    usage: "[<command>]",
    about: "list matching or all commands",
    level: CommandLevel::User,
    run: help,
}];

fn help(call: &mut Call, _: &mut Session) -> Answer {
    let chosen = match call.words.is_empty() {
        true => sorted(all()),
        false => beginning(&call.words),
    };
    if chosen.is_empty() {
        return Answer::error(unknown(&call.words));
    }
    Answer::Text(format!("The following commands are valid at this level:\n{}", list(&chosen)))
}

/// What is answered to words that begin with no command's name.
pub(super) fn unknown(words: &[String]) -> String {
    let first = words.first().map_or("", |word| word);
    let shown = crate::config::args::shown_text(first);
    let mut near = beginning(words);
    if near.is_empty() {
        near = similar(words);
    }
    match near.is_empty() {
        true => format!(
            "Unknown command: '{shown}'. Please enter one of the following commands only:\n{}",
            list(&sorted(all()))
        ),
        false => format!(
            "Unknown command: '{shown}', but maybe one of the following ones is a better match:\n{}",
            list(&near)
        ),
    }
}

fn sorted(commands: impl Iterator<Item = &'static Command>) -> Vec<&'static Command> {
    let mut commands: Vec<_> = commands.collect();
    commands.sort_by_key(|command| command.name);
    commands
}

/// The commands whose names begin with as many of the words as any does: all of them, or all but a last one
/// that is misspelt.
fn beginning(words: &[String]) -> Vec<&'static Command> {
    let common = |command: &Command| {
        command.name.split(' ').zip(words).take_while(|(name, word)| name == word).count()
    };
    let most = all().map(common).max().unwrap_or(0);
    if most == 0 {
        return Vec::new();
    }
    let fits: Vec<_> = sorted(all().filter(|command| common(command) == most));
    // Of a misspelt word the nearest come first; of an unfinished one those that begin so.
    let Some(next) = words.get(most) else { return fits };
    let word_of = |command: &'static Command| command.name.split(' ').nth(most).unwrap_or_default();
    let begun: Vec<_> =
        fits.iter().copied().filter(|command| word_of(command).starts_with(&**next)).collect();
    if !begun.is_empty() {
        return begun;
    }
    let near = nearest(next, fits.iter().map(|command| word_of(command)));
    let close: Vec<_> =
        fits.iter().copied().filter(|command| near.contains(&word_of(command))).collect();
    if close.is_empty() { fits } else { close }
}

/// The commands whose names look like the words.
fn similar(words: &[String]) -> Vec<&'static Command> {
    let distance = |command: &Command| {
        let length = command.name.split(' ').count().min(words.len());
        let first = |parts: &mut dyn Iterator<Item = &str>| {
            parts.take(length).collect::<Vec<_>>().join(" ")
        };
        let name = first(&mut command.name.split(' '));
        let said = first(&mut words.iter().map(|word| word.get(..32).unwrap_or(word)));
        let edits = strsim::damerau_levenshtein(&name, &said);
        (edits <= name.len() / 3).then_some(edits)
    };
    let mut near: Vec<_> =
        all().filter_map(|command| Some((distance(command)?, command.name, command))).collect();
    near.sort_unstable_by_key(|(edits, name, _)| (*edits, *name));
    near.into_iter().take(OFFERED).map(|(_, _, command)| command).collect()
}

/// A line for each, and for those that always are there.
fn list(commands: &[&'static Command]) -> String {
    let others = all().filter(|command| ALWAYS.contains(&command.name));
    let chosen = commands.iter().copied().filter(|command| !ALWAYS.contains(&command.name));
    let mut text = String::new();
    for command in chosen.chain(sorted(others)) {
        let call = match command.usage.is_empty() {
            true => command.name.to_owned(),
            false => format!("{} {}", command.name, command.usage),
        };
        text.push_str(&format!("  {call:<40}: {}\n", command.about));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(said: &str) -> Vec<&'static str> {
        let words: Vec<String> = said.split(' ').map(str::to_owned).collect();
        let mut near = beginning(&words);
        if near.is_empty() {
            near = similar(&words);
        }
        near.iter().map(|command| command.name).collect()
    }

    #[test]
    fn a_typo_is_answered_with_the_nearest() {
        assert_eq!(offered("shwo version").first(), Some(&"show version"));
        assert_eq!(offered("show verison"), ["show version"]);
        assert_eq!(offered("disabel server").first(), Some(&"disable server"));
        assert!(
            offered("show").len() > 5 && offered("show").iter().all(|it| it.starts_with("show"))
        );
        assert!(offered("zzz qqq").is_empty());
        assert!(unknown(&["zzz".to_owned()]).contains("one of the following commands only:\n"));
    }

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<_> = all().map(|command| command.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
