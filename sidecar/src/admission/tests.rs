//! Origins, and who is one too many.

use super::*;

fn admission(change: impl FnOnce(&mut Config)) -> Admission {
    let mut config = Config { auth_hosts: vec!["http://laravel.test:8000".into()], ..Config::default() };
    change(&mut config);
    let counters = Arc::new(Counters::default());
    let refusals = Arc::new(Refusals::new(counters.clone()));
    Admission::new(&config, Arc::new(Memory::new(None)), refusals, counters)
}

fn policy(policy: OriginPolicy) -> Admission {
    admission(|config| config.visitors.policy = policy)
}

fn request(query: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().uri(format!("/socket.io/?EIO=4&transport=polling{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.header("host", "ws.app.test:6001").header("cookie", "session=secret").body(()).unwrap()
}

/// Whether the cookie is still there; none when refused.
fn keeps_cookie(admission: &Admission, query: &str, headers: &[(&str, &str)]) -> Option<bool> {
    let mut request = request(query, headers);
    let peer = "192.0.2.1".parse().unwrap();
    admission.admit(&mut request, peer).ok().map(|()| request.headers().contains_key(COOKIE))
}

#[test]
fn own_host_auth_hosts_and_the_list_are_trusted() {
    let gate = admission(|config| {
        config.visitors.trusted = vec![Form::parse("*.partner.test").unwrap()];
        config.socketio.origins = vec!["*:*".into(), "named.test:443".into()];
    });
    for origin in [
        "https://ws.app.test",
        "http://laravel.test",
        "https://a.partner.test",
        "https://named.test",
        "http://WS.app.test:99",
    ] {
        assert_eq!(keeps_cookie(&gate, "", &[("origin", origin)]), Some(true), "{origin}");
    }
    for origin in ["https://evil.test", "https://www.app.test", "null", "nonsense", "https://ws.app.test.evil.test", ""]
    {
        assert_eq!(keeps_cookie(&gate, "", &[("origin", origin)]), Some(false), "{origin}");
    }
    assert_eq!(gate.counters.untrusted_origins.get(), 6);
}

#[test]
fn hosts_of_auth_host_are_trusted_in_each_of_its_forms() {
    let gate = admission(|config| {
        config.auth_hosts =
            ["https://www.example.com", ".example.com", "app.test", "other.test:8443", "http://me:pw@own.test", "*"]
                .map(Into::into)
                .into();
    });
    for origin in [
        "https://www.example.com",
        "https://shop.example.com",
        "http://app.test:3000",
        "https://other.test",
        "http://own.test",
    ] {
        assert_eq!(keeps_cookie(&gate, "", &[("origin", origin)]), Some(true), "{origin}");
    }
    for origin in ["https://example.com.evil.test", "https://evil.test", "https://shopexample.com", "null"] {
        assert_eq!(keeps_cookie(&gate, "", &[("origin", origin)]), Some(false), "{origin}");
    }
}

#[test]
fn the_policy_decides_about_strangers() {
    let stranger = [("origin", "https://evil.test")];
    assert_eq!(keeps_cookie(&policy(OriginPolicy::Any), "", &stranger), Some(true));
    assert_eq!(keeps_cookie(&policy(OriginPolicy::Site), "", &stranger), Some(false));
    assert_eq!(keeps_cookie(&policy(OriginPolicy::Site), "", &[("origin", "https://www.app.test")]), Some(true));
    assert_eq!(keeps_cookie(&policy(OriginPolicy::Strict), "", &stranger), None);
    assert_eq!(keeps_cookie(&policy(OriginPolicy::Strict), "&sid=abc", &stranger), None, "in a session, too");
    assert_eq!(keeps_cookie(&policy(OriginPolicy::Strict), "", &[("origin", "https://ws.app.test")]), Some(true));
}

#[test]
fn only_we_say_who_is_not_trusted() {
    let marked = |headers: &[(&str, &str)]| {
        let mut request = request("", headers);
        policy(OriginPolicy::Trusted).admit(&mut request, "192.0.2.1".parse().unwrap()).unwrap();
        request.headers().contains_key(UNTRUSTED)
    };
    assert!(marked(&[("origin", "https://evil.test")]));
    assert!(!marked(&[(UNTRUSTED, "1"), ("origin", "https://ws.app.test")]), "not what a client says");
}

#[test]
fn who_tells_no_origin_is_no_page_unless_a_script_tag_could_read_the_answer() {
    let gate = policy(OriginPolicy::Trusted);
    assert_eq!(keeps_cookie(&gate, "", &[]), Some(true), "not a browser");
    assert_eq!(keeps_cookie(&gate, "&j=0", &[]), Some(false), "a script tag of anybody's");
    assert_eq!(keeps_cookie(&gate, "&%6A=0", &[]), Some(false), "the same, written otherwise");
    assert_eq!(keeps_cookie(&gate, "&j=0", &[("referer", "https://ws.app.test/page")]), Some(true));
    assert_eq!(keeps_cookie(&gate, "&j=0", &[("referer", "https://evil.test/")]), Some(false));
    assert_eq!(keeps_cookie(&gate, "&j=0", &[("sec-fetch-site", "same-origin")]), Some(true));
    assert_eq!(keeps_cookie(&gate, "", &[("sec-fetch-site", "cross-site")]), Some(false));
    assert_eq!(keeps_cookie(&gate, "", &[("sec-fetch-site", "same-site")]), Some(false));
}

#[test]
fn the_host_that_a_proxy_tells_counts_and_that_of_others_does_not() {
    let told = [("origin", "https://app.test"), ("x-forwarded-host", "app.test")];
    assert_eq!(keeps_cookie(&policy(OriginPolicy::Trusted), "", &told), Some(false));
    let behind = admission(|config| config.visitors.proxies = vec!["192.0.2.0/24".parse().unwrap()]);
    assert_eq!(keeps_cookie(&behind, "", &told), Some(true));
}

#[test]
fn a_query_opens_a_connection_unless_it_surely_names_a_session() {
    assert!(!opens_connection("transport=polling&sid=abc"));
    for query in ["", "sid", "sid=", "sid=&sid=abc", "sid=abc&s%69d=", "Sid=abc"] {
        assert!(opens_connection(query), "{query}");
    }
}

#[test]
fn one_too_many_is_told_which_bound_and_leaves_no_trace() {
    let gate = admission(|config| {
        config.limits.connections = 3;
        config.limits.connections_per_ip = Some(2);
    });
    let come = |address: &str| {
        let mut request = request("", &[]);
        let refused = gate.admit(&mut request, address.parse().unwrap()).err();
        (request.extensions_mut().remove::<Place>(), refused.map(|answer| answer.status()))
    };
    let first = come("192.0.2.1");
    let second = come("192.0.2.1");
    assert_eq!(come("192.0.2.1").1, Some(StatusCode::SERVICE_UNAVAILABLE));
    let third = come("192.0.2.2");
    assert_eq!(come("192.0.2.3").1, Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!((gate.counters.refused_connections_per_ip.get(), gate.counters.refused_connections.get()), (1, 1));
    drop((first, third));
    assert_eq!(come("192.0.2.1").1, None);
    drop(second);
}

#[test]
fn without_memory_nobody_new_comes_in() {
    let mut gate = admission(|_| {});
    let memory = Arc::new(Memory::new(Some(1)));
    memory.look();
    gate.memory = memory;
    assert_eq!(keeps_cookie(&gate, "", &[]), None);
    assert_eq!(keeps_cookie(&gate, "&sid=abc", &[]), Some(true), "who is in stays in");
}

#[test]
fn a_household_is_known_by_a_public_address_alone_and_by_a_trusted_proxys_word() {
    let proxies = ["10.0.0.0/8".parse().unwrap(), "203.0.113.9/32".parse().unwrap()];
    let of = |peer: &str, chain: Option<&str>| {
        let mut headers = HeaderMap::new();
        if let Some(chain) = chain {
            headers.insert("x-forwarded-for", HeaderValue::from_bytes(chain.as_bytes()).unwrap());
        }
        let (peer, generation) = (peer.parse().ok(), crate::edge::Generation::V4);
        household(&proxies, &Handshake { headers: (&headers).into(), peer, generation }).map(|home| home.to_string())
    };
    assert_eq!(of("192.0.2.1", Some("198.51.100.1")).as_deref(), Some("192.0.2.1"));
    assert_eq!(of("2001:db8::1:2:3:4", None).as_deref(), Some("2001:db8::"));
    assert_eq!(of("10.0.0.1", Some("\u{e9}, 198.51.100.1, 10.0.0.2")).as_deref(), Some("198.51.100.1"));
    assert_eq!(of("203.0.113.9", Some("2001:db8::7")).as_deref(), Some("2001:db8::"));
    for (peer, chain) in [
        ("a Unix socket", Some("198.51.100.1")),
        ("127.0.0.1", Some("198.51.100.1")),
        ("10.0.0.1", None),
        ("10.0.0.1", Some("192.168.0.7")),
        ("203.0.113.9", None),
        ("192.168.0.7", None),
    ] {
        assert_eq!(of(peer, chain), None, "{peer}");
    }
}
