use serde_json::{Map, Value, json};

use super::{members::MAX_ENTRIES_PER_SOCKET, *};
use crate::{cluster::NodeId, edge::SocketId};

fn data(id: Value, info: &str) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("user_id".into(), id);
    map.insert("user_info".into(), info.into());
    map
}

fn socket(id: &str) -> SocketId {
    id.into()
}

#[test]
fn first_tab_joins_and_last_tab_leaves() {
    let mut members = Members::default();
    assert!(members.join(&socket("a"), data(json!(1), "Ann")).arrival.joining.is_some());
    let second = members.join(&socket("b"), data(json!(1), "Anny"));
    assert_eq!(second.arrival.joining, None);
    assert_eq!(second.here, [json!({"user_id": 1, "user_info": "Anny", "socketId": "b"})]);
    assert_eq!(users(&members.stored()), [json!({"id": 1, "user_info": "Ann"})]);
    assert_eq!(members.leave(&socket("a")), None);
    assert_eq!(members.leave(&socket("b")), Some(json!({"user_id": 1, "user_info": "Anny"})));
    assert_eq!(members.leave(&socket("b")), None);
}

#[test]
fn the_list_is_newest_first_and_tells_a_socket_by_its_name_or_by_its_id() {
    let mut members = Members::default();
    let mut named = data(json!(1), "Ann");
    named.insert("socketId".into(), "a name of its own".into());
    members.join(&socket("a"), named);
    let here = members.join(&socket("b"), data(json!(2), "Bob")).here;
    assert_eq!((&here[0]["user_id"], &here[0]["socketId"]), (&json!(2), &json!("b")));
    assert_eq!(here[1]["socketId"], "a name of its own");
    assert!(members.is_member(&socket("a"), &data(json!(1), "Anny")));
    assert_eq!(members.here()[1], json!({"user_id": 1, "user_info": "Anny", "socketId": "a name of its own"}));
}

#[test]
fn user_ids_are_loose_for_joining_and_strict_in_lists() {
    let mut members = Members::default();
    members.join(&socket("a"), data(json!(1), "num"));
    let joined = members.join(&socket("b"), data(json!("1"), "str"));
    assert_eq!(joined.arrival.joining, None);
    assert_eq!(joined.here.len(), 2);
    assert_eq!(users(&members.stored()).len(), 2);
    assert_eq!(members.leave(&socket("b")), None);
}

#[test]
fn subscribing_without_end_keeps_a_bounded_list() {
    let mut members = Members::default();
    for _ in 0..1000 {
        members.join(&socket("a"), data(json!(1), "Ann"));
    }
    assert_eq!(members.stored().len(), MAX_ENTRIES_PER_SOCKET);
    assert!(members.leave(&socket("a")).is_some());
    assert!(members.stored().is_empty());
}

#[test]
fn a_socket_that_becomes_another_user_leaves_as_who_it_was() {
    let mut members = Members::default();
    members.join(&socket("a"), data(json!(1), "Ann"));
    members.join(&socket("a"), data(json!(1), "Ann"));
    let (ann, bob) = (json!({"user_id": 1, "user_info": "Ann"}), json!({"user_id": 2, "user_info": "Bob"}));
    let arrival = members.join(&socket("a"), data(json!(2), "Bob")).arrival;
    assert_eq!(arrival.leaving, Some(ann));
    assert_eq!(arrival.joining.and_then(|mut who| who["user_id"].take().as_u64()), Some(2));
    assert_eq!(members.here().len(), 1);
    members.join(&socket("b"), data(json!(2), "Bob"));
    let arrival = members.join_elsewhere(NodeId(2), &socket("c"), data(json!(2), "Bob"));
    assert_eq!(arrival, Arrival::default());
    // Bob has other sockets: only Ann is new.
    let arrival = members.join(&socket("a"), data(json!(1), "Ann")).arrival;
    assert!(arrival.leaving.is_none() && arrival.joining.is_some());
    assert_eq!(members.leave(&socket("b")), None);
    assert_eq!(members.leave_elsewhere(NodeId(2), &socket("c")), Some(bob));
}

#[test]
fn a_user_on_two_nodes_joins_once_and_leaves_once() {
    let (mut members, other) = (Members::default(), NodeId(2));
    assert!(members.join(&socket("a"), data(json!(1), "Ann")).arrival.joining.is_some());
    assert_eq!(members.join_elsewhere(other, &socket("b"), data(json!(1), "Ann")), Arrival::default());
    assert!(members.join_elsewhere(other, &socket("c"), data(json!(2), "Bob")).joining.is_some());
    assert_eq!((members.stored().len(), members.all().len(), members.here().len()), (1, 3, 2));
    assert_eq!(members.leave(&socket("a")), None);
    // Not this node's to take out.
    assert_eq!(members.leave(&socket("b")), None);
    assert_eq!(members.leave_elsewhere(NodeId(3), &socket("b")), None);
    assert_eq!(members.all().len(), 2);
    assert!(members.leave_elsewhere(other, &socket("b")).is_some());
}

#[test]
fn who_was_at_another_node_before_a_restart_is_told_to_nobody() {
    let (mut members, other) = (Members::default(), NodeId(2));
    let member = |id: &str, user: u8| (socket(id), data(json!(user), ""));
    for (id, user) in [("b", 2), ("c", 3)] {
        members.restore_elsewhere(other, socket(id), data(json!(user), ""));
    }
    assert_eq!(members.elsewhere().map(|(node, ..)| node).collect::<Vec<_>>(), [other, other]);
    assert_eq!(members.join_elsewhere(other, &socket("d"), data(json!(2), "")), Arrival::default());
    assert_eq!(members.replace(other, vec![member("b", 2), member("c", 3)]), Replaced::default());
    let replaced = members.replace(other, vec![member("c", 3), member("e", 4)]);
    assert_eq!((replaced.joining.len(), replaced.leaving.len()), (1, 1));
}

#[test]
fn an_account_of_another_node_tells_only_what_changed() {
    let (mut members, other) = (Members::default(), NodeId(2));
    let member = |id: &str, user: u8| (socket(id), data(json!(user), ""));
    members.join(&socket("a"), data(json!(1), ""));
    let first = members.replace(other, vec![member("b", 1), member("c", 2), member("d", 2)]);
    assert_eq!((first.joining.len(), first.leaving.len()), (1, 0));
    let second = members.replace(other, vec![member("x", 2), member("e", 3)]);
    assert_eq!(second.joining.iter().map(|who| who["user_id"].clone()).collect::<Vec<_>>(), [json!(3)]);
    assert_eq!(second.leaving, Vec::<Value>::new());
    let dead = members.replace(other, Vec::new());
    let left: Vec<_> = dead.leaving.iter().map(|who| who["user_id"].clone()).collect();
    assert_eq!(left, [json!(2), json!(3)]);
    assert_eq!(members.all().len(), 1);
}

#[test]
fn a_channel_without_members_is_forgotten() {
    let presence = Presence::default();
    let room = crate::testing::channel("presence-x");
    presence.with(&room, |members| members.join(&socket("a"), data(json!(1), "Ann")));
    assert_eq!(presence.count(), 1);
    presence.with(&room, |members| members.leave(&socket("a")));
    assert!(presence.shards.iter().all(|shard| shard.lock().is_empty()));
}

proptest::proptest! {
    /// Whatever sockets do, also as one user after another, each user's `joining` and `leaving` alternate and end level with who is
    /// left.
    #[test]
    fn joining_and_leaving_alternate(steps in proptest::collection::vec((0u8..6, proptest::option::of(0u64..3)), 0..80)) {
        let mut members = Members::default();
        let mut told: HashMap<u64, bool> = HashMap::new();
        let user = |who: &Value| who["user_id"].as_u64().unwrap();
        for (number, join) in steps {
            let id = socket(&number.to_string());
            let arrival = match join {
                Some(user) => members.join(&id, data(json!(user), "")).arrival,
                None => Arrival { leaving: members.leave(&id), joining: None },
            };
            if let Some(who) = arrival.leaving {
                proptest::prop_assert_eq!(told.insert(user(&who), false), Some(true));
            }
            if let Some(who) = arrival.joining {
                proptest::prop_assert_ne!(told.insert(user(&who), true), Some(true));
            }
        }
        for (user, here) in told {
            proptest::prop_assert_eq!(users(&members.stored()).iter().any(|member| member["id"] == user), here);
        }
    }
}
