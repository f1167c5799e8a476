//! Addresses as an operator writes them: nothing panics, a fault points into the text, and what is
//! understood is understood the same when it is printed and read again.
#![no_main]

use koi_sys::net::Address;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    match Address::parse_bytes(input) {
        Ok(address) => {
            let printed = address.to_string();
            let again = Address::parse(&printed);
            assert_eq!(again.as_ref(), Ok(&address), "printed as {printed:?}");
            let _ = address.resolve_literal();
        }
        Err(error) => {
            assert!(error.at <= input.len(), "{error} at {} of {}", error.at, input.len());
            assert!(!error.to_string().is_empty());
        }
    }
});
