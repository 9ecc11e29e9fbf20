//! The icon's states and their pictures, drawn by `cargo task icons` from `icons/source.svg`.

/// What the icon says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Picture {
    SignedIn,
    Refreshing,
    NeedsSignIn,
    Offline,
    KeychainLocked,
    /// Something stands in the way that neither a sign-in nor waiting mends.
    Trouble,
    Paused,
}

/// The colour of the bar the icon stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Theme {
    /// A light bar: dark strokes.
    Light,
    /// A dark bar: light strokes.
    #[cfg_attr(target_os = "macos", expect(dead_code, reason = "macOS colours the shape itself"))]
    Dark,
}

/// Pixels as the desktop takes them: RGBA, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Pixels {
    pub(crate) rgba: Vec<u8>,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Picture {
    #[cfg(test)]
    const ALL: [Self; 7] = [
        Self::SignedIn,
        Self::Refreshing,
        Self::NeedsSignIn,
        Self::Offline,
        Self::KeychainLocked,
        Self::Trouble,
        Self::Paused,
    ];

    /// The picture for a bar of this colour.
    pub(crate) fn pixels(self, theme: Theme) -> Result<Pixels, png::DecodingError> {
        let mut reader = png::Decoder::new(std::io::Cursor::new(self.png(theme))).read_info()?;
        let mut rgba = vec![0; reader.output_buffer_size().unwrap_or_default()];
        let frame = reader.next_frame(&mut rgba)?;
        rgba.truncate(frame.buffer_size());
        Ok(Pixels { rgba, width: frame.width, height: frame.height })
    }

    fn png(self, theme: Theme) -> &'static [u8] {
        macro_rules! drawn {
            ($name:literal) => {
                match theme {
                    Theme::Light => {
                        include_bytes!(concat!("../../../../icons/tray/light/", $name, ".png"))
                            as &[u8]
                    }
                    Theme::Dark => {
                        include_bytes!(concat!("../../../../icons/tray/dark/", $name, ".png"))
                    }
                }
            };
        }
        match self {
            Self::SignedIn => drawn!("signed-in"),
            Self::Refreshing => drawn!("refreshing"),
            Self::NeedsSignIn => drawn!("needs-sign-in"),
            Self::Offline => drawn!("offline"),
            Self::KeychainLocked => drawn!("keychain-locked"),
            Self::Trouble => drawn!("trouble"),
            Self::Paused => drawn!("paused"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_picture_of_its_own_on_both_bars() {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for picture in Picture::ALL {
            for theme in [Theme::Light, Theme::Dark] {
                let pixels = picture.pixels(theme).unwrap();
                assert_eq!((pixels.width, pixels.height), (64, 64), "{picture:?}");
                assert_eq!(pixels.rgba.len(), 64 * 64 * 4, "{picture:?}: RGBA, eight bits each");
                let corner = &pixels.rgba[..4];
                assert_eq!(corner[3], 0, "{picture:?}: nothing is behind it");
                assert!(
                    !seen.contains(&pixels.rgba),
                    "{picture:?} on {theme:?} looks like another"
                );
                seen.push(pixels.rgba);
            }
        }
    }
}
