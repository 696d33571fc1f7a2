use super::*;

fn event(data: &RawValue) -> Message<'_> {
    let body = Body::Event {
        id: Some([7; 16]),
        channels: vec!["orders".into(), "größe".into()],
        event: "App\\Events\\E".into(),
        data,
        except: None,
        done: None,
    };
    Message { node: NodeId(u64::MAX), seq: 3, born: None, is_retold: false, body }
}

#[test]
fn data_travels_byte_for_byte() {
    let data = RawValue::from_string(r#"{"n": 1.0,  "big":12345678901234567890, "u":"\u00e9"}"#.into()).unwrap();
    let seal = Seal::new(None);
    let bytes = seal.close(&event(&data));
    let opened = seal.open(&bytes).unwrap();
    assert_eq!((opened.node, opened.seq), (NodeId(u64::MAX), 3));
    let Body::Event { id, channels, event, data: read, except, done: None } = opened.body else {
        panic!("not an event")
    };
    assert_eq!(
        (id, channels, event.as_ref(), except),
        (Some([7; 16]), vec!["orders".into(), "größe".into()], "App\\Events\\E", None)
    );
    assert_eq!(read.get(), data.get());
}

#[test]
fn what_is_said_once_more_is_the_same_and_says_so() {
    let data = RawValue::from_string("1".into()).unwrap();
    let seal = Seal::new(Some("secret"));
    let bytes = seal.close(&event(&data));
    let again = Seal::retell(&bytes);
    let [first, retold] = [&bytes, &again].map(|bytes| seal.open(bytes).unwrap());
    assert_eq!((first.is_retold, retold.is_retold), (false, true));
    assert_eq!((first.node, first.seq), (retold.node, retold.seq));
    assert_eq!(Seal::retell(&again), again);
}

#[test]
fn only_the_same_secret_opens() {
    let data = RawValue::from_string("1".into()).unwrap();
    let seals = [Seal::new(None), Seal::new(Some("one")), Seal::new(Some("two"))];
    for (i, from) in seals.iter().enumerate() {
        let bytes = from.close(&event(&data));
        for (j, to) in seals.iter().enumerate() {
            let opened = to.open(&bytes).map(|message| message.seq);
            assert_eq!(opened, if i == j { Ok(3) } else { Err(MessageError::NotAuthentic) });
        }
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let data = RawValue::from_string("[1,2]".into()).unwrap();
    let seal = Seal::new(Some("secret"));
    let bytes = seal.close(&event(&data));
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(seal.open(&changed).is_err(), "byte {place}");
        assert!(seal.open(&bytes[..place]).is_err(), "cut at {place}");
    }
}

#[test]
fn what_is_too_long_or_foreign_is_named() {
    let seal = Seal::new(None);
    assert_eq!(seal.open(&[]).unwrap_err(), MessageError::Short(0));
    assert_eq!(seal.open(&[VERSION; 20]).unwrap_err(), MessageError::Short(20));
    assert_eq!(seal.open(&[9; 50]).unwrap_err(), MessageError::Version(9));
    assert_eq!(seal.open(&vec![0; MOST + 1]).unwrap_err(), MessageError::Long(MOST + 1));
    let mut odd = vec![0; 1 + MAC];
    odd[0] = VERSION;
    odd.extend(br#"{"node":1,"seq":1,"body":{"dance":{}}}"#);
    assert!(matches!(seal.open(&odd), Err(MessageError::Unreadable(_))));
}
