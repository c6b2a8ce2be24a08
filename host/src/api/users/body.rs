//! The bodies that create and change a user: JSON in, the store's types out, every mistake named.

use serde::de::MapAccess;
use utoipa::ToSchema;
use utoipa::openapi::{Object, Type};

use crate::http::json::{At, FromJson, Parsed, Words, read_fields};
use crate::store::users::{Email, Name, NewUser, Role, UserChanges};

/// A user to create.
#[derive(ToSchema)]
#[schema(as = NewUser)]
#[allow(dead_code, reason = "describes the body in the OpenAPI document")]
pub(crate) struct CreateBody {
    #[schema(schema_with = email_schema)]
    email: String,
    /// The name to show, not only white space.
    #[schema(min_length = 1, max_length = 200, pattern = r"[^\s\x85]", example = "Ada Lovelace")]
    name: String,
    /// The user's role. Default: `user`.
    role: Option<Role>,
}

/// The changes to a user. Absent fields stay as they are; no field can be null.
#[derive(ToSchema)]
#[schema(as = UserChanges)]
#[allow(dead_code, reason = "describes the body in the OpenAPI document")]
pub(crate) struct UpdateBody {
    #[schema(schema_with = email_schema, required = false)]
    email: Option<String>,
    /// The name to show, not only white space.
    #[schema(
        value_type = String, required = false, min_length = 1, max_length = 200, pattern = r"[^\s\x85]",
        example = "Ada Lovelace"
    )]
    name: Option<String>,
    /// The role of the user.
    #[schema(value_type = Role, required = false)]
    role: Option<Role>,
}

/// The characters that no address holds, as a class of a pattern: white space, controls, and what
/// can't be seen.
const UNSEEN: &str = "\\s\\x00-\\x1f\\x7f-\\x9f\u{ad}\u{34f}\u{600}-\u{605}\u{61c}\u{6dd}\u{70f}\u{890}\u{891}\u{8e2}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}-\u{180f}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{206f}\u{3164}\u{fe00}-\u{fe0f}\u{feff}\u{ffa0}\u{fff0}-\u{fffb}\u{110bd}\u{110cd}\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}";

/// Returns the schema of an email address, which says by a pattern what [`Email`] takes.
fn email_schema() -> Object {
    let description = "The email address, unique among users without regard to case. Kept as written, in Unicode's \
                       normal form C and with an international domain in letters. It holds no characters that can't \
                       be seen.";
    Object::builder()
        .schema_type(Type::String)
        .description(Some(description))
        .max_length(Some(254))
        .pattern(Some(format!("^(?:\"[^{UNSEEN}]+\"|[^{UNSEEN}@]+)@[^{UNSEEN}@]+$")))
        .examples(["ada@example.com"])
        .build()
}

/// The names of a user's fields.
const FIELDS: &[&str] = &["email", "name", "role"];
/// The roles, as callers write them.
const ROLES: &[(&str, Role)] = &[("admin", Role::Admin), ("user", Role::User)];

impl FromJson for NewUser {
    const FIELDS: &'static [&'static str] = FIELDS;

    fn read<'de, A: MapAccess<'de>>(mut body: A, at: &At<'_>) -> Result<Option<Self>, A::Error> {
        read_fields!(body, at, {
            "email" => email: Parsed(Email::try_from),
            "name" => name: Parsed(Name::try_from),
            "role" => role: Words(ROLES),
        });
        let (email, name) = (email.required(&at.field("email")), name.required(&at.field("name")));
        let role = role.optional().unwrap_or_default();
        Ok(email.zip(name).map(|(email, name)| Self { email, name, role }))
    }
}

impl FromJson for UserChanges {
    const FIELDS: &'static [&'static str] = FIELDS;

    fn read<'de, A: MapAccess<'de>>(mut body: A, at: &At<'_>) -> Result<Option<Self>, A::Error> {
        read_fields!(body, at, {
            "email" => email: Parsed(Email::try_from),
            "name" => name: Parsed(Name::try_from),
            "role" => role: Words(ROLES),
        });
        Ok(Some(Self {
            email: email.changed(&at.field("email")),
            name: name.changed(&at.field("name")),
            role: role.changed(&at.field("role")),
        }))
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use utoipa::PartialSchema;

    use super::*;
    use crate::http::problem::Problem;

    fn mistakes<T>(checked: Result<T, Problem>) -> Vec<String> {
        let errors = checked.err().map(|problem| problem.body(None).errors).unwrap_or_default();
        errors.into_iter().map(|error| format!("{} {}", error.field, error.message)).collect()
    }

    fn create(json: &str) -> Vec<String> {
        mistakes(NewUser::from_json(json.as_bytes()))
    }

    fn update(json: &str) -> Vec<String> {
        mistakes(UserChanges::from_json(json.as_bytes()))
    }

    /// The document for callers says by a pattern what is taken.
    #[test]
    fn the_pattern_of_an_email_is_the_rule() {
        let pattern = |schema| {
            let schema = serde_json::to_value(schema).unwrap();
            schema["properties"]["email"]["pattern"].as_str().unwrap().to_owned()
        };
        let create = pattern(<CreateBody as PartialSchema>::schema());
        assert_eq!(create, pattern(<UpdateBody as PartialSchema>::schema()));
        let pattern = Regex::new(&create).unwrap();
        let is_email = |text: &str| Email::try_from(text.to_owned()).is_ok();
        for c in '\0'..=char::MAX {
            let text = format!("a{c}@b");
            assert_eq!(pattern.is_match(&text), is_email(&text), "{c:?}");
        }
        for text in
            ["\"a@b\"@c", "a@b@c", "\"a@b@c", "a@", "@b", "a@\"@\"", "\"\"@b", "\"@b", "\"@\"@b"]
        {
            assert_eq!(pattern.is_match(text), is_email(text), "{text}");
        }
    }

    const BAD_EMAIL: &str = "email must be an email address, such as ada@example.com";
    const UNSEEN: &str = "email must be an email address, such as ada@example.com, without spaces and without \
                          characters that can't be seen";
    const BAD_NAME: &str = "name must be 1 to 200 characters long, and not only white space";

    #[test]
    fn each_mistake_in_a_new_user_names_its_field() {
        for (json, said) in [
            (r#"{"email": "ada", "name": "A"}"#, BAD_EMAIL),
            (r#"{"email": "a b@c", "name": "A"}"#, UNSEEN),
            (r#"{"email": "bob\u200b@c", "name": "A"}"#, UNSEEN),
            (r#"{"email": "bob@\ufeffc", "name": "A"}"#, UNSEEN),
            (
                r#"{"email": "a@b@c", "name": "A"}"#,
                "email must be one email address, such as ada@example.com, with one @",
            ),
            (r#"{"email": 5, "name": "A"}"#, "email is the number `5`, must be a string"),
            (r#"{"email": null, "name": "A"}"#, "email is required"),
            (r#"{"name": "A"}"#, "email is required"),
            (r#"{"email": "a@b", "name": " "}"#, BAD_NAME),
            (r#"{"email": "a@b", "name": []}"#, "name is an array, must be a string"),
            (r#"{"email": "a@b"}"#, "name is required"),
            (
                r#"{"email": "a@b", "name": "A", "role": "root"}"#,
                "role is `root`, must be one of `admin`, `user`",
            ),
            (
                r#"{"email": "a@b", "name": "A", "role": {"admin": null}}"#,
                "role is an object, must be a string",
            ),
            (r#"{"email": "a@b", "name": "A", "id": "x"}"#, "id is not a field of this request"),
        ] {
            assert_eq!(create(json), [said], "{json}");
        }
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let json = r#"{"email": "ada", "name": "", "role": 1, "nmae": "A"}"#;
        let role = "role is the number `1`, must be a string";
        let unknown = "nmae is not a field of this request";
        assert_eq!(create(json), [BAD_EMAIL, BAD_NAME, role, unknown]);
        assert_eq!(update(json), [BAD_EMAIL, BAD_NAME, role, unknown]);
    }

    #[test]
    fn a_role_is_user_unless_said() {
        for json in
            [r#"{"email": "a@b", "name": "A"}"#, r#"{"email": "a@b", "name": "A", "role": null}"#]
        {
            let new = NewUser::from_json(json.as_bytes()).unwrap();
            assert_eq!(new.role, Role::User, "{json}");
        }
    }

    #[test]
    fn what_is_not_named_stays_and_null_is_no_value() {
        let nothing = UserChanges::from_json(b"{}").unwrap();
        assert_eq!(nothing, UserChanges::default());
        let said = "must not be null; leave it out to keep it as it is";
        let all = ["email", "name", "role"].map(|field| format!("{field} {said}"));
        assert_eq!(update(r#"{"email": null, "name": null, "role": null}"#), all);
    }
}
