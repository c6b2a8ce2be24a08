//! `GET /v1/models`: the models of all providers, in a form that the clients of OpenAI and of
//! Anthropic both read.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::chat::models;
use crate::http::problem::{Code, FieldError, Problem};

/// The models of a page that Anthropic's clients ask for without saying how many.
const PAGE: usize = 20;
/// The most models of a page.
const PAGE_MAX: usize = 1_000;

/// A page of models.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// Always the word `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// The models, by their names.
    data: Vec<ModelBody>,
    /// True if there are more after these.
    has_more: bool,
    /// The name of the first model here.
    first_id: Option<String>,
    /// The name of the last model here.
    last_id: Option<String>,
}

/// A model that can be asked.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ModelBody {
    /// The name to ask for.
    #[schema(example = "echo/echo")]
    id: String,
    /// Always the word `model`.
    object: &'static str,
    /// Always the word `model` too.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The moment since which the provider serves, in seconds since 1970.
    created: i64,
    /// The same moment in words.
    #[schema(format = DateTime)]
    created_at: String,
    /// The provider that answers.
    owned_by: String,
    /// The vendor's name of the model.
    display_name: String,
}

/// A page of the list, as Anthropic's clients ask for one.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// The most models to return.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// The name of the model after which the page begins.
    after_id: Option<String>,
    /// The name of the model before which the page ends.
    before_id: Option<String>,
}

/// Lists the models of all providers
///
/// Each model is there as `provider/model` and, unless another provider lists it first, by its bare
/// name. With the header `anthropic-version`, the list comes in pages.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "doors",
    operation_id = "listModels",
    params(Paging),
    responses(
        (status = 200, description = "The models of all providers.", body = ModelList),
        (status = 400, description = "The page that is asked for can not be made."),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(paging): Query<Paging>,
) -> Result<Json<ModelList>, Problem> {
    let all = all(&app);
    let pages = headers.contains_key("anthropic-version") || paging.limit.is_some();
    page(all, &paging, pages).map(Json)
}

/// Returns a model
#[utoipa::path(
    get,
    path = "/v1/models/{id}",
    tag = "doors",
    operation_id = "getModel",
    params(("id" = String, Path, description = "The name of the model, its slash encoded as %2F.")),
    responses(
        (status = 200, description = "The model of this name.", body = ModelBody),
        (status = 404, description = "No provider lists such a model."),
    )
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
) -> Result<Json<ModelBody>, Problem> {
    find(&app, &model)
}

/// Returns a model whose name has a slash that isn't encoded.
pub(crate) async fn get_of_provider(
    State(app): State<Arc<App>>,
    Path((provider, model)): Path<(String, String)>,
) -> Result<Json<ModelBody>, Problem> {
    find(&app, &format!("{provider}/{model}"))
}

fn find(app: &App, id: &str) -> Result<Json<ModelBody>, Problem> {
    let found = all(app).into_iter().find(|model| model.id == id);
    found.map(Json).ok_or_else(|| {
        let shown: String = id.chars().take(100).collect();
        let detail = format!(
            "no provider lists the model {shown:?}; GET /v1/models has those that are listed"
        );
        Problem::new(Code::NotFound, detail).about(FieldError::new("model", "is not known"))
    })
}

/// Returns all models, by name: bare ones first come from the default provider, as calls do.
fn all(app: &App) -> Vec<ModelBody> {
    let slots = app.providers.all();
    let default = slots.get_key_value(&app.default_provider);
    let others = slots.iter().filter(|(id, _)| **id != app.default_provider);
    let mut bare = BTreeSet::new();
    let mut listed = Vec::new();
    for (id, slot) in default.into_iter().chain(others) {
        let Some(provider) = slot.serving() else { continue };
        for model in models(provider) {
            listed.push(body(format!("{id}/{model}"), id, model, slot.since));
            if bare.insert(model.clone()) {
                listed.push(body(model.clone(), id, model, slot.since));
            }
        }
    }
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    listed.dedup_by(|a, b| a.id == b.id);
    listed
}

fn body(id: String, provider: &str, model: &str, since: Timestamp) -> ModelBody {
    ModelBody {
        id,
        object: "model",
        kind: "model",
        created: since.as_second(),
        created_at: format!("{since:.0}"),
        owned_by: provider.to_owned(),
        display_name: model.to_owned(),
    }
}

/// Returns a page, or all models for clients that ask for no pages.
fn page(mut all: Vec<ModelBody>, paging: &Paging, pages: bool) -> Result<ModelList, Problem> {
    let place = |name: &str, id: &str| {
        let found = all.iter().position(|model| model.id == id);
        found.ok_or_else(|| Problem::invalid_field(name, "names no model of the list"))
    };
    let mut has_more = false;
    if pages {
        let limit = limit(paging.limit.as_deref())?;
        let before = paging.before_id.as_deref().map(|id| place("before_id", id)).transpose()?;
        let after = paging.after_id.as_deref().map(|id| place("after_id", id)).transpose()?;
        let begin = after.map_or(0, |place| place + 1);
        let end = before.unwrap_or(all.len()).max(begin);
        // A page before a model ends at it; all others begin where they are asked to.
        let (from, to) = match before {
            Some(_) => (end.saturating_sub(limit).max(begin), end),
            None => (begin, begin.saturating_add(limit).min(end)),
        };
        has_more = if before.is_some() { begin < from } else { to < end };
        all.truncate(to);
        all.drain(..from);
    }
    let (first_id, last_id) =
        (all.first().map(|model| model.id.clone()), all.last().map(|model| model.id.clone()));
    Ok(ModelList { object: "list", data: all, has_more, first_id, last_id })
}

fn limit(asked: Option<&str>) -> Result<usize, Problem> {
    let Some(asked) = asked else { return Ok(PAGE) };
    let limit = asked.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
    limit.ok_or_else(|| {
        Problem::invalid_field("limit", format!("must be a whole number from 1 to {PAGE_MAX}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(ids: &[&str]) -> Vec<ModelBody> {
        ids.iter().map(|id| body((*id).into(), "p", id, Timestamp::UNIX_EPOCH)).collect()
    }

    fn ids(list: &ModelList) -> (Vec<&str>, bool) {
        (list.data.iter().map(|model| model.id.as_str()).collect(), list.has_more)
    }

    #[test]
    fn pages_follow_each_other_and_end() {
        let all = ["a", "b", "c", "d", "e"];
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let paging = Paging { limit: Some("2".into()), after_id: after, before_id: None };
            let list = page(listed(&all), &paging, true).unwrap();
            seen.extend(list.data.iter().map(|model| model.id.clone()));
            assert!(seen.len() <= all.len());
            after = list.last_id.clone();
            if !list.has_more {
                break;
            }
        }
        assert_eq!(seen, all);
        let end = Paging { after_id: Some("e".into()), ..Paging::default() };
        assert_eq!(ids(&page(listed(&all), &end, true).unwrap()), (vec![], false));
        let before =
            Paging { limit: Some("2".into()), before_id: Some("d".into()), ..Paging::default() };
        assert_eq!(ids(&page(listed(&all), &before, true).unwrap()), (vec!["b", "c"], true));
    }

    #[test]
    fn clients_without_pages_get_all() {
        let ids: Vec<String> = (0..50).map(|number| format!("{number:02}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let list = page(listed(&ids), &Paging::default(), false).unwrap();
        assert_eq!((list.data.len(), list.has_more), (50, false));
        let list = page(listed(&ids), &Paging::default(), true).unwrap();
        assert_eq!((list.data.len(), list.has_more), (PAGE, true));
    }

    #[test]
    fn what_is_no_page_is_named() {
        for (limit, after, field) in
            [("0", None, "limit"), ("x", None, "limit"), ("1", Some("z"), "after_id")]
        {
            let after_id = after.map(String::from);
            let paging = Paging { limit: Some(limit.into()), after_id, before_id: None };
            let problem = page(listed(&["a"]), &paging, true).unwrap_err();
            assert!(problem.log_text().contains(field), "{problem:?}");
        }
    }
}
