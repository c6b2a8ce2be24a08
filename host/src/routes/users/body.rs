//! The bodies that create and change a user: JSON in, the store's types out, every mistake named.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Errors, Field, FromJson, Unknown, Word};
use crate::error::Problem;
use crate::store::users::{Email, Name, NewUser, Role, UserChanges};

/// A user to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = NewUser)]
pub(crate) struct CreateBody {
    /// Unique among users without regard to case; kept as written.
    #[serde(default)]
    #[schema(
        value_type = String, required, max_length = 254, example = "ada@example.com",
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f]+@[^\s\x00-\x1f\x7f-\x9f@]+$"
    )]
    email: Field<Email>,
    /// What to call the user; not only white space.
    #[serde(default)]
    #[schema(
        value_type = String, required, min_length = 1, max_length = 200, pattern = r"\S",
        example = "Ada Lovelace"
    )]
    name: Field<Name>,
    /// What the user may do. Default: `user`.
    #[serde(default)]
    #[schema(value_type = Option<Role>)]
    role: Field<Word<Role>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// What to change of a user. What is absent stays as it is; nothing can be null.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = UserChanges)]
pub(crate) struct UpdateBody {
    /// Unique among users without regard to case; kept as written.
    #[serde(default)]
    #[schema(
        value_type = String, required = false, max_length = 254, example = "ada@example.com",
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f]+@[^\s\x00-\x1f\x7f-\x9f@]+$"
    )]
    email: Field<Email>,
    /// What to call the user; not only white space.
    #[serde(default)]
    #[schema(
        value_type = String, required = false, min_length = 1, max_length = 200, pattern = r"\S",
        example = "Ada Lovelace"
    )]
    name: Field<Name>,
    /// What the user may do.
    #[serde(default)]
    #[schema(value_type = Role, required = false)]
    role: Field<Word<Role>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl FromJson for CreateBody {}
impl FromJson for UpdateBody {}

impl CreateBody {
    /// Checks everything before saying anything.
    pub(super) fn validate(self) -> Result<NewUser, Problem> {
        let mut errors = Errors::default();
        let email = errors.required("email", self.email);
        let name = errors.required("name", self.name);
        let role = errors.optional("role", self.role).map(|Word(role)| role).unwrap_or_default();
        errors.unknown(self.unknown);
        errors.finish(email.zip(name).map(|(email, name)| NewUser { email, name, role }))
    }
}

impl UpdateBody {
    /// Checks everything before saying anything.
    pub(super) fn validate(self) -> Result<UserChanges, Problem> {
        let mut errors = Errors::default();
        let email = errors.changed("email", self.email);
        let name = errors.changed("name", self.name);
        let role = errors.changed("role", self.role).map(|Word(role)| role);
        errors.unknown(self.unknown);
        errors.finish(Some(UserChanges { email, name, role }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes<T>(checked: Result<T, Problem>) -> Vec<String> {
        let errors = checked.err().map(|problem| problem.body(None).errors).unwrap_or_default();
        errors.into_iter().map(|error| format!("{} {}", error.field, error.message)).collect()
    }

    fn create(json: &str) -> Vec<String> {
        mistakes(serde_json::from_str::<CreateBody>(json).unwrap().validate())
    }

    fn update(json: &str) -> Vec<String> {
        mistakes(serde_json::from_str::<UpdateBody>(json).unwrap().validate())
    }

    const BAD_EMAIL: &str = "email must be an email address, such as ada@example.com";
    const BAD_NAME: &str = "name must be 1 to 200 characters long, and not only white space";

    #[test]
    fn each_mistake_in_a_new_user_names_its_field() {
        for (json, said) in [
            (r#"{"email": "ada", "name": "A"}"#, BAD_EMAIL),
            (r#"{"email": "a b@c", "name": "A"}"#, BAD_EMAIL),
            (r#"{"email": 5, "name": "A"}"#, "email is the number `5`, must be a string"),
            (r#"{"email": null, "name": "A"}"#, "email is required"),
            (r#"{"name": "A"}"#, "email is required"),
            (r#"{"email": "a@b", "name": " "}"#, BAD_NAME),
            (r#"{"email": "a@b", "name": []}"#, "name is an array, must be a string"),
            (r#"{"email": "a@b"}"#, "name is required"),
            (
                r#"{"email": "a@b", "name": "A", "role": "root"}"#,
                "role is `root`, must be `admin` or `user`",
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
            let new = serde_json::from_str::<CreateBody>(json).unwrap().validate().unwrap();
            assert_eq!(new.role, Role::User, "{json}");
        }
    }

    #[test]
    fn what_is_not_named_stays_and_null_is_no_value() {
        let nothing = serde_json::from_str::<UpdateBody>("{}").unwrap().validate().unwrap();
        assert_eq!(nothing, UserChanges::default());
        let said = "must not be null; leave it out to keep it as it is";
        let all = ["email", "name", "role"].map(|field| format!("{field} {said}"));
        assert_eq!(update(r#"{"email": null, "name": null, "role": null}"#), all);
    }
}
