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

    @Test func poolStepsOverWhatIsUsed() {
        func choice(_ used: String..., length: Int = 24) -> String? {
            SubnetPool.choose(length: length, avoiding: used.map { IPv4Prefix($0)! })?.description
        }
        #expect(choice() == "172.18.0.0/24")
        #expect(choice("172.18.0.0/16") == "172.19.0.0/24")
        #expect(choice("172.18.0.128/25", "172.18.1.0/24") == "172.18.2.0/24")
        #expect(choice("172.16.0.0/12") == "192.168.0.0/24")
        #expect(choice("172.16.0.0/12", "192.168.0.0/16", "10.0.0.0/9") == "10.128.0.0/24")
        #expect(choice("0.0.0.0/0") == nil)
        #expect(choice("172.18.0.0/30", length: 30) == "172.18.0.4/30")
    }

    @Test func seedsChooseForThemselves() throws {
        let first = try #require(SubnetPool.choose(length: 30, avoiding: [], seed: "shop"))
        #expect(SubnetPool.choose(length: 30, avoiding: [], seed: "shop") == first)
        let other = try #require(SubnetPool.choose(length: 30, avoiding: [], seed: "blog"))
        #expect(!first.overlaps(other))
        let next = try #require(SubnetPool.choose(length: 30, avoiding: [first], seed: "shop"))
        #expect(!first.overlaps(next))
        let ten = IPv4Prefix("10.0.0.0/8")!
        #expect(SubnetPool.choose(length: 30, avoiding: [ten], seed: "shop")?.description == "172.18.0.0/30")
    }

    private typealias Member = AddressPlan.Member

    private func plan(_ subnet: String, _ members: [Member]) -> AddressPlan {
        let prefix = IPv4Prefix(subnet)!
        return AddressPlan(subnet: prefix, gateway: prefix[1]!, members: members)
    }

    @Test func fixedAddressesComeBeforeStickyOnesBeforeFreeOnes() {
        let two = IPv4Address("10.0.0.2")!
        let three = IPv4Address("10.0.0.3")!
        let result = plan(
            "10.0.0.0/24",
            [Member("free"), Member("sticky", sticky: three), Member("late", sticky: two), Member("fixed", fixed: two)])
        #expect(result.problems.isEmpty)
        #expect(
            result.addresses.mapValues { "\($0)" }
                == ["fixed": "10.0.0.2", "sticky": "10.0.0.3", "free": "10.0.0.4", "late": "10.0.0.5"])
    }

    @Test func impossibleAddressesAreNamed() {
        let four = IPv4Address("10.0.0.4")!
        let result = plan(
            "10.0.0.0/29",
            [
                Member("a", fixed: four), Member("b", fixed: four), Member("c", fixed: IPv4Address("10.0.0.1")!),
                Member("d", fixed: IPv4Address("10.0.1.1")!), Member("e", fixed: IPv4Address("10.0.0.7")!),
            ])
        #expect(
            result.problems.map { "\($0)" } == [
                "b: address 10.0.0.4 is a's already", "c: address 10.0.0.1 is the network's gateway",
                "d: address 10.0.1.1 lies outside the network's subnet 10.0.0.0/29",
                "e: address 10.0.0.7 is the network's broadcast address",
            ])
    }

    @Test func fullSubnetsAreNamed() {
        let result = plan("10.0.0.0/30", [Member("a"), Member("b")])
        #expect(result.addresses["a"]?.description == "10.0.0.2")
        #expect(result.problems == [.exhausted(member: "b", subnet: IPv4Prefix("10.0.0.0/30")!)])
    }

    @Test func portsWithoutHostAddressListenOnBothFamilies() {
        #expect(Endpoint.listeners(.tcp, hostAddress: nil, 80).map { "\($0)" } == ["0.0.0.0:80/tcp", "[::]:80/tcp"])
        let one = Endpoint.listeners(.udp, hostAddress: IPAddress("[::1]"), 53)
        #expect(one.map { "\($0)" } == ["[::1]:53/udp"])
        #expect(Endpoint.listeners(.tcp, hostAddress: nil, 80, ipv6: false).map { "\($0)" } == ["0.0.0.0:80/tcp"])
        #expect(IPAddress("fe80::1%eth0") == nil)
    }
}
