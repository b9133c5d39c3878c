//! A reader's network: the address cut so far that it names no household, but still tells a crowd from one sender.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Of an IPv4 address 24 bits are kept: the smallest block that the world's routers know.
const V4_KEPT: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
/// Of an IPv6 address 48 bits: what one site is given, and out of which one sender can pick a new address for every request.
const V6_KEPT: u128 = !0 << 80;

/// A test says by this header where it comes from.
pub const TEST_HEADER: &str = "x-pulso-test-ip";

/// The reader's address: what the platform says. In development, where everybody is on one machine, what a test says goes first.
#[must_use]
pub fn address(platform: Option<String>, test: Option<String>, is_dev: bool) -> String {
    test.filter(|_| is_dev).or(platform).unwrap_or_default()
}

/// The network of an address, e.g. `203.0.113.0/24` or `2001:db8:1::/48`; `None` when it is no address.
#[must_use]
pub fn of_address(address: &str) -> Option<String> {
    let address: IpAddr = address.trim().parse().ok()?;
    Some(match address.to_canonical() {
        IpAddr::V4(v4) => format!("{}/24", v4 & V4_KEPT),
        IpAddr::V6(v6) => format!("{}/48", Ipv6Addr::from_bits(v6.to_bits() & V6_KEPT)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_names_its_address_in_development_only() {
        let of = |test: Option<&str>, is_dev| address(Some("198.51.100.9".to_owned()), test.map(str::to_owned), is_dev);
        assert_eq!(of(Some("203.0.113.7"), true), "203.0.113.7");
        assert_eq!(of(Some("203.0.113.7"), false), "198.51.100.9");
        assert_eq!(of(None, true), "198.51.100.9");
    }

    #[test]
    fn neighbours_are_on_one_network() {
        for (address, expected) in [
            ("203.0.113.7", Some("203.0.113.0/24")),
            ("203.0.113.255", Some("203.0.113.0/24")),
            ("203.0.114.7", Some("203.0.114.0/24")),
            ("::ffff:203.0.113.7", Some("203.0.113.0/24")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1::/48")),
            ("2001:db8:1:ffff::1", Some("2001:db8:1::/48")),
            ("2001:db8:2::1", Some("2001:db8:2::/48")),
            ("", None),
            ("unknown", None),
            ("203.0.113.7, 10.0.0.1", None),
        ] {
            assert_eq!(of_address(address).as_deref(), expected, "{address}");
        }
    }
}
