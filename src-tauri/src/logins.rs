//! The logins of a config's text (a proxy's password), which reach no page: hidden on the way there, put
//! back where a text comes that still has the place of one. Never guesses: a stand-in whose address was
//! changed is the person's to fill in.

use dagpass_client::wire::ConfigReply;

/// What is shown in a login's place.
const HIDDEN: &str = "***";

pub(crate) fn hidden(reply: ConfigReply) -> ConfigReply {
    let mut text = reply.text;
    for &(from, to) in reply.logins.iter().rev() {
        if text.get(from..to).is_some() {
            text.replace_range(from..to, HIDDEN);
        }
    }
    ConfigReply { text, logins: Vec::new(), ..reply }
}

/// The page's text with the logins of the file that it was made from, or the line of a stand-in that
/// none belongs to.
pub(crate) fn put_back(text: &str, there: &ConfigReply) -> Result<String, usize> {
    let mut known: Vec<(&str, &str)> = Vec::new();
    for &(from, to) in &there.logins {
        if let (Some(login), Some(after)) = (there.text.get(from..to), there.text.get(to..)) {
            known.push((login, address(after)));
        }
    }
    let mut whole = String::with_capacity(text.len());
    for (at, line) in text.split_inclusive('\n').enumerate() {
        if line.trim_start().starts_with('#') {
            whole.push_str(line);
            continue;
        }
        let mut pieces = line.split(HIDDEN);
        whole.push_str(pieces.next().unwrap_or_default());
        for after in pieces {
            match known.iter().position(|(_, of)| *of == address(after)) {
                Some(found) => whole.push_str(known.remove(found).0),
                None if after.starts_with('@') => return Err(at + 1),
                None => whole.push_str(HIDDEN),
            }
            whole.push_str(after);
        }
    }
    Ok(whole)
}

/// Up to the quote that ends the string.
fn address(after: &str) -> &str {
    after.split(['"', '\'', '\n']).next().unwrap_or(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the logins as the agent finds them.
    fn read(text: &str, logins: &[&str]) -> ConfigReply {
        let mut from = 0;
        let place = |login: &&str| {
            let start = text[from..].find(login).unwrap() + from;
            from = start + login.len();
            (start, from)
        };
        let logins = logins.iter().map(place).collect();
        ConfigReply { text: text.to_owned(), logins, ..ConfigReply::default() }
    }

    #[test]
    fn no_login_is_shown_and_each_comes_back_to_its_own_address() {
        let text = "# \u{e9}: http://***@p:1\nproxy = \"http://a:pw@p:1\"\n[profile]\n\
            x = { proxy = \"http://b:pw2@q:1\", y = '***' }\nz.proxy = 'c:pw3@p:1'\n";
        let there = read(text, &["a:pw", "b:pw2", "c:pw3"]);
        let shown = hidden(there.clone()).text;
        assert!(!shown.contains("pw"), "{shown}");
        assert_eq!(put_back(&shown, &there), Ok(text.to_owned()));

        let longer = format!("# mine\n{}", shown.replace("***@q:1", "d:new@q:1"));
        let kept = text.replace("b:pw2", "d:new");
        assert_eq!(put_back(&longer, &there), Ok(format!("# mine\n{kept}")));
        assert_eq!(put_back(&shown.replace("***@q:1", "***@evil:1"), &there), Err(4));
        assert_eq!(put_back("proxy = \"***@p:1\"\n", &read("", &[])), Err(1));
        assert_eq!(put_back("", &there), Ok(String::new()));
    }
}
