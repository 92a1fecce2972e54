//! Files that are made when they are asked for.

use poem::{
    Response,
    http::{HeaderValue, header},
};

use super::log::Logged;

/// What is answered.
pub struct File {
    /// Its media type.
    pub content_type: &'static str,
    /// What it is called once it is saved; shown where it is opened, where absent.
    pub name: Option<&'static str>,
    /// What it holds.
    pub body: String,
}

impl File {
    /// Nothing of it runs, wherever it is opened, and nobody keeps it.
    pub fn answer(self, logged: Logged) -> Response {
        let mut response = Response::builder().content_type(self.content_type).body(self.body);
        let headers = response.headers_mut();
        let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        let disposition = match self.name {
            Some(name) => format!("attachment; filename=\"{name}\""),
            None => "inline".to_owned(),
        };
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        response.extensions_mut().insert(logged);
        response
    }
}
