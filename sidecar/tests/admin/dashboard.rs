use std::{collections::BTreeSet, path::Path};

use rustecho_sidecar::config::{ClusterConfig, RedisConfig, RedisNodes};
use serde_json::Value;

use crate::support::{Sidecar, until};

/// Every `expr` anywhere in a dashboard.
fn expressions<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str));
            fields.values().for_each(|field| expressions(field, found));
        }
        Value::Array(list) => list.iter().for_each(|item| expressions(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every name of a metric in these texts.
fn names<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = texts.into_iter().flat_map(|text| text.split(move |c| !is_name(c)));
    words.filter(|word| word.starts_with("rustecho_") || word.starts_with("process_")).collect()
}

#[tokio::test]
async fn dashboard_and_documentation_use_only_metrics_that_exist() {
    let nowhere = RedisConfig { nodes: RedisNodes::Unix("/nowhere/redis.sock".into()), ..RedisConfig::default() };
    let sidecar = Sidecar::with(|config| {
        config.redis_source = true;
        config.cluster = Some(ClusterConfig { redis: nowhere, ..ClusterConfig::default() });
    })
    .await;
    let mut text = String::new();
    until("the state of Redis", async || {
        text = sidecar.get("/metrics").await.body;
        text.contains("\nrustecho_redis_up{")
    })
    .await;
    let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next());
    let exist: BTreeSet<&str> = samples.collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");

    let dashboard = std::fs::read_to_string(root.join("deploy/grafana/rustecho.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut expressions_found = Vec::new();
    expressions(&dashboard, &mut expressions_found);
    let used = names(expressions_found);
    assert!(used.len() > 10, "{used:?}");
    let unknown: Vec<_> = used.difference(&exist).collect();
    assert!(unknown.is_empty(), "the dashboard uses {unknown:?}; there are {exist:?}");

    let page = std::fs::read_to_string(root.join("docs/monitoring.md")).unwrap();
    let told = names([page.as_str()]);
    // The page names histograms as a whole.
    let families = |name: &&str| exist.contains(name) || exist.contains(format!("{name}_bucket").as_str());
    let unknown: Vec<_> = told.iter().filter(|name| !families(name)).collect();
    assert!(unknown.is_empty(), "docs/monitoring.md names {unknown:?}");
    let is_told = |name: &str| {
        let base = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        told.contains(base) || told.contains(name)
    };
    let silent: Vec<_> = exist.iter().filter(|name| !is_told(name)).collect();
    assert!(silent.is_empty(), "docs/monitoring.md does not name {silent:?}");
    sidecar.stop().await;
}
