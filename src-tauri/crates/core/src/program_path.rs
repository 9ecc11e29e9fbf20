//! A program's path on the record. Paths are bytes, and not all of them are text: those are shown with
//! marks where they are not, and stand exactly beside that.

use std::path::{Path, PathBuf};

use serde::ser::{SerializeMap, Serializer};

/// As `executable`, and as `executable_bytes` where that does not say it all.
pub(crate) fn serialize<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(None)?;
    if let Some(path) = path {
        map.serialize_entry("executable", &path.to_string_lossy())?;
        if path.to_str().is_none() {
            map.serialize_entry("executable_bytes", &escaped(path))?;
        }
    }
    map.end()
}

/// Printable ASCII as it is, each other byte and the backslash as `\\xNN`.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b' '..=b'~' if *byte != b'\\' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use crate::request::Caller;

    #[test]
    fn a_path_that_is_no_text_is_shown_lossily_and_recorded_exactly() {
        for (bytes, shown, exact) in [
            (&b"/usr/bin/python3"[..], "/usr/bin/python3", None),
            ("/opt/caf\u{e9}".as_bytes(), "/opt/caf\u{e9}", None),
            (b"/opt/caf\xe9", "/opt/caf\u{fffd}", Some("/opt/caf\\xe9")),
            (b"/o\\xe9\xff", "/o\\xe9\u{fffd}", Some("/o\\x5cxe9\\xff")),
        ] {
            let executable = Some(Path::new(OsStr::from_bytes(bytes)).to_owned());
            let caller = Caller { pid: Some(7), executable, ..Caller::default() };
            let value = serde_json::to_value(&caller).unwrap();
            assert_eq!(value["executable"], shown);
            assert_eq!(value.get("executable_bytes").and_then(|text| text.as_str()), exact);
            assert_eq!(value["pid"], 7);
        }
        assert_eq!(serde_json::to_string(&Caller::default()).unwrap(), r#"{"transport":"socket"}"#);
    }
}
