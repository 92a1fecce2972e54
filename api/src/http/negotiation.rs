//! Media types of the GraphQL-over-HTTP specification.

use poem::http::{HeaderMap, header};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `application/graphql-response+json`: the status says whether the request was executed.
    Response,
    /// `application/json`: every well-formed request is answered with 200, as older clients expect.
    Json,
}

impl Answer {
    /// The value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Response => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    /// What the client accepts, the best first; `None` where it accepts neither. A client that does not say is an older one.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut ranges = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(Range::read)
            .peekable();
        if ranges.peek().is_none() {
            return Some(Self::Json);
        }
        let ranges: Vec<Range> = ranges.collect();
        let quality = |subtype: &str| {
            let matching = ranges.iter().filter(|range| range.covers(subtype));
            matching
                .max_by_key(|range| range.precision())
                .map_or(0.0, |range| range.quality)
        };
        // Between equals, the one that was named itself goes before the one that a wildcard covers.
        let named = ranges.iter().any(|range| range.is("graphql-response+json"));
        let (response, json) = (quality("graphql-response+json"), quality("json"));
        match (response > 0.0, json > 0.0) {
            (true, _) if response > json || (named && response >= json) => Some(Self::Response),
            (_, true) => Some(Self::Json),
            (true, false) => Some(Self::Response),
            (false, false) => None,
        }
    }
}

/// One media range of an `Accept` header.
#[derive(Debug)]
struct Range {
    kind: String,
    subtype: String,
    quality: f32,
}

impl Range {
    fn read(text: &str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next().and_then(|range| range.split_once('/')).unwrap_or_default();
        let quality = parts.find_map(|parameter| parameter.strip_prefix("q=")?.parse().ok());
        Self {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            quality: quality.unwrap_or(1.0),
        }
    }

    fn is(&self, subtype: &str) -> bool {
        self.kind == "application" && self.subtype == subtype
    }

    fn covers(&self, subtype: &str) -> bool {
        self.is(subtype) || self.is("*") || (self.kind == "*" && self.subtype == "*")
    }

    fn precision(&self) -> u8 {
        u8::from(self.kind != "*") + u8::from(self.subtype != "*")
    }
}

/// Whether a body is JSON: `application/json`, in UTF-8 where it says an encoding.
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    media.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn accepted(accept: &str) -> Option<Answer> {
        let headers = [(header::ACCEPT, HeaderValue::from_str(accept).unwrap())];
        Answer::accepted(&HeaderMap::from_iter(headers))
    }

    #[test]
    fn the_accept_header_decides() {
        assert_eq!(Answer::accepted(&HeaderMap::new()), Some(Answer::Json));
        for (accept, answer) in [
            ("*/*", Some(Answer::Json)),
            ("application/*", Some(Answer::Json)),
            ("application/json", Some(Answer::Json)),
            ("application/graphql-response+json", Some(Answer::Response)),
            (
                "APPLICATION/GraphQL-Response+JSON; charset=utf-8",
                Some(Answer::Response),
            ),
            (
                "application/graphql-response+json, application/json",
                Some(Answer::Response),
            ),
            (
                "application/json, application/graphql-response+json",
                Some(Answer::Response),
            ),
            (
                "application/graphql-response+json;q=0.5, application/json",
                Some(Answer::Json),
            ),
            ("application/graphql-response+json;q=0, */*", Some(Answer::Json)),
            ("application/json;q=0, */*", Some(Answer::Response)),
            ("text/html", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(accepted(accept), answer, "{accept}");
        }
    }

    #[test]
    fn only_json_in_utf_8_is_read() {
        let is = |value: &str| {
            let headers = [(header::CONTENT_TYPE, HeaderValue::from_str(value).unwrap())];
            is_json(&HeaderMap::from_iter(headers))
        };
        assert!(is("application/json"));
        assert!(is("Application/JSON; charset=\"UTF-8\""));
        assert!(!is("application/json; charset=latin1"));
        assert!(!is("text/plain"));
        assert!(!is("application/graphql"));
        assert!(!is_json(&HeaderMap::new()));
    }
}
