//! What a group is called. A directory sends its DN; people and role files say its CN, or the whole.
//! What is no DN is a name as it stands.

/// What a person calls it.
pub fn shown(group: &str) -> String {
    common_name(group).unwrap_or_else(|| group.to_owned())
}

/// Every name it may be mapped by: as it was sent, and a DN's own name too.
pub fn names(group: &str) -> Vec<String> {
    let mut names = vec![group.to_owned()];
    names.extend(common_name(group).filter(|name| !name.is_empty() && name != group));
    names
}

/// `CN=x,OU=…` -> `x` (RFC 4514); `None` where the text is no DN.
pub fn common_name(dn: &str) -> Option<String> {
    let (kind, rest) = dn.trim().split_once('=')?;
    let known = ["cn", "ou", "uid"].iter().any(|name| kind.trim().eq_ignore_ascii_case(name));
    known.then(|| first_value(rest))
}

fn first_value(rest: &str) -> String {
    let mut value: Vec<u8> = Vec::new();
    let mut bytes = rest.trim_start().bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' | b'+' => break,
            b'\\' => match bytes.next() {
                Some(high) if high.is_ascii_hexdigit() => {
                    let Some(low) = bytes.next_if(u8::is_ascii_hexdigit) else {
                        value.push(high);
                        continue;
                    };
                    let pair = [high, low];
                    let digits = std::str::from_utf8(&pair).unwrap_or_default();
                    value.push(u8::from_str_radix(digits, 16).unwrap_or_default());
                }
                Some(escaped) => value.push(escaped),
                None => break,
            },
            _ => value.push(byte),
        }
    }
    String::from_utf8_lossy(&value).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dn_has_two_names_and_everything_else_one() {
        let table: [(&str, &[&str]); 7] = [
            ("data", &["data"]),
            ("env=prod", &["env=prod"]),
            ("a,b", &["a,b"]),
            ("CN=Data Eng,OU=Groups,DC=corp", &["CN=Data Eng,OU=Groups,DC=corp", "Data Eng"]),
            ("cn=Doe\\, Jane,OU=x", &["cn=Doe\\, Jane,OU=x", "Doe, Jane"]),
            ("uid=ada+cn=x,dc=corp", &["uid=ada+cn=x,dc=corp", "ada"]),
            ("CN=", &["CN="]),
        ];
        for (group, expected) in table {
            assert_eq!(names(group), expected, "{group}");
        }
    }
}
