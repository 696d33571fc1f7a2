use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Both ways of telling, where there are two.
#[cfg(target_arch = "x86_64")]
fn is_plainly_json(text: &str) -> bool {
    let by_both = super::lanes::by_256_bits_too(text.as_bytes());
    let plain = super::is_plainly_json(text);
    assert!(by_both.is_none_or(|other| other == plain), "{text}");
    plain
}

#[cfg(not(target_arch = "x86_64"))]
use super::is_plainly_json;

/// Whether this machine can tell at all.
fn works() -> bool {
    is_plainly_json("[]")
}

#[test]
fn what_json_encode_writes_is_known() {
    #[cfg(target_arch = "x86_64")]
    assert_eq!(works(), is_x86_feature_detected!("avx2"));
    if !works() {
        return;
    }
    let long = format!(r#"{{"{0}":"{0}","n":[{0}]}}"#, "1".repeat(200));
    let deep = format!("{}{}", "[".repeat(60), "]".repeat(60));
    for text in [
        "{}",
        "[]",
        "[[],{},[{}],\"\"]",
        r#"{"":""}"#,
        r#"{"a":1,"a":2}"#,
        r#"[0,-0,0.0,-1.50,10,true,false,null]"#,
        r#"{"a":{"b":[1,{"c":"d"}],"e":true},"f":"\"\\\/\b\f\n\r\t\u00e9\uD800"}"#,
        r#"["Größe","\\","\\\"","{[:,]}"]"#,
        &long,
        &deep,
    ] {
        assert!(is_plainly_json(text) && is_json(text), "{text}");
    }
}

/// `~` stands for a space.
const WRONG: &str = r#"
    [ ] { } [} {] []] [][] []1 {}x [,] [1,] [,1] [1,,1] [1~1] [1]] {,} {"a"} {"a":} {"a":1,} {1:1} {"a":1~"b":2}
    {"a"::1} {:1} {"a":1:2} ["a":1] {"a",1} {"a":1,2} {"a":1,"b"} {"a":"b":"c"} {[]:1} {true:1} {"a":1,[]} ["a""b"]
    ["a"1] [1"a"] [[]1] [1[]] [{}{}] {"a"{}} {"a":{}"b":1} [01] [00] [-] [-01] [1.] [.1] [1.2.3] [1..2] [1-2] [--1] [+1]
    [1.-2] [-.1] [1a] [tru] [truee] [True] [nul] [nulll] [fals] [falsey] [truefalse] [true1] [1true] [truenull] [t]
    [NaN] [-Infinity] [0x1] [1e] [1e+] [e1] ["a] ["a\"] ["\x"] ["\"] ["\u12"] ["\u123g"] ["\u"] [\n] [\"a\"] ['a'] [é] a
    {"a":"b\\\"} ["a",] [:] {"a":,} [1;2] [/]
"#;

#[test]
fn what_is_no_json_is_not_taken_for_it_wherever_it_stands() {
    let controls = ["[\"\n\"]", "[\"\u{1}\"]", "[\u{0}]", "[1]\u{0}", "\u{feff}[]", "", " "].map(str::to_owned);
    let wrong = WRONG.split_whitespace().map(|text| text.replace('~', " ")).chain(controls);
    for text in wrong {
        // At every place of a block, and across the ends of blocks and batches.
        for before in (0..66).chain(990..1026) {
            let text = format!("[\"{}\",{text}", "x".repeat(before));
            for text in [format!("{text}]"), format!("{text},1]"), format!("{text},\"a\"]"), text] {
                assert!(!is_plainly_json(&text) || is_json(&text), "{text}");
            }
        }
        assert!(!is_plainly_json(&text) && !is_json(&text), "{text}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(|number| Value::from((number * 100.0).round() / 100.0)),
        (0i64..20).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[\\\\\"\u{0}-\u{1f}/u]{0,70}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 120, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec(("[a-z\\\\\"\n]{0,9}", inner), 0..8)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Text that is nearly JSON: pieces of it in any order.
fn rubble() -> impl Strategy<Value = String> {
    let pieces: Vec<_> = r#"[ ] { } , : " "a" "a": \ \" \u00e9 1 0 - . 1.5 e E+1 true false null ~ é x [] {} [1,2] {"a":1}"#
        .split(' ')
        .map(|piece| piece.replace('~', "\n "))
        .collect();
    prop::collection::vec(prop::sample::select(pieces), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_value_without_an_exponent_is_known(value in value()) {
        let text = json!([value]).to_string();
        prop_assert!(!works() || is_plainly_json(&text), "{text}");
    }

    #[test]
    fn one_changed_byte_fools_nobody(value in value(), at in any::<prop::sample::Index>(), byte in 0u8..127) {
        let mut bytes = json!({"a": value, "b": 1}).to_string().into_bytes();
        let at = at.index(bytes.len());
        for change in 0..3 {
            let mut changed = bytes.clone();
            match change {
                0 => changed[at] = byte,
                1 => changed.insert(at, byte),
                _ => drop(changed.remove(at)),
            }
            if let Ok(text) = str::from_utf8(&changed) {
                prop_assert!(!is_plainly_json(text) || is_json(text), "{text}");
            }
        }
        bytes.truncate(at);
        if let Ok(text) = str::from_utf8(&bytes) {
            prop_assert!(!is_plainly_json(text));
        }
    }

    #[test]
    fn rubble_fools_nobody(text in rubble(), before in prop_oneof![0usize..70, 950usize..1024]) {
        for text in [text.clone(), format!("[\"{}\",{text}]", "x".repeat(before)), format!("{{\"{}\":{text}}}", "x".repeat(before))] {
            prop_assert!(!is_plainly_json(&text) || is_json(&text), "{text}");
        }
    }
}
