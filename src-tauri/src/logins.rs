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

/// A login of the file, and where it stands there.
#[derive(Clone, Copy)]
struct Login<'t> {
    login: &'t str,
    at: Place<'t>,
}

/// Of a login, or of a stand-in for one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place<'t> {
    /// The table that its line is in.
    table: &'t str,
    key: &'t str,
    address: &'t str,
}

impl<'t> Place<'t> {
    fn of(table: &'t str, before: &'t str, after: &'t str) -> Self {
        Self { table, key: key(before), address: address(after) }
    }

    /// It may have moved to another table of the same key: a profile that was renamed.
    fn fits(&self, other: &Self) -> bool {
        (self.key, self.address) == (other.key, other.address)
    }
}

/// The page's text with the logins of the file that it was made from, or the line of a stand-in that
/// none belongs to.
pub(crate) fn put_back(text: &str, there: &ConfigReply) -> Result<String, usize> {
    let known = logins(there);
    let mut table = "";
    let mut whole = String::with_capacity(text.len());
    for (at, line) in text.split_inclusive('\n').enumerate() {
        if line.trim_start().starts_with('#') {
            whole.push_str(line);
            continue;
        }
        table = header(line).unwrap_or(table);
        let mut rest = line;
        while let Some((before, after)) = rest.split_once(HIDDEN) {
            let place = Place::of(table, before, after);
            whole.push_str(before);
            match login(&known, place) {
                Some(login) => whole.push_str(login),
                None if after.starts_with('@') => return Err(at + 1),
                None => whole.push_str(HIDDEN),
            }
            rest = after;
        }
        whole.push_str(rest);
    }
    Ok(whole)
}

/// The one that can be meant; where several fit, the one of the same table.
fn login<'t>(known: &[Login<'t>], place: Place<'_>) -> Option<&'t str> {
    let fits = |login: &&Login<'_>| login.at.fits(&place);
    let same = |login: &&Login<'_>| login.at == place;
    one(known.iter().filter(fits)).or_else(|| one(known.iter().filter(same)))
}

/// What all of them are.
fn one<'a, 't: 'a>(mut logins: impl Iterator<Item = &'a Login<'t>>) -> Option<&'t str> {
    let first = logins.next()?.login;
    logins.all(|other| other.login == first).then_some(first)
}

fn logins(there: &ConfigReply) -> Vec<Login<'_>> {
    let place = |&(from, to): &(usize, usize)| {
        let (before, login) = (there.text.get(..from)?, there.text.get(from..to)?);
        let table = before.split_inclusive('\n').rev().find_map(header);
        let line = before.rsplit('\n').next().unwrap_or(before);
        let at = Place::of(table.unwrap_or_default(), line, there.text.get(to..)?);
        Some(Login { login, at })
    };
    there.logins.iter().filter_map(place).collect()
}

fn header(line: &str) -> Option<&str> {
    let line = line.trim();
    line.starts_with('[').then_some(line)
}

/// Of the last value that begins there.
fn key(before: &str) -> &str {
    let name = before.rsplit_once('=').map_or("", |(name, _)| name.trim_end());
    let of_a_key = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '"' | '\'');
    name.rsplit(|c| !of_a_key(c)).next().unwrap_or(name).trim_matches(['"', '\''])
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
        // Nowhere but behind the key that it was behind.
        let elsewhere = shown.replace("proxy = \"http://***@p:1", "client-id = \"http://***@p:1");
        assert_eq!(put_back(&elsewhere, &there), Err(2));
    }

    #[test]
    fn of_two_logins_at_one_address_each_comes_back_to_its_own_table() {
        let [a, b] = [
            "[profile.a]\nproxy = \"http://a:pw@p:1\"\n",
            "[profile.b]\nproxy = \"http://b:pw2@p:1\"\n",
        ];
        let there = read(&format!("{a}{b}"), &["a:pw", "b:pw2"]);
        let shown = |text: &str| text.replace("a:pw@", "***@").replace("b:pw2@", "***@");
        assert_eq!(put_back(&shown(&there.text), &there), Ok(there.text.clone()));
        assert_eq!(put_back(&shown(b), &there), Ok(b.to_owned()), "the other one is gone");
        assert_eq!(put_back(&shown(&format!("{b}{a}")), &there), Ok(format!("{b}{a}")));
        assert_eq!(put_back(&shown(b).replace("profile.b", "profile.c"), &there), Err(2));
    }
}
