//! Addresses at the edges of each range, and names by their form.

use super::*;

#[track_caller]
fn check(class: Class, addresses: &[&str]) {
    for text in addresses {
        let address: IpAddr = text.parse().unwrap();
        assert_eq!(Class::of(address), class, "{text}");
    }
}

#[test]
fn public_addresses_are_public_up_to_the_edge_of_what_is_not() {
    check(
        Class::Public,
        &[
            "1.0.0.0",
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "160.79.104.10",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::",
            "2001:200::",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2607:6bc0::10",
            "2a00:1450::",
            "3ffe:ffff::",
            "3fff:1000::",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::",
        ],
    );
}

#[test]
fn addresses_of_this_machine_and_network_are_inside() {
    check(
        Class::Inside,
        &[
            "127.0.0.1",
            "127.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "::1",
            "fc00::",
            "fd12:3456::1",
            "fdff:ffff::",
            "64:ff9b:1::a00:1",
        ],
    );
}

#[test]
fn metadata_and_link_local_addresses_are_of_the_link() {
    check(
        Class::Link,
        &[
            "169.254.0.0",
            "169.254.169.254",
            "169.254.170.2",
            "169.254.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fe80::",
            "fe80::1",
            "febf:ffff::",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:42::42",
        ],
    );
}

#[test]
fn addresses_that_no_host_can_have_are_nowhere() {
    check(
        Class::Nowhere,
        &[
            "0.0.0.0",
            "0.255.255.255",
            "192.0.0.0",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "192.88.99.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.255",
            "::",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2001:1ff::",
            "3fff::1",
            "fec0::1",
            "100::1",
            "4000::",
            "5f00::1",
        ],
    );
}

#[test]
fn an_ipv4_address_is_found_in_whatever_ipv6_address_carries_it() {
    check(
        Class::Inside,
        &[
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:a00:1::",
            "2002:7f00:1::1",
            "2002:c0a8:101::",
            "::ffff:0:10.0.0.1",
        ],
    );
    check(
        Class::Link,
        &["::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::", "::a9fe:a9fe"],
    );
    check(Class::Nowhere, &["::ffff:0.0.0.0", "64:ff9b::255.255.255.255", "2002:e000:1::"]);
}

#[test]
fn names_say_by_their_form_whether_they_are_inside() {
    for name in [
        "localhost",
        "localhost.",
        "LOCALHOST",
        "api.localhost",
        "ollama",
        "vllm",
        "printer.local",
        "db.internal",
        "gpu.lan",
        "nas.home.arpa",
    ] {
        assert_eq!(Reach::of(name, false), Reach::Inside, "{name}");
    }
    for name in [
        "api.example.com",
        "localhost.example.com",
        "internal.example.com",
        "notlocal.net",
        "mylan.dev",
        "home.arpa",
    ] {
        assert_eq!(Reach::of(name, false), Reach::Public, "{name}");
        assert_eq!(Reach::of(name, true), Reach::Inside, "{name}");
    }
}

#[test]
fn no_name_reaches_the_link_or_nowhere() {
    for reach in [Reach::Public, Reach::Inside] {
        assert!(reach.allows(Class::Public));
        assert!(!reach.allows(Class::Link) && !reach.allows(Class::Nowhere));
    }
    assert!(Reach::Inside.allows(Class::Inside) && !Reach::Public.allows(Class::Inside));
}
