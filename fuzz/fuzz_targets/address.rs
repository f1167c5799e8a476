//! Addresses as an operator writes them: nothing panics, a fault points into the text, and what is
//! understood is understood the same when it is printed and read again.
#![no_main]

use koi::config::address::{Allowed, parse};

const STATEMENTS: &[Allowed] = &[
    Allowed::BIND,
    Allowed::SERVER,
    Allowed::SOURCE,
    Allowed::CHECK,
    Allowed::AGENT,
    Allowed::LOG,
    Allowed::NAMESERVER,
    Allowed::PEER,
    Allowed::MAILER,
];

libfuzzer_sys::fuzz_target!(|text: &str| {
    for allowed in STATEMENTS {
        match parse(text, allowed) {
            Ok(endpoint) => {
                let printed = endpoint.to_string();
                let again = parse(&printed, allowed);
                assert_eq!(again.as_ref(), Ok(&endpoint), "printed as {printed:?}");
            }
            Err(fault) => {
                assert!(text.get(fault.range.clone()).is_some(), "{fault:?}");
                assert!(!fault.message.is_empty());
            }
        }
    }
});
