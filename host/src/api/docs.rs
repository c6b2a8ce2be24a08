//! `/docs/`: the API's description as a page to read and to try. All of it is in the binary; it
//! sends no request to another origin, and the browser is told to enforce that.

use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderName, header};
use utoipa_swagger_ui::Config;

use crate::http::problem::{Code, Problem};

/// Everything from this server. The page sets styles on its elements, and its icons are data within
/// its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Kept from asking: without `none` the page would have a server of its makers check the document.
static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("/api/openapi.json")
        .validator_url("none")
        .use_base_layout()
        .deep_linking(true);
    Arc::new(config.display_request_duration(true).default_models_expand_depth(0))
});

/// The page's own addresses are relative to `/docs/`.
pub(crate) async fn redirect() -> Redirect {
    Redirect::permanent("/docs/")
}

/// The page itself.
pub(crate) async fn page() -> Result<Response, Problem> {
    file(Path("index.html".to_owned())).await
}

/// A file of the page.
pub(crate) async fn file(Path(name): Path<String>) -> Result<Response, Problem> {
    let failed = |error| Problem::internal(format!("{name} of the docs can't be served: {error}"));
    let file = utoipa_swagger_ui::serve(&name, CONFIG.clone()).map_err(failed)?;
    let file = file
        .ok_or_else(|| Problem::new(Code::NotFound, format!("the docs have no file {name:?}")))?;
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, &file.content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, file.bytes.into_owned()).into_response())
}
