//! Text in HTML: everything that a configuration or a server says is escaped.

/// Adds a text, as content or inside a quoted attribute.
pub fn text(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What no page shows, and what turns the direction of what follows.
            letter if letter.is_control() => out.push(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
}

/// The same, by itself.
pub fn escaped(it: &str) -> String {
    let mut out = String::with_capacity(it.len());
    text(it, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_place() {
        let hostile = "</td><script>x('\"&amp;')\u{0}\u{202e}";
        assert_eq!(
            escaped(hostile),
            "&lt;/td&gt;&lt;script&gt;x(&#39;&quot;&amp;amp;&#39;) \u{fffd}"
        );
    }
}
