//! Addresses that a provider may be connected to. Names are resolved by whoever owns them, so a
//! grant of a name alone would let its owner point it into the operator's network, behind the check
//! of the origin: DNS rebinding. Therefore every address is checked when a connection is made.
//!
//! An address inside the network is refused "unless the operator granted that very origin by
//! address or name". Taken so, because only what an operator plainly meant should open the way in:
//!
//! - A grant whose host is an address allows exactly this address, of whatever kind. Nobody writes
//!   one by mistake.
//! - A grant whose host names an inside host by its form (`localhost`, `ollama`, `gpu.lan`, see
//!   [`names_inside`]) allows private and loopback addresses. Such names have no owner outside:
//!   they mean nothing in public DNS, and a model server beside Arete is what they are written for.
//! - Any other name is taken for a public one and may not lead inside, unless the grant says
//!   `private = true`. Where grants of one provider differ on the same host, all of them have to
//!   say so: the name is resolved for the host, and nothing says for which grant.
//! - Link-local addresses, those of metadata services among them, hand out the credentials of the
//!   machine to whoever asks. No name and no `private` opens them; only a grant of the address
//!   itself does.
//! - What no host can have (unspecified, multicast, broadcast, documentation, reserved) opens to
//!   nothing else either.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

/// A kind of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// On the public internet.
    Public,
    /// On this machine or in a network of its operator's.
    Inside,
    /// On the link, or a service of the cloud's that tells about the machine.
    Link,
    /// Nowhere: no vendor can have it.
    Nowhere,
}

impl Class {
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// As it stands in a sentence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Inside => "an address inside this network",
            Self::Link => "a link-local or metadata address",
            Self::Nowhere => "an address that no host can have",
        }
    }
}

/// The addresses that the host of a grant may resolve to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Public addresses.
    Public,
    /// Public ones, and those inside.
    Inside,
}

impl Reach {
    /// Of a granted name.
    pub(super) fn of(name: &str, private: bool) -> Self {
        if private || names_inside(name) { Self::Inside } else { Self::Public }
    }

    pub(super) fn allows(self, class: Class) -> bool {
        match class {
            Class::Public => true,
            Class::Inside => self == Self::Inside,
            Class::Link | Class::Nowhere => false,
        }
    }
}

/// The address that the host of a URL is by itself, without any resolution.
pub(super) fn literal(host: &Host) -> Option<IpAddr> {
    match host {
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some((*address).into()),
        Host::Domain(_) => None,
    }
}

/// Returns true if a name is by its form one of this machine or network: `localhost`, a name
/// without a dot as containers have, or one below a top-level domain that is kept for such use.
fn names_inside(name: &str) -> bool {
    const INSIDE: [&str; 5] = [".localhost", ".local", ".internal", ".lan", ".home.arpa"];
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    !name.contains('.') || INSIDE.iter().any(|suffix| name.ends_with(suffix))
}

/// Metadata services that aren't at a link-local address: Alibaba's, Azure's and Oracle's first.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// Those of Amazon (a prefix of which it uses several), Google and Scaleway: unique-local
/// addresses.
const METADATA_V6: [([u16; 8], u8); 3] = [
    ([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0], 32),
    ([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128),
    ([0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042], 128),
];

fn of_v4(address: Ipv4Addr) -> Class {
    if METADATA_V4.contains(&address) {
        return Class::Link;
    }
    match address.octets() {
        [169, 254, ..] => Class::Link,
        [127 | 10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Class::Inside,
        // For benchmarks by the book; in life, what proxies on this machine give out for names.
        [198, 18..=19, ..] => Class::Inside,
        // This network, protocol assignments, documentation, a relay that is no more, multicast,
        // reserved, broadcast.
        [0, ..]
        | [192, 0, 0 | 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [192, 88, 99, _]
        | [224..=255, ..] => Class::Nowhere,
        _ => Class::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Class {
    if let Some(embedded) = embedded(address) {
        return of_v4(embedded);
    }
    if METADATA_V6.iter().any(|(prefix, length)| within(address, *prefix, *length)) {
        return Class::Link;
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Inside,
        [0xfe80..=0xfebf, ..] => Class::Link,
        [0xfc00..=0xfdff, ..] => Class::Inside,
        // A NAT64 of the operator's own: it leads to whatever IPv4 address it embeds, and where
        // depends on its length.
        [0x0064, 0xff9b, 0x0001, ..] => Class::Inside,
        // Protocol assignments (Teredo among them) and documentation.
        [0x2001, 0x0000..=0x01ff | 0x0db8, ..] | [0x3fff, 0x0000..=0x0fff, ..] => Class::Nowhere,
        // All that is given out so far.
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Nowhere,
    }
}

/// The IPv4 address that packets to this IPv6 address are sent to: mapped, compatible, NAT64 and
/// 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        // Unspecified and loopback look like compatible ones.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        // Mapped for translators that know nothing better, by RFC 2765.
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

fn within(address: Ipv6Addr, prefix: [u16; 8], length: u8) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    u128::from(address) & mask == u128::from(Ipv6Addr::from(prefix)) & mask
}

#[cfg(test)]
mod tests;
