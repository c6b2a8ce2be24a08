//! Tests of the rules that every engine follows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn email(text: &str) -> Result<Email, Invalid> {
    Email::try_from(text.to_owned())
}

#[test]
fn a_user_is_shown_with_three_digits_of_a_second_and_without_its_version() {
    let user = User {
        id: Uuid::from_u128(0x019b_7d3c_0000_7000_8000_0000_0000_0001),
        email: "Ada@Example.com".to_owned(),
        name: "Ada".to_owned(),
        role: Role::Admin,
        created_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        updated_at: "2026-01-02T03:04:05.67Z".parse().unwrap(),
        version: 7,
    };
    let shown = json!({
        "id": "019b7d3c-0000-7000-8000-000000000001",
        "email": "Ada@Example.com",
        "name": "Ada",
        "role": "admin",
        "createdAt": "2026-01-02T03:04:05.000Z",
        "updatedAt": "2026-01-02T03:04:05.670Z",
    });
    assert_eq!(serde_json::to_value(&user).unwrap(), shown);
    assert_eq!(user.etag(), "\"7\"");
    assert_eq!(etag_version(&user.etag()), Some(7));
}

#[test]
fn only_our_own_spelling_of_an_entity_tag_is_a_version() {
    for tag in [
        "",
        "\"",
        "7",
        "\"7",
        "\"07\"",
        "\"+7\"",
        "W/\"7\"",
        "\"seven\"",
        "\"18446744073709551616\"",
    ] {
        assert_eq!(etag_version(tag), None, "{tag}");
    }
}

#[test]
fn an_email_has_two_sides_no_spaces_and_at_most_254_characters() {
    for text in ["a@b", "Ada.Lovelace+x@example.com", "\"a@b\"@c", "ädä@exämple.com", "a@[::1]"]
    {
        assert!(email(text).is_ok(), "{text}");
    }
    for text in ["", "@", "a", "a@", "@b", "a b@c", " a@b", "a@b\n", "a\0@b"] {
        assert!(email(text).is_err(), "{text:?}");
    }
    let host = "@b.example";
    assert!(email(&("ä".repeat(254 - host.len()) + host)).is_ok());
    assert!(email(&("a".repeat(255 - host.len()) + host)).is_err());
}

#[test]
fn a_name_has_1_to_200_characters() {
    let name = |text: &str| Name::try_from(text.to_owned());
    assert!(name("x").is_ok());
    assert!(name(&"ü".repeat(200)).is_ok());
    assert!(name(&"u".repeat(201)).is_err());
    assert!(name("").is_err());
    assert!(name(" \t").is_err());
}

#[test]
fn a_page_holds_1_to_200_users_and_50_if_not_said() {
    assert_eq!(PageLimit::default().get(), 50);
    assert_eq!(PageLimit::try_from(1).map(PageLimit::get), Ok(1));
    assert_eq!(PageLimit::try_from(200).map(PageLimit::get), Ok(200));
    for limit in [0, 201, 256 + 50, u64::MAX] {
        assert!(PageLimit::try_from(limit).is_err(), "{limit}");
    }
}

#[test]
fn a_body_says_what_is_wrong_with_which_field() {
    let new = serde_json::from_value::<NewUser>(json!({"email": "a@b", "name": "A"})).unwrap();
    assert_eq!(new.role, Role::User);
    let wrong = |body| serde_json::from_value::<NewUser>(body).unwrap_err().to_string();
    assert!(wrong(json!({"email": "a", "name": "A"})).contains("must be an email address"));
    assert!(
        wrong(json!({"email": "a@b", "name": "A", "admin": true}))
            .contains("unknown field `admin`")
    );
    assert!(
        wrong(json!({"email": "a@b", "name": "A", "role": "root"}))
            .contains("unknown variant `root`")
    );
    assert_eq!(serde_json::from_value::<UserChanges>(json!({})).unwrap(), UserChanges::default());
}

#[test]
fn a_greek_address_and_its_capitals_are_one() {
    assert_eq!(email_key("ΟΔΟΣ@example.gr"), email_key("οδοσ@EXAMPLE.GR"));
}

#[test]
fn a_text_that_no_page_gave_out_is_no_cursor() {
    let ours = Cursor::after(Uuid::now_v7()).to_string();
    let other_kind = URL_SAFE_NO_PAD.encode([2; 17]);
    let id = Uuid::now_v7().to_string();
    for text in [
        "",
        "x",
        &id,
        &other_kind,
        &ours[1..],
        &format!("{ours}="),
        &format!("{ours}A"),
        &"é".repeat(12),
    ] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn a_cursor_comes_back_as_it_was(id: u128) {
        let cursor = Cursor::after(Uuid::from_u128(id));
        prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn a_text_is_the_one_spelling_of_its_cursor_or_none(text in "[A-Za-z0-9_-]{23}") {
        if let Ok(cursor) = text.parse::<Cursor>() {
            prop_assert_eq!(cursor.to_string(), text);
        }
    }

    #[test]
    fn any_text_may_be_tried_as_a_cursor(text: String) {
        let _ = text.parse::<Cursor>();
    }

    #[test]
    fn the_key_of_an_email_does_not_depend_on_ascii_case(text: String) {
        prop_assert_eq!(email_key(&text.to_ascii_uppercase()), email_key(&text.to_ascii_lowercase()));
    }

    #[test]
    fn the_key_of_a_key_is_the_key(text: String) {
        let key = email_key(&text);
        prop_assert_eq!(email_key(&key), key);
    }
}
