//! Images in questions.

/// An image in a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// By its address.
    Url(String),
    /// By its bytes.
    Inline {
        /// For example `image/png`.
        media_type: String,
        /// The bytes in Base64.
        base64: String,
    },
}

/// How a model comes by an image's bytes; a later one is the harder one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Reach {
    /// They are in the request, or there is no image.
    #[default]
    Inline,
    /// By an address of the public web whose end says the media type.
    TypedAddress(&'static str),
    /// By another address.
    Address,
}

impl Image {
    /// From an address, which may be a `data:` URL (RFC 2397) of Base64.
    #[must_use]
    pub fn from_url(url: &str) -> Self {
        let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
        match inline {
            Some((media_type, base64)) => {
                Self::Inline { media_type: media_type.to_owned(), base64: base64.to_owned() }
            }
            None => Self::Url(url.to_owned()),
        }
    }

    /// The image at an address; `None` when what the address holds says that it is something else, or there is none.
    #[must_use]
    pub fn at(url: &str) -> Option<Self> {
        let image = Self::from_url(url);
        let is_one = match &image {
            Self::Url(url) => !url.is_empty() && !url.starts_with("data:"),
            Self::Inline { media_type, .. } => media_type.starts_with("image/"),
        };
        is_one.then_some(image)
    }

    /// How a model comes by its bytes.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match self {
            Self::Inline { .. } => Reach::Inline,
            Self::Url(url) => media_type(url).map_or(Reach::Address, Reach::TypedAddress),
        }
    }

    /// As an address; bytes become a `data:` URL.
    #[must_use]
    pub fn to_url(&self) -> String {
        match self {
            Self::Url(url) => url.clone(),
            Self::Inline { media_type, base64 } => format!("data:{media_type};base64,{base64}"),
        }
    }
}

/// The media type of an image that lies at a public address, by the end of the address's path.
fn media_type(url: &str) -> Option<&'static str> {
    let scheme = url.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://"))?;
    let path = url.strip_prefix(scheme)?.split(['?', '#']).next()?;
    let (_, end) = path.split_once('/')?.1.rsplit_once('.')?;
    let known = IMAGE_TYPES.iter().find(|(known, _)| end.eq_ignore_ascii_case(known));
    known.map(|(_, media_type)| *media_type)
}

/// Ends of files, and the media types of images that models fetch by themselves.
const IMAGE_TYPES: [(&str, &str); 6] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_its_type_by_the_end_of_its_path() {
        let reach = |url: &str| Image::at(url).map(|image| image.reach());
        for (url, expected) in [
            ("https://x.test/a.png", Some(Reach::TypedAddress("image/png"))),
            ("HTTPS://x.test/b/a.v2.JPG?size=1#top", Some(Reach::TypedAddress("image/jpeg"))),
            ("https://x.test/a.png/b", Some(Reach::Address)),
            ("https://x.test/b?file=a.png", Some(Reach::Address)),
            ("https://x.png", Some(Reach::Address)),
            ("http://x.test/a.png", Some(Reach::Address)),
            ("gs://x/a.png", Some(Reach::Address)),
            ("https://x.test/a.gif", Some(Reach::Address)),
            ("\u{20ac}\u{20ac}\u{20ac}/a.png", Some(Reach::Address)),
            ("data:image/png;base64,AA", Some(Reach::Inline)),
            ("data:application/pdf;base64,AA", None),
            ("", None),
        ] {
            assert_eq!(reach(url), expected, "{url}");
        }
    }
}
