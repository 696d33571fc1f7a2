//! Servers in groups: sentinels and clusters.

use redis::{Commands, cluster::ClusterClient};
use rustecho_sidecar::config::{RedisConfig, RedisNodes};

use crate::{
    nodes::{names, pair},
    servers::{Server, available, free_port, until},
    sidecar::{Sidecar, list},
};

#[tokio::test]
async fn sentinels_lead_to_the_master_before_and_after_a_failover() {
    if !available() {
        return;
    }
    let mut master = Server::start(&[]).await;
    let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port().to_string()]).await;
    let sentinel = Server::sentinel(&master).await;
    until("the sentinel knows the replica", async || {
        let group: Vec<String> = sentinel.ask::<Vec<Vec<String>>>("SENTINEL replicas group").concat();
        let is_linked = group.windows(2).any(|pair| pair[0] == "master-link-status" && pair[1] == "ok");
        is_linked.then_some(())
    })
    .await;
    let nodes = RedisNodes::Sentinel {
        // The first of them is down.
        sentinels: vec![("127.0.0.1".into(), free_port()), ("127.0.0.1".into(), sentinel.port())],
        name: "group".into(),
        sentinel_username: None,
        sentinel_password: None,
    };
    let settings = RedisConfig { nodes, ..RedisConfig::default() };
    let [one, two] = pair(&settings).await;
    let events = names(20);
    events[..10].iter().for_each(|event| one.say(event));
    two.has_heard(&events[..10]).await;
    let mut sidecar = Sidecar::start(settings);
    sidecar.is_ready().await;
    sidecar.join("presence-room", "a");
    sidecar.hears(|message| _ = publish(&master, message)).await;
    until("the master has the list", async || (master.text("presence-room:members")? == list(&["a"])).then_some(()))
        .await;

    master.kill();
    until("the replica becomes the master", async || {
        // While it changes over, it closes the connections of its clients.
        let info = replica.try_ask::<redis::InfoDict>("INFO replication").ok()?;
        info.get::<String>("role").filter(|role| role == "master")
    })
    .await;
    events[10..].iter().for_each(|event| one.say(event));
    two.has_heard(&events).await;
    sidecar.hears(|message| _ = publish(&replica, message)).await;
    assert_eq!(sidecar.counters.redis_lost.get(), 1);
    sidecar.join("presence-room", "b");
    until("the new master has the list", async || {
        (replica.text("presence-room:members")? == list(&["a", "b"])).then_some(())
    })
    .await;
}

fn publish(server: &Server, message: &str) -> i64 {
    server.client().get_connection().unwrap().publish("orders", message).unwrap()
}

#[tokio::test]
async fn a_cluster_of_three() {
    if !available() {
        return;
    }
    let mut servers = Vec::new();
    for _ in 0..3 {
        let bus = free_port().to_string();
        servers.push((Server::start(&["--cluster-enabled", "yes", "--cluster-port", &bus]).await, bus));
    }
    let (first, _) = &servers[0];
    for ((server, bus), slots) in servers.iter().zip(["0 5460", "5461 10922", "10923 16383"]) {
        server.ask::<()>(&format!("CLUSTER ADDSLOTSRANGE {slots}"));
        first.ask::<()>(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", server.port()));
    }
    until("the cluster is complete", async || {
        let complete = |server: &Server| server.ask::<String>("CLUSTER INFO").contains("cluster_state:ok");
        let known = |server: &Server| server.ask::<String>("CLUSTER NODES").lines().count() == 3;
        servers.iter().all(|(server, _)| complete(server) && known(server)).then_some(())
    })
    .await;

    // The first node that is named is down.
    let live = servers.iter().take(2).map(|(server, _)| server.port());
    let nodes = std::iter::once(free_port()).chain(live).map(|port| ("127.0.0.1".to_owned(), port)).collect();
    let settings = RedisConfig { nodes: RedisNodes::Cluster(nodes), ..RedisConfig::default() };
    let [one, two] = pair(&settings).await;
    let events = names(100);
    events.iter().for_each(|event| one.say(event));
    two.has_heard(&events).await;
    let mut sidecar = Sidecar::start(settings);
    sidecar.is_ready().await;
    // An event published on any node arrives.
    for (server, _) in &servers {
        sidecar.hears(|message| _ = publish(server, message)).await;
    }
    let client = ClusterClient::new(vec![format!("redis://127.0.0.1:{}", first.port())]).unwrap();
    let mut connection = client.get_connection().unwrap();
    let rooms: Vec<String> = ["{7}", "a}b", "x"].iter().map(|name| format!("presence-{name}")).collect();
    let rooms: Vec<String> = rooms.into_iter().chain((0..20).map(|n| format!("presence-{n}"))).collect();
    for expected in [vec!["a"], vec!["a", "b"]] {
        rooms.iter().for_each(|room| sidecar.join(room, expected.last().unwrap()));
        for room in &rooms {
            until("every slot has its lists", async || {
                let text: Option<String> = connection.get(format!("{room}:members")).unwrap();
                (text? == list(&expected)).then_some(())
            })
            .await;
        }
    }
    sidecar.store.close().await;
    for room in &rooms {
        assert_eq!(connection.get::<_, String>(format!("{room}:members")).unwrap(), "[]", "{room}");
    }
}
