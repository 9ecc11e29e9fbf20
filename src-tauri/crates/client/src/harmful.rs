//! Which characters of somebody else's text a terminal or a notice does not show as they are. Knows no meaning.

/// Controls (C0, DEL, C1), separators of lines, and what changes the direction of writing or is not seen.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
