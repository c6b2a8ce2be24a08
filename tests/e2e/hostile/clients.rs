//! Clients: they know HTTP too well, or not at all, and leave when it hurts.

mod bodies;
mod connections;
mod heads;

use crate::support::{App, Raw};

/// Sends bytes and returns everything that comes back until the server closes.
async fn exchange(app: &App, bytes: impl AsRef<[u8]>) -> String {
    let mut client = Raw::connect(app).await;
    // An error means that the server has answered and closed already.
    let _ = client.try_send(bytes).await;
    client.rest().await
}

/// The statuses of all answers in what came back.
fn statuses(text: &str) -> Vec<u16> {
    let answers = text.split("HTTP/1.1 ").skip(1);
    answers.map(|answer| answer.get(..3).and_then(|it| it.parse().ok()).unwrap_or(0)).collect()
}
