//! Arithmetic and bits. Sums and products stop at the ends of 64 bits, as HAProxy's do.

use super::{Converter, converter};
use crate::rules::arg::{Arg, Kind, Param, must};
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

const OPERAND: &[Param] = &[must("value", Kind::IntOrVariable)];

/// The operand: a constant, or what a variable holds.
fn operand(context: &Context<'_>, args: &[Arg]) -> Option<i64> {
    match args.first()? {
        Arg::Int(number) => Some(*number),
        Arg::Str(name) => context.variables.get(name)?.to_int(),
        _ => None,
    }
}

macro_rules! binary {
    ($($name:ident |$left:ident, $right:ident| $result:expr;)*) => {
        $(fn $name<'a>(context: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
            let ($left, $right) = (value?.to_int()?, operand(context, args)?);
            Some(Value::Int($result))
        })*
    };
}

binary! {
    add |left, right| left.saturating_add(right);
    sub |left, right| left.saturating_sub(right);
    mul |left, right| left.saturating_mul(right);
    div |left, right| if right == 0 { i64::MAX } else { left.saturating_div(right) };
    modulo |left, right| left.checked_rem(right).unwrap_or(0);
    and |left, right| left & right;
    or |left, right| left | right;
    xor |left, right| left ^ right;
}

macro_rules! unary {
    ($($name:ident |$it:ident| $result:expr;)*) => {
        $(fn $name<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
            let $it = value?.to_int()?;
            Some($result)
        })*
    };
}

unary! {
    neg |it| Value::Int(it.saturating_neg());
    cpl |it| Value::Int(!it);
    not |it| Value::Bool(it == 0);
    truth |it| Value::Bool(it != 0);
    odd |it| Value::Bool(it & 1 == 1);
    even |it| Value::Bool(it & 1 == 0);
}

/// The table.
pub const CONVERTERS: &[Converter] = &[
    converter(
        "add",
        OPERAND,
        Type::Int,
        Type::Int,
        "Adds a number or a variable.",
        "int(5),add(3)",
        add,
    ),
    converter(
        "sub",
        OPERAND,
        Type::Int,
        Type::Int,
        "Subtracts a number or a variable.",
        "int(5),sub(3)",
        sub,
    ),
    converter(
        "mul",
        OPERAND,
        Type::Int,
        Type::Int,
        "Multiplies by a number or a variable.",
        "int(5),mul(3)",
        mul,
    ),
    converter(
        "div",
        OPERAND,
        Type::Int,
        Type::Int,
        "Divides; by zero it gives the largest number.",
        "int(5),div(3)",
        div,
    ),
    converter(
        "mod",
        OPERAND,
        Type::Int,
        Type::Int,
        "The remainder of a division; by zero it gives 0.",
        "rand,mod(10)",
        modulo,
    ),
    converter("and", OPERAND, Type::Int, Type::Int, "Bits that both have.", "int(6),and(3)", and),
    converter("or", OPERAND, Type::Int, Type::Int, "Bits that either has.", "int(6),or(3)", or),
    converter(
        "xor",
        OPERAND,
        Type::Int,
        Type::Int,
        "Bits that one of the two has.",
        "int(6),xor(3)",
        xor,
    ),
    converter("neg", &[], Type::Int, Type::Int, "The opposite.", "int(5),neg", neg),
    converter("cpl", &[], Type::Int, Type::Int, "All bits flipped.", "int(5),cpl", cpl),
    converter("not", &[], Type::Int, Type::Bool, "True for 0.", "int(0),not", not),
    converter("bool", &[], Type::Int, Type::Bool, "False for 0.", "int(5),bool", truth),
    converter("odd", &[], Type::Int, Type::Bool, "Whether it is odd.", "int(5),odd", odd),
    converter("even", &[], Type::Int, Type::Bool, "Whether it is even.", "int(4),even", even),
];
