import Network
import Testing

@Suite struct AddressTests {
    @Test func addressesAreFourPlainNumbers() {
        #expect(IPv4Address("172.18.0.2")?.description == "172.18.0.2")
        for text in ["", "1.2.3", "1.2.3.4.5", "256.0.0.1", "010.0.0.1", "1.2.3.+4", "1.2.3.4 "] {
            #expect(IPv4Address(text) == nil, "\(text)")
        }
    }

    @Test func prefixesHaveNothingBehindTheirLength() throws {
        let prefix = try #require(IPv4Prefix("172.18.0.0/16"))
        #expect(prefix.contains(IPv4Address("172.18.255.1")!))
        #expect(!prefix.contains(IPv4Address("172.19.0.1")!))
        #expect(prefix[1]?.description == "172.18.0.1")
        #expect(prefix[65536] == nil)
        #expect(prefix.last.description == "172.18.255.255")
        for text in ["172.18.0.1/16", "172.18.0.0", "172.18.0.0/33", "172.18.0.0/-1", "172.18.0.0/08"] {
            #expect(IPv4Prefix(text) == nil, "\(text)")
        }
        #expect(IPv4Prefix("0.0.0.0/0")?.contains(IPv4Address("255.255.255.255")!) == true)
        #expect(IPv4Prefix("1.2.3.4/32")?.count == 1)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.1.0.0/16", true), ("10.1.0.0/16", "10.0.0.0/8", true),
        ("10.1.0.0/16", "10.2.0.0/16", false), ("0.0.0.0/0", "10.2.0.0/16", true),
        ("10.1.0.4/30", "10.1.0.8/30", false),
    ])
    func overlapLooksAtTheShorterPrefix(one: String, other: String, expected: Bool) {
        #expect(IPv4Prefix(one)!.overlaps(IPv4Prefix(other)!) == expected)
    }

    @Test func portsWithoutHostAddressListenOnBothFamilies() {
        #expect(Endpoint.listeners(.tcp, hostAddress: nil, 80).map { "\($0)" } == ["0.0.0.0:80/tcp", "[::]:80/tcp"])
        let one = Endpoint.listeners(.udp, hostAddress: IPAddress("[::1]"), 53)
        #expect(one.map { "\($0)" } == ["[::1]:53/udp"])
        #expect(Endpoint.listeners(.tcp, hostAddress: nil, 80, ipv6: false).map { "\($0)" } == ["0.0.0.0:80/tcp"])
        #expect(IPAddress("fe80::1%eth0") == nil)
    }
}
