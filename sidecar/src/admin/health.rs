//! `/health`: the process answers. `/ready`: it also takes clients and hears its sources.

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    answer,
    view::{Parts, SourceState, View},
};
use crate::cluster::Standing;

pub(super) fn alive(view: &View) -> Response<Body> {
    let mut health = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")});
    if let Some(standing) = view.standing() {
        // Its own clients are served all the same: no reason to take the node out.
        if !standing.is_hearing {
            health["status"] = "cut off from the other nodes".into();
        }
        health["cluster"] = cluster(&standing);
    }
    answer::json(&health)
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
