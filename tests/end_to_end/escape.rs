//! Bytes as readable text, both ways.
//!
//! `\r \n \t \0 \\ \xHH` are what one expects; `\{text*100}` is the text so many times.

/// The bytes that a text stands for.
///
/// # Errors
/// What is wrong with it.
pub fn read(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let letter = rest.chars().next().ok_or("a backslash at the end")?;
        rest = &rest[letter.len_utf8()..];
        match letter {
            'r' => out.push(b'\r'),
            'n' => out.push(b'\n'),
            't' => out.push(b'\t'),
            '0' => out.push(0),
            '\\' => out.push(b'\\'),
            'x' => {
                let digits = rest.get(..2).ok_or("two digits behind \\x")?;
                out.push(
                    u8::from_str_radix(digits, 16).map_err(|why| format!("\\x{digits}: {why}"))?,
                );
                rest = &rest[2..];
            }
            '{' => {
                let (inside, after) = rest.split_once('}').ok_or("a `}` that ends `\\{`")?;
                let (what, times) = inside.rsplit_once('*').ok_or("`*` and a number in `\\{}`")?;
                let times: usize = times.parse().map_err(|_| format!("`{times}` is no number"))?;
                out.extend(read(what)?.repeat(times));
                rest = after;
            }
            other => return Err(format!("\\{other} means nothing")),
        }
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// Bytes to be shown on one line; long runs are cut in the middle.
pub fn show(bytes: &[u8]) -> String {
    const SHOWN: usize = 400;
    if bytes.len() <= SHOWN {
        return bytes.escape_ascii().to_string();
    }
    let (head, tail) = (&bytes[..SHOWN / 2], &bytes[bytes.len() - SHOWN / 2..]);
    let left_out = bytes.len() - SHOWN;
    format!("{} ...({left_out} bytes)... {}", head.escape_ascii(), tail.escape_ascii())
}
