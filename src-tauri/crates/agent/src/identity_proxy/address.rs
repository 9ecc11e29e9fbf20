//! To which addresses a request may go. A name is looked up once a connection, and what is connected to is what
//! was judged: a name that points elsewhere a moment later changes nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Cloud machines are told their own credentials there; none of them is link-local by its number: Alibaba, Azure.
const METADATA_V4: [Ipv4Addr; 2] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
/// Google, Scaleway. All of `fd00:ec2::/32` is Amazon's.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

/// `here`: the config itself names loopback.
pub(super) fn may_be(address: IpAddr, here: bool) -> Result<(), &'static str> {
    match (address.to_canonical(), here) {
        (address, true) if address.is_loopback() => Ok(()),
        (_, true) => Err("the config names loopback, and it is another address"),
        (address, false) if address.is_loopback() => Err(LOOPBACK),
        (IpAddr::V4(address), false) => v4(address),
        (IpAddr::V6(address), false) => v6(address),
    }
}

const LOOPBACK: &str = "it is loopback, which the config does not name";
const UNKNOWN: &str = "it is translated on the way, to nobody knows what";
const NOBODY_S: &str = "it is nobody's address";
const LINK_LOCAL: &str = "it is link-local, where machines are told secrets of their own";

fn v4(address: Ipv4Addr) -> Result<(), &'static str> {
    if address.is_loopback() {
        return Err(LOOPBACK);
    }
    // 192.0.0.0/24 is the IETF's own (RFC 6890); Oracle's machines are told there.
    let is_ietf_s = matches!(address.octets(), [192, 0, 0, _]);
    if address.is_link_local() || is_ietf_s || METADATA_V4.contains(&address) {
        return Err(LINK_LOCAL);
    }
    let is_nobody_s = address.octets()[0] == 0 || address.is_broadcast() || address.is_multicast();
    if is_nobody_s { Err(NOBODY_S) } else { Ok(()) }
}

fn v6(address: Ipv6Addr) -> Result<(), &'static str> {
    let parts = address.segments();
    let is_amazon_s = matches!(parts, [0xfd00, 0x0ec2, ..]);
    if address.is_unicast_link_local() || is_amazon_s || METADATA_V6.contains(&address) {
        return Err(LINK_LOCAL);
    }
    if address.is_unspecified() || address.is_multicast() {
        return Err(NOBODY_S);
    }
    // What is translated on the way is judged as what it becomes (RFC 6052, RFC 3056, RFC 2765, RFC 4291
    // §2.5.5.1); where that number stands within a network's own prefix (RFC 8215) is that network's to say.
    let within = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0, 0, 0, 0, 0, 0, high, low] => within(high, low),
        [0x64, 0xff9b, 1, ..] => Err(UNKNOWN),
        [0x2002, high, low, ..] => within(high, low),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_goes_to_this_machine_unasked_nor_where_machines_keep_their_secrets() {
        for (address, elsewhere, here) in [
            ("127.0.0.1", false, true),
            ("127.8.8.8", false, true),
            ("::1", false, true),
            ("::ffff:127.0.0.1", false, true),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("64:ff9b::a9fe:a9fe", false, false),
            ("64:ff9b::7f00:1", false, false),
            ("2002:a9fe:a9fe::1", false, false),
            ("::7f00:1", false, false),
            ("fe80::1", false, false),
            ("fd00:ec2::254", false, false),
            ("fd00:ec2::23", false, false),
            ("fd20:ce::254", false, false),
            ("fd00:42::42", false, false),
            ("64:ff9b:1::a9fe:a9fe", false, false),
            ("64:ff9b:1:a9fe:00a9:fe00::", false, false),
            ("::ffff:0:169.254.169.254", false, false),
            ("::ffff:0:127.0.0.1", false, false),
            ("::ffff:0:203.0.113.9", true, false),
            ("fd20:ce::1", true, false),
            ("192.0.0.192", false, false),
            ("192.0.2.1", true, false),
            ("100.100.100.200", false, false),
            ("168.63.129.16", false, false),
            ("0.0.0.0", false, false),
            ("0.1.2.3", false, false),
            ("::", false, false),
            ("224.0.0.1", false, false),
            ("ff02::1", false, false),
            ("255.255.255.255", false, false),
            ("10.1.2.3", true, false),
            ("192.168.1.1", true, false),
            ("fd12:3456::1", true, false),
            ("203.0.113.9", true, false),
            ("2001:db8::9", true, false),
            ("64:ff9b::cb00:7109", true, false),
        ] {
            let ip: IpAddr = address.parse().unwrap();
            assert_eq!(
                (may_be(ip, false).is_ok(), may_be(ip, true).is_ok()),
                (elsewhere, here),
                "{address}"
            );
        }
    }
}
