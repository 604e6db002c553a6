import Foundation
import Glibc
import Testing

extension MachineTests {
    /// Networks: names, isolation, addresses, published ports.
    @Suite(.serialized) struct ConnectionTests {
        private func echo(_ name: String, _ keys: String) -> String {
            """
              \(name):
                rootfs: host
                command: [python3, -IS, /srv/echo.py, \(name)]
                volumes: ["./echo.py:/srv/echo.py:ro"]
                stop_grace_period: 0s
                \(keys)

            """
        }

        @Test func namesLeadToWhoIsInTheSameNetworkAndNobodyElse() throws {
            let yaml =
                "services:\n" + echo("a", "networks: {front: {aliases: [first]}}")
                + echo("b", "networks: [front, back]")
                + echo("c", "networks: [back]") + "networks: {front: {}, back: {internal: true}}\n"
            try withStack(yaml) { stack in
                try stack.file("echo.py", Traffic.echo)
                try stack.up()
                try waitUntil("a") { try Traffic.ask(stack, from: "b", "a") == "a hello" }
                try waitUntil("c") { try Traffic.ask(stack, from: "b", "c") == "c hello" }
                try waitUntil("b") { try Traffic.ask(stack, from: "c", "b") == "b hello" }
                #expect(try Traffic.ask(stack, from: "b", "first") == "a hello")
                #expect(try Traffic.ask(stack, from: "a", "b") == "b hello")
                #expect(try Traffic.ask(stack, from: "a", "a") == "a hello")
                #expect(try Traffic.ask(stack, from: "a", "127.0.0.1") == "a hello")
                // By name and by address: c is in another network.
                #expect(try stack.shell("a", "grep -w c /etc/hosts || true") == "")
                let address = try stack.shell("c", "ip -4 -o address show eth0 | tr -s ' /' ' ' | cut -d' ' -f4")
                #expect(address.contains("."))
                #expect(try Traffic.ask(stack, from: "a", address) == "none")
                #expect(try stack.shell("c", "ip route show default").hasPrefix("unreachable"))
            }
        }

        @Test func staticAddressesComeBeforeOthers() throws {
            let yaml =
                "services:\n" + echo("a", "networks: [front]")
                + echo("b", "networks: {front: {ipv4_address: 10.123.45.2}}") + """
                    networks:
                      front: {ipam: {config: [{subnet: 10.123.45.0/24, gateway: 10.123.45.1}]}}
                    """
            try withStack(yaml) { stack in
                try stack.file("echo.py", Traffic.echo)
                try stack.up()
                try waitUntil("b") { try Traffic.ask(stack, from: "a", "10.123.45.2") == "b hello" }
                #expect(try stack.shell("b", "ip -4 -o address show eth0").contains("10.123.45.2/24"))
                #expect(try stack.shell("a", "cat /etc/hosts").contains("10.123.45.2"))
                // The way to a new subnet is in place.
                let pids = try stack.pids()
                try stack.edit("ipv4_address: 10.123.45.2", "ipv4_address: 10.123.45.77")
                let changes = try stack.diff()
                #expect(
                    changes.map { "\($0.action) \($0.resource)" } == ["update container/b/1"]
                        && changes.first?.fields.map(\.path) == ["networks.front.ipv4_address"], "\(changes)")
                try stack.up()
                #expect(try stack.pids() == pids)
                try stack.expectSettled()
                #expect(try Traffic.ask(stack, from: "a", "b") == "b hello")
            }
        }

        @Test func publishedPortsAreReachedFromEveryAddressOfTheHost() throws {
            let (tcp, udp) = (try Machine.freePort(), try Machine.freePort())
            let yaml = "services:\n" + echo("web", "ports: [\"\(tcp):8000\", \"\(udp):8000/udp\"]")
            try withStack(yaml) { stack in
                try stack.file("echo.py", Traffic.echo)
                try stack.up()
                let host = try Machine.run("hostname", "-I").split(separator: " ").first.map(String.init)
                for address in ["127.0.0.1", "::1"] + (host.map { [$0] } ?? []) {
                    for (transport, port) in [(Traffic.Transport.tcp, tcp), (.udp, udp)] {
                        try waitUntil("\(transport) on \(address)") {
                            Traffic.ask(transport, address, port, "hello") == "web hello"
                        }
                    }
                }
                let text = try stack.expect(0, "ps").out
                #expect(text.contains("0.0.0.0:\(tcp)->8000/tcp") && text.contains("[::]:\(udp)->8000/udp"), "\(text)")
                #expect(try stack.expect(0, "port", "web", "8000").out.contains(":\(tcp)"))
            }
        }

        @Test func twoStacksDoNotMeet() throws {
            func yaml(_ subnet: Int) -> String {
                "services:\n" + echo("web", "labels: {}")
                    + "networks: {default: {ipam: {config: [{subnet: 10.123.\(subnet).0/24}]}}}\n"
            }
            try withStack(yaml(1)) { one in
                try withStack(yaml(2)) { two in
                    for stack in [one, two] {
                        try stack.file("echo.py", Traffic.echo)
                        try stack.up()
                    }
                    let address = try two.shell("web", "ip -4 -o address show eth0 | tr -s ' /' ' ' | cut -d' ' -f4")
                    #expect(address.hasPrefix("10.123.2."))
                    try waitUntil("the server") { try Traffic.ask(two, from: "web", address) == "web hello" }
                    #expect(try Traffic.ask(one, from: "web", address) == "none")
                }
            }
        }

        @Test func namesOfTheHostAreResolved() throws {
            try withStack("services:\n" + echo("web", "hostname: elsewhere")) { stack in
                try stack.file("echo.py", Traffic.echo)
                try stack.up()
                #expect(try stack.shell("web", "hostname; cat /etc/hostname") == "elsewhere\nelsewhere")
                #expect(try stack.shell("web", "grep -c nameserver /etc/resolv.conf") != "0")
                // What is rewritten elsewhere is seen in place.
                try stack.edit("services:\n", "services:\n" + echo("late", "labels: {}"))
                let pid = try stack.pid(of: "web")
                try stack.up()
                #expect(try stack.pid(of: "web") == pid)
                try waitUntil("late") { try Traffic.ask(stack, from: "web", "late") == "late hello" }
            }
        }
    }
}
