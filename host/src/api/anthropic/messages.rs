//! The messages of a Messages request as the contract's.

use std::borrow::Cow;

use serde::de::MapAccess;

use super::content::Content;
use super::rest::Rest;
use crate::api::door::{Fate, Fates, Speaks};
use crate::contract::{Message, Part, ResultPart, Role, Text};
use crate::http::json::{At, Shape, Words, read_fields};

/// Fields of a message that have no place in the contract.
const OTHERS: &Fates = &[("cache_control", Fate::Dropped), ("id", Fate::Dropped)];

/// A message of the conversation.
pub(super) struct MessageShape {
    pub(super) speaks: Speaks,
}

impl<'de> Shape<'de> for MessageShape {
    type Value = Message;

    fn expected(&self) -> Cow<'static, str> {
        "an object with role and content".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut message: A,
        at: &At<'_>,
    ) -> Result<Option<Message>, A::Error> {
        const ROLES: Words<Role> = Words(&[
            ("user", Role::User),
            ("assistant", Role::Assistant),
            // May stand anywhere between the others.
            ("system", Role::System),
        ]);
        let speaks = self.speaks;
        let rest = Rest::new(speaks, OTHERS);
        read_fields!(message, at, {
            "role" => role: ROLES,
            "content" => content: Content { speaks },
        }, |name: &str, json: &str, at: &At<'_>| rest.take(name, json, at));
        let role = role.required(&at.field("role"));
        let content = content.required(&at.field("content")).map(|parts| match parts.is_empty() {
            // An assistant's message may be empty, and says nothing then.
            true => vec![Part::Text(Text { text: String::new(), extra: None })],
            false => parts,
        });
        // The provider keeps system messages apart, where nothing can be kept with them.
        let extra = rest.extra().filter(|_| role != Some(Role::System));
        Ok(role.zip(content).map(|(role, content)| Message { role, content, extra }))
    }
}

/// Moves the pictures in the results of tools behind the results: OpenAI takes only text from a tool,
/// and pictures from the user.
pub(super) fn pictures_behind_results(message: &mut Message) {
    let mut moved = Vec::new();
    for part in &mut message.content {
        let Part::ToolResult(result) = part else { continue };
        for part in &mut result.content {
            if !matches!(part, ResultPart::Image(_)) {
                continue;
            }
            let text = |text: String| Text { text, extra: None };
            let said = text("The picture is in the next message.".into());
            if let ResultPart::Image(image) = std::mem::replace(part, ResultPart::Text(said)) {
                let whose =
                    format!("A picture in the result of the tool call {}:", result.tool_use_id);
                moved.extend([Part::Text(text(whose)), Part::Image(image)]);
            }
        }
    }
    message.content.append(&mut moved);
}
