//! The page, its scripts and its style: all that a browser needs, and nothing from elsewhere.

/// What a browser is told about each: only what came from here may run, and nobody may frame it.
const SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Figures in words, bars, tables and plots, as functions of a browser's script.
pub const WIDGETS: &str = include_str!("page/widgets.js");
/// How they look.
pub const STYLE: &str = include_str!("page/console.css");

/// A part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asset {
    Page,
    Widgets,
    Script,
    Style,
}

impl Asset {
    /// The part at a path. Whatever stands before the last slash is that of a proxy in front.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path.rsplit('/').next() {
            Some("") => Some(Self::Page),
            Some("widgets.js") => Some(Self::Widgets),
            Some("console.js") => Some(Self::Script),
            Some("console.css") => Some(Self::Style),
            _ => None,
        }
    }

    pub(super) fn body(self) -> &'static [u8] {
        match self {
            Self::Page => include_bytes!("page/index.html"),
            Self::Widgets => WIDGETS.as_bytes(),
            Self::Script => include_bytes!("page/console.js"),
            Self::Style => STYLE.as_bytes(),
        }
    }

    pub(super) fn headers(self) -> [(&'static str, &'static str); 5] {
        let kind = match self {
            Self::Page => "text/html; charset=utf-8",
            Self::Widgets | Self::Script => "text/javascript; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
        };
        [
            ("content-type", kind),
            ("cache-control", "no-cache"),
            ("content-security-policy", SECURITY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ]
    }
}
