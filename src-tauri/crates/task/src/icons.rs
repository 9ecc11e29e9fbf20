//! Draws every icon from `icons/source.svg`: the mark itself in the sizes that systems ask for, and
//! the tray's states in light and dark. The pictures are committed; this verb makes them anew.

use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::house::House;
use crate::setup;
use crate::shell::{Failure, Shell, say};

/// Each state of the tray, and the colour of its badge; the plain mark has none.
const STATES: [(&str, Option<&str>); 7] = [
    ("signed-in", None),
    ("refreshing", Some("#2f6fde")),
    ("needs-sign-in", Some("#d97706")),
    ("offline", Some("#7a8494")),
    ("keychain-locked", Some("#c0392f")),
    ("trouble", Some("#c0392f")),
    ("paused", Some("#7a8494")),
];

/// The colour of the strokes on a light bar and on a dark one. Few desktops say which they have, and
/// then dark is taken to be it: those strokes have an edge, so that a light bar shows them too. The
/// others are a plain shape, which macOS colours by itself.
const BARS: [(&str, &str, &str); 2] = [("light", "#1f2430", ""), ("dark", "#f4f6fa", EDGE)];
const EDGE: &str = "#mark { filter: url(#halo); transform: translate(1.2px, 1.2px) scale(0.95) }\n";

/// Side of a tray picture in pixels: desktops scale it down.
const TRAY: u32 = 64;

/// The application's own sizes, with the names that bundlers look for.
const SIZES: [(&str, u32); 4] =
    [("32x32.png", 32), ("128x128.png", 128), ("128x128@2x.png", 256), ("icon.png", 512)];

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    setup::install(&[("librsvg2-bin", "rsvg-convert, which draws the icons")])?;
    let source = house.at("icons/source.svg");
    for (bar, strokes, edge) in BARS {
        let folder = house.at("icons/tray").join(bar);
        fs::create_dir_all(&folder).map_err(|e| Failure::at(&folder, &e))?;
        for (state, badge) in STATES {
            let style = style(state, strokes, badge) + edge;
            draw(house, &source, TRAY, &style, &folder.join(format!("{state}.png")))?;
        }
    }
    for (name, size) in SIZES {
        let style = "svg { color: #1f2430 !important } .plate { display: inline !important }";
        draw(house, &source, size, style, &house.at("icons").join(name))?;
    }
    containers(house)?;
    say("drawn from icons/source.svg; look at them before you commit them");
    Ok(Outcome::Done)
}

/// The pictures that Windows and macOS want in one file.
fn containers(house: &House) -> Result<(), Failure> {
    let read = |name: &str| {
        let path = house.at("icons").join(name);
        fs::read(&path).map_err(|e| Failure::at(&path, &e))
    };
    let [small, middle, large, whole] = SIZES.map(|(name, _)| read(name));
    let (small, middle, large, whole) = (small?, middle?, large?, whole?);
    for (name, bytes) in [
        ("icon.ico", ico(&[(32, &small), (128, &middle), (256, &large)])),
        ("icon.icns", icns(&[(*b"ic07", &middle), (*b"ic08", &large), (*b"ic09", &whole)])),
    ] {
        let path = house.at("icons").join(name);
        fs::write(&path, bytes).map_err(|e| Failure::at(&path, &e))?;
    }
    Ok(())
}

/// Windows: a list of where each picture lies, then the pictures as PNG.
fn ico(pictures: &[(u32, &[u8])]) -> Vec<u8> {
    let word = |number: u32| number.to_le_bytes();
    let count = u16::try_from(pictures.len()).unwrap_or_default();
    let mut bytes = vec![0, 0, 1, 0];
    bytes.extend(count.to_le_bytes());
    let mut at = 6 + 16 * u32::from(count);
    for (side, picture) in pictures {
        let length = u32::try_from(picture.len()).unwrap_or_default();
        // A side of 256 is written as 0.
        let side = side.to_le_bytes()[0];
        bytes.extend([side, side, 0, 0, 1, 0, 32, 0]);
        bytes.extend(word(length));
        bytes.extend(word(at));
        at += length;
    }
    pictures.iter().for_each(|(_, picture)| bytes.extend(*picture));
    bytes
}

/// macOS: each picture as PNG behind its kind and length.
fn icns(pictures: &[([u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, picture) in pictures {
        let length = u32::try_from(picture.len() + 8).unwrap_or_default();
        body.extend(kind);
        body.extend(length.to_be_bytes());
        body.extend(*picture);
    }
    let length = u32::try_from(body.len() + 8).unwrap_or_default();
    [b"icns".as_slice(), &length.to_be_bytes(), &body].concat()
}

/// The drawing's own style sheet shows the plain mark: this one chooses the layer and the colours.
fn style(state: &str, strokes: &str, badge: Option<&str>) -> String {
    let mut style = format!("svg {{ color: {strokes} !important }}\n");
    if let Some(colour) = badge {
        style += &format!(
            "#{state}, #cut {{ display: inline !important }}\n.disc {{ fill: {colour} !important }}\n"
        );
    }
    if state == "offline" {
        style += "#key { opacity: 0.55 !important }\n";
    }
    style
}

fn draw(house: &House, source: &Path, size: u32, style: &str, to: &Path) -> Result<(), Failure> {
    let sheet = house.target.join("icon-style.css");
    fs::write(&sheet, style).map_err(|e| Failure::at(&sheet, &e))?;
    let size = size.to_string();
    Shell::new("rsvg-convert")
        .arg("--width")
        .arg(&size)
        .arg("--height")
        .arg(&size)
        .arg("--stylesheet")
        .arg(sheet)
        .arg("--output")
        .arg(to)
        .arg(source)
        .run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_says_where_each_picture_lies() {
        let bytes = ico(&[(32, b"one"), (256, b"three")]);
        assert_eq!(bytes[..6], [0, 0, 1, 0, 2, 0]);
        assert_eq!((bytes[6], bytes[22]), (32, 0));
        assert_eq!(bytes[18..22], 38u32.to_le_bytes());
        assert_eq!(bytes[34..38], 41u32.to_le_bytes());
        assert_eq!(&bytes[38..], b"onethree");
        let bytes = icns(&[(*b"ic07", b"one")]);
        assert_eq!(bytes, b"icns\0\0\0\x13ic07\0\0\0\x0bone");
    }

    #[test]
    fn a_state_shows_its_own_layer_and_the_plain_mark_none() {
        assert_eq!(style("signed-in", "#111", None), "svg { color: #111 !important }\n");
        let paused = style("paused", "#111", Some("#222"));
        assert!(
            paused.contains("#paused, #cut { display: inline") && paused.contains("fill: #222")
        );
    }
}
