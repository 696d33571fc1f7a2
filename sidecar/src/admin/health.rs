//! `/health`: the process answers. `/ready`: it also takes clients and hears its sources.

use std::time::Duration;

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    answer,
    view::{Parts, SourceState, View},
};
use crate::cluster::Standing;

/// How old what the nodes tell each other may be before a node says that it is behind.
const BEHIND: Duration = Duration::from_secs(1);

pub(super) fn alive(view: &View) -> Response<Body> {
    let mut health = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")});
    if let Some(standing) = view.standing() {
        let queue = view.parts.config.read().cluster.as_ref().map_or(usize::MAX, |cluster| cluster.queue);
        if let Some((status, reason)) = trouble(&standing, queue) {
            health["status"] = status.into();
            health["reason"] = reason.into();
        }
        health["cluster"] = cluster(&standing);
    }
    answer::json(&health)
}

/// What is wrong between a node and the others, for which so many bytes may wait, and why it says so. Its own clients are served all
/// the same: no reason to take the node out.
fn trouble(standing: &Standing, queue: usize) -> Option<(&'static str, String)> {
    let Standing { is_hearing, backlog, lag, .. } = standing;
    if !is_hearing {
        let reason =
            format!("Redis (cluster.redis) is away or does not answer; {backlog} bytes for the other nodes wait");
        return Some(("cut off from the other nodes", reason));
    }
    if *lag > BEHIND {
        let reason = format!("a message takes {} ms through Redis (cluster.redis)", lag.as_millis());
        return Some(("behind the other nodes", reason));
    }
    (*backlog > queue / 4).then(|| {
        let reason =
            format!("{backlog} bytes for the other nodes wait, more than a quarter of cluster.queueBytes ({queue})");
        ("behind the other nodes", reason)
    })
}

/// How a node stands with the others.
pub(super) fn cluster(standing: &Standing) -> Value {
    json!({
        "nodes": standing.peers + 1,
        "connected": standing.is_hearing,
        "inOrder": standing.is_in_order,
        "backlogBytes": standing.backlog,
        "lagSeconds": standing.lag.as_secs_f64(),
    })
}

pub(super) fn ready(view: &View) -> Response<Body> {
    let reasons = reasons(view);
    let mut response = answer::json(&json!({"ready": reasons.is_empty(), "reasons": reasons}));
    if !reasons.is_empty() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// Why clients or events should not come here now; empty: they may.
pub(super) fn reasons(view: &View) -> Vec<String> {
    let mut reasons = Vec::new();
    if view.is_stopping() {
        reasons.push("the sidecar is stopping".to_owned());
    }
    let Parts { config, admission, .. } = &view.parts;
    let config = config.read();
    reasons.extend(admission.closed());
    if let Some(bound) = config.admin.as_ref().map(|admin| admin.ready_lag) {
        let late = view.lag();
        if late > bound {
            reasons.push(format!("the sidecar is {} ms behind (admin.readyLagMs)", late.as_millis()));
        }
        // One that hears nothing goes on for its own clients, as `/health` says.
        if let Some(standing) = view.standing().filter(|standing| standing.is_hearing && standing.lag > bound) {
            let lag = standing.lag.as_millis();
            reasons.push(format!("what the other nodes say is {lag} ms old when it comes (admin.readyLagMs)"));
        }
    }
    for source in view.sources() {
        match source.state {
            SourceState::Up | SourceState::Off => {}
            SourceState::Down => reasons.push(format!("{}: not connected to {}", source.name, source.place)),
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_that_it_is_cut_off_or_behind_and_why() {
        let fine =
            Standing { peers: 2, is_hearing: true, is_in_order: true, backlog: 0, lag: Duration::from_millis(3) };
        let said = |standing: &Standing| trouble(standing, 1_000);
        assert_eq!(said(&fine), None);
        assert_eq!(said(&Standing { backlog: 250, lag: BEHIND, ..fine.clone() }), None);
        let (status, reason) = said(&Standing { is_hearing: false, backlog: 7, ..fine.clone() }).unwrap();
        assert_eq!(status, "cut off from the other nodes");
        assert!(reason.contains("cluster.redis") && reason.contains("7 bytes"), "{reason}");
        let (status, reason) = said(&Standing { lag: Duration::from_millis(1_001), ..fine.clone() }).unwrap();
        assert_eq!(
            (status, &*reason),
            ("behind the other nodes", "a message takes 1001 ms through Redis (cluster.redis)")
        );
        let (status, reason) = said(&Standing { backlog: 251, ..fine }).unwrap();
        assert_eq!(status, "behind the other nodes");
        assert!(reason.contains("251 bytes") && reason.contains("cluster.queueBytes (1000)"), "{reason}");
    }
}
