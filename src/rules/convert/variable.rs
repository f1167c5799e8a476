//! Converters that set variables in passing.

use super::{Converter, checked, converter};
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, may, must};
use crate::rules::compiler::Compiler;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

const CONDITIONS: &[&str] =
    &["ifexists", "ifnotexists", "ifempty", "ifnotempty", "ifset", "ifnotset", "ifgt", "iflt"];

/// Whether a condition of `set-var` holds for the value to be set and the one that is there.
pub fn condition_holds(name: &str, new: &Value<'_>, old: Option<&Value<'_>>) -> bool {
    let empty = match new {
        Value::Str(text) | Value::Bin(text) | Value::Method(text) => text.is_empty(),
        Value::Bool(_) | Value::Int(_) | Value::Addr(_) => false,
    };
    let compare = |wanted: std::cmp::Ordering| match (old, new) {
        (Some(Value::Int(old)), Value::Int(new)) => old.cmp(new) == wanted,
        _ => true,
    };
    match name {
        "ifexists" | "ifset" => old.is_some(),
        "ifnotexists" | "ifnotset" => old.is_none(),
        "ifempty" => empty,
        "ifnotempty" => !empty,
        "ifgt" => compare(std::cmp::Ordering::Greater),
        "iflt" => compare(std::cmp::Ordering::Less),
        _ => true,
    }
}

/// Whether `name` is a condition of `set-var`.
pub fn is_condition(name: &str) -> bool {
    CONDITIONS.contains(&name)
}

fn set_var<'a>(
    context: &Context<'a>,
    value: Option<Value<'a>>,
    args: &'a [Arg],
) -> Option<Value<'a>> {
    let (value, name) = (value?, args.first()?.text()?);
    let old = context.variables.get(name);
    let holds = |arg: &Arg| arg.text().is_none_or(|it| condition_holds(it, &value, old.as_ref()));
    if args[1..].iter().all(holds) {
        context.variables.set(name, value.clone().into_owned());
    }
    Some(value)
}

fn unset_var<'a>(
    context: &Context<'a>,
    value: Option<Value<'a>>,
    args: &'a [Arg],
) -> Option<Value<'a>> {
    let value = value?;
    context.variables.unset(args.first()?.text()?);
    Some(value)
}

fn check_conditions(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    match args[1..].iter().filter_map(Arg::text).find(|name| !is_condition(name)) {
        Some(bad) => {
            compiler
                .report
                .error(span, format!("`{bad}` is not a condition of `set-var`"))
                .help(format!("there are: {}", CONDITIONS.join(", ")));
            None
        }
        None => Some(()),
    }
}

/// The table.
pub const CONVERTERS: &[Converter] = &[
    checked(
        converter(
            "set-var",
            &[
                must("variable", Kind::Variable),
                may("condition", Kind::Str),
                may("condition", Kind::Str),
                may("condition", Kind::Str),
                may("condition", Kind::Str),
            ],
            Type::Any,
            Type::Any,
            "Sets a variable to the sample, if all conditions hold, and passes the sample on.",
            "src,set-var(txn.client)",
            set_var,
        ),
        check_conditions,
    ),
    converter(
        "unset-var",
        &[must("variable", Kind::Variable)],
        Type::Any,
        Type::Any,
        "Forgets a variable, and passes the sample on.",
        "src,unset-var(txn.client)",
        unset_var,
    ),
];
