//! Slots of captures: those that are declared and those that rules bring, in the order of the lines.

use crate::config::plan::{Capture, Proxy};
use crate::config::source::Span;
use crate::rules::action::setting::{Setting, Slot};
use crate::rules::action::{Action, Ruleset};
use crate::rules::compiler::Compiler;
use crate::rules::program::{CaptureSlot, List, ProxyProgram, Rule};

/// The lists whose rules may bring a slot of their own.
const BRINGING: [Ruleset; 2] = [Ruleset::TcpContent, Ruleset::HttpRequest];

/// Gives every rule with `len` its slot, and checks the slots that rules name.
pub fn assign(proxy: &Proxy, program: &mut ProxyProgram, compiler: &mut Compiler<'_>) {
    let slot = |capture: &Capture| CaptureSlot {
        field: capture.header.as_ref().map(|name| name.value.clone()),
        length: capture.length.value as usize,
    };
    let mut slots: Vec<(Span, CaptureSlot)> =
        proxy.front.request_captures.iter().map(|it| (it.length.span, slot(it))).collect();
    for ruleset in BRINGING {
        for rule in &program.list(ruleset).rules {
            if let Some(Slot::Own { length, .. }) = slot_of(&rule.action) {
                slots.push((rule.span, CaptureSlot { field: None, length }));
            }
        }
    }
    slots.sort_by_key(|(span, _)| *span);
    for ruleset in BRINGING {
        let mut rules = std::mem::take(&mut program.list_mut(ruleset).rules);
        for rule in &mut rules {
            number(rule, &slots);
        }
        *program.list_mut(ruleset) = List::new(rules);
    }
    program.request_captures = slots.into_iter().map(|(_, slot)| slot).collect();
    program.response_captures = proxy.front.response_captures.iter().map(slot).collect();
    // In a backend the slots are those of the frontend that a request came through.
    if proxy.has_frontend() {
        check(program, compiler);
    }
}

fn slot_of(action: &Action) -> Option<Slot> {
    match action {
        Action::Setting(Setting::Capture(capture)) => Some(capture.slot),
        _ => None,
    }
}

fn number(rule: &mut Rule<Action>, slots: &[(Span, CaptureSlot)]) {
    let Action::Setting(Setting::Capture(capture)) = &mut rule.action else { return };
    if let Slot::Own { index, .. } = &mut capture.slot {
        *index = slots.iter().position(|(span, _)| *span == rule.span).unwrap_or_default();
    }
}

/// Reports rules that name a slot that there is not.
fn check(program: &ProxyProgram, compiler: &mut Compiler<'_>) {
    for ruleset in Ruleset::ALL {
        for rule in &program.list(ruleset).rules {
            let Action::Setting(Setting::Capture(capture)) = &rule.action else { continue };
            let Slot::Declared(index) = capture.slot else { continue };
            let (slots, what) = match capture.response {
                true => (&program.response_captures, "response"),
                false => (&program.request_captures, "request"),
            };
            if index >= slots.len() {
                compiler
                    .report
                    .error(
                        rule.span,
                        format!("there is no slot {index} for captures of the {what}"),
                    )
                    .label(match slots.len() {
                        0 => "none is declared".to_owned(),
                        count => format!("there are {count}, counted from 0"),
                    })
                    .help(format!("declare one: declare capture {what} len 32"));
            }
        }
    }
}
