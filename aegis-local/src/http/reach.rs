//! Which addresses may be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aegis_core::{Error, Result};

/// Metadata services of clouds that sit inside a private range.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
];

/// What addresses a client may connect to: public ones, and what its host added.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    private: bool,
    listed: Vec<IpAddr>,
}

impl Reach {
    /// Public addresses only.
    pub(crate) const fn public() -> Self {
        Self { private: false, listed: Vec::new() }
    }

    /// Adds loopback and private ranges; link-local and metadata addresses still need to be listed.
    pub(crate) fn allow_private(&mut self) {
        self.private = true;
    }

    /// Adds one address, whatever it is.
    pub(crate) fn allow(&mut self, address: IpAddr) {
        self.listed.push(address.to_canonical());
    }

    /// Refuses an address that may not be reached.
    pub(crate) fn check(&self, address: IpAddr) -> Result<()> {
        let address = embedded(address);
        if self.listed.contains(&address) {
            return Ok(());
        }
        match class(address) {
            Class::Public => Ok(()),
            Class::Private(_) if self.private => Ok(()),
            Class::Private(what) | Class::Never(what) => {
                Err(Error::denied(format!("{address} is a {what} address; the host must allow it")))
            }
        }
    }
}

enum Class {
    Public,
    Private(&'static str),
    Never(&'static str),
}

/// The IPv4 address that an IPv6 address stands for: mapped, NAT64 and 6to4.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let s = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => IpAddr::V6(v6),
    }
}

fn class(address: IpAddr) -> Class {
    if METADATA.contains(&address) {
        return Class::Never("metadata");
    }
    match address {
        IpAddr::V4(ip) => class_v4(ip),
        IpAddr::V6(ip) => class_v6(ip),
    }
}

fn class_v4(ip: Ipv4Addr) -> Class {
    match ip.octets() {
        [127, ..] => Class::Private("loopback"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Class::Private("private"),
        [100, 64..=127, ..] => Class::Private("shared"),
        [169, 254, ..] => Class::Never("link-local"),
        [0, ..] => Class::Never("unspecified"),
        [224..=255, ..] => Class::Never("multicast or reserved"),
        [192, 0, 0 | 2, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Class::Never("reserved")
        }
        _ => Class::Public,
    }
}

fn class_v6(ip: Ipv6Addr) -> Class {
    let first = ip.segments()[0];
    if ip.is_loopback() {
        Class::Private("loopback")
    } else if first & 0xfe00 == 0xfc00 {
        Class::Private("private")
    } else if first & 0xffc0 == 0xfe80 {
        Class::Never("link-local")
    } else if first & 0xe000 == 0x2000 && !(first == 0x2001 && ip.segments()[1] == 0x0db8) {
        Class::Public
    } else {
        // Unspecified, multicast, documentation, site-local and everything not assigned.
        Class::Never("reserved")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn reaches(reach: &Reach, ip: &str) -> bool {
        reach.check(ip.parse().unwrap()).is_ok()
    }

    #[test]
    fn only_public_addresses_are_reached_by_default() {
        let reach = Reach::public();
        for ip in ["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "100.128.0.1"] {
            assert!(reaches(&reach, ip), "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "febf::1",
            "fc00::1",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "fd00:ec2::254",
        ] {
            assert!(!reaches(&reach, ip), "{ip}");
        }
    }

    #[test]
    fn private_ranges_can_be_allowed_without_the_metadata_services() {
        let mut reach = Reach::public();
        reach.allow_private();
        for ip in ["127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fc00::1", "100.64.0.1"] {
            assert!(reaches(&reach, ip), "{ip}");
        }
        for ip in ["169.254.169.254", "fe80::1", "100.100.100.200", "fd00:ec2::254", "0.0.0.0"] {
            assert!(!reaches(&reach, ip), "{ip}");
        }
    }

    #[test]
    fn one_address_can_be_listed() {
        let mut reach = Reach::public();
        reach.allow("10.1.2.3".parse().unwrap());
        assert!(reaches(&reach, "10.1.2.3"));
        assert!(reaches(&reach, "::ffff:10.1.2.3"));
        assert!(!reaches(&reach, "10.1.2.4"));
    }
}
