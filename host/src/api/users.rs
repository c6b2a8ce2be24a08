//! `/api/users`: the people and programs that the operator keeps record of.
//!
//! A user's entity tag is its version. A client that sends it back in `if-match` changes or removes
//! the version that it read and no newer one: of two clients that read the same user, the second to
//! write is told so.

mod body;
mod if_match;
mod query;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use uuid::Uuid;

use self::body::{CreateBody, UpdateBody};
use self::if_match::IfMatch;
use crate::app::App;
use crate::http::body::Json;
use crate::http::problem::Problem;
use crate::store::users::{NewUser, Page, User, UserChanges};

/// The description of the header.
const IF_MATCH: &str = "The entity tags of which the user must still have one; `*` stands for any.";

/// Lists users in the order of their creation
///
/// Following `nextCursor` to the end returns each user that exists all the while exactly once,
/// whatever is created or removed meanwhile.
#[utoipa::path(
    get,
    path = "/api/users",
    tag = "users",
    operation_id = "listUsers",
    params(
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 200, description = "The number of users on a page. Default: 50."),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the page before."),
        ("email" = Option<String>, Query, description = "Returns only the user with this email, without regard to case."),
    ),
    responses(
        (status = 200, description = "A page of the list of users.", body = Page),
        (status = 400, description = "A query parameter is wrong or unknown; `errors` names each."),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<axum::Json<Page>, Problem> {
    let query = query::parse(query.as_deref().unwrap_or_default())?;
    Ok(axum::Json(app.users.list(query).await?))
}

/// Creates a user
#[utoipa::path(
    post,
    path = "/api/users",
    tag = "users",
    operation_id = "createUser",
    request_body(content = CreateBody, example = json!({"email": "ada@example.com", "name": "Ada Lovelace"})),
    responses(
        (
            status = 201,
            description = "The user that was created.",
            body = User,
            headers(
                ("location" = String, description = "The path of the user."),
                ("etag" = String, description = "The entity tag of the user."),
            ),
        ),
        (status = 409, description = "Another user has this email address, maybe in another case."),
    )
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Json(new): Json<NewUser>,
) -> Result<Response, Problem> {
    let user = app.users.create(new).await?;
    let location = format!("/api/users/{}", user.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Tagged(user)).into_response())
}

/// Shows a user
#[utoipa::path(
    get,
    path = "/api/users/{id}",
    tag = "users",
    operation_id = "getUser",
    params(("id" = Uuid, Path, description = "The id of the user.")),
    responses(
        (
            status = 200,
            description = "The user with this id.",
            body = User,
            headers(("etag" = String, description = "The entity tag of the user.")),
        ),
        (status = 400, description = "The id is not a UUID."),
        (status = 404, description = "No user has this id, or it was deleted."),
    )
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    UserId(id): UserId,
) -> Result<Tagged, Problem> {
    Ok(Tagged(app.users.get(id).await?))
}

/// Changes a user
///
/// What the body doesn't name stays as it is; an empty object changes nothing.
#[utoipa::path(
    patch,
    path = "/api/users/{id}",
    tag = "users",
    operation_id = "updateUser",
    params(
        ("id" = Uuid, Path, description = "The id of the user."),
        ("if-match" = Option<String>, Header, description = IF_MATCH),
    ),
    request_body(content = UpdateBody, example = json!({"role": "admin"})),
    responses(
        (
            status = 200,
            description = "The user as it is now.",
            body = User,
            headers(("etag" = String, description = "The entity tag of the user.")),
        ),
        (status = 404, description = "No user has this id, or it was deleted."),
        (status = 409, description = "Another user has this email address, maybe in another case."),
        (status = 412, description = "The user has none of the entity tags in `if-match`."),
    )
)]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    UserId(id): UserId,
    if_match: IfMatch,
    Json(changes): Json<UserChanges>,
) -> Result<Tagged, Problem> {
    let user = if_match.attempt(|expected| app.users.update(id, changes.clone(), expected)).await?;
    Ok(Tagged(user))
}

/// Removes a user
///
/// The email address can be used again.
#[utoipa::path(
    delete,
    path = "/api/users/{id}",
    tag = "users",
    operation_id = "deleteUser",
    params(
        ("id" = Uuid, Path, description = "The id of the user."),
        ("if-match" = Option<String>, Header, description = IF_MATCH),
    ),
    responses(
        (status = 204, description = "The user has been deleted."),
        (status = 400, description = "The id is not a UUID."),
        (status = 404, description = "No user has this id, or it was deleted."),
        (status = 412, description = "The user has none of the entity tags in `if-match`."),
    )
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    UserId(id): UserId,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    if_match.attempt(|expected| app.users.delete(id, expected)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A user as an answer, with its entity tag.
pub(crate) struct Tagged(User);

impl IntoResponse for Tagged {
    fn into_response(self) -> Response {
        let tag = HeaderValue::from_str(&self.0.etag());
        let mut response = axum::Json(self.0).into_response();
        if let Ok(tag) = tag {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// The id in a path.
pub(crate) struct UserId(Uuid);

impl<S: Send + Sync> FromRequestParts<S> for UserId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state)
            .await
            .map(|Path(text)| text)
            .unwrap_or_default();
        // An id has one spelling here; the type also reads those without hyphens, in braces, and as
        // a URN.
        let id =
            Uuid::try_parse(&text).ok().filter(|_| text.len() == uuid::fmt::Hyphenated::LENGTH);
        id.map(Self).ok_or_else(|| {
            let example = "must be a UUID, such as 019b7d3c-5a10-7000-8000-000000000001";
            Problem::invalid_field("id", example)
        })
    }
}
