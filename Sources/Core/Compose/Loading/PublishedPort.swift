import Diagnostics
import YAML

/// One port of the short form `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, where two ranges of one length are as many ports.
struct PublishedPort {
    struct Mistake: Error {
        var message: String
        var hint: String
    }

    var address: String
    var published: String
    var target: UInt16
    var transport: String

    static func parse(_ text: String) throws(Mistake) -> [PublishedPort] {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let address = try address(parts.dropLast(2).joined(separator: ":"))
        let published = parts.count > 1 ? parts[parts.count - 2] : ""
        let (target, transport) = split(parts[parts.count - 1])
        guard ["tcp", "udp", "sctp"].contains(transport.lowercased()) else {
            throw Mistake(
                message: "\"\(transport)\" is no protocol, in \"\(text)\"",
                hint: "write tcp, udp or sctp behind the slash")
        }
        guard !target.isEmpty else {
            throw Mistake(message: "\"\(text)\" names no port of the container", hint: usage)
        }
        let targets = try range(target, of: text)
        guard !published.isEmpty else {
            return sorted(targets.map { Self(address: address, published: "", target: $0, transport: transport) })
        }
        let ports = try range(published, of: text)
        if targets.count == 1 {
            let span = ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
            return [Self(address: address, published: span, target: targets.lowerBound, transport: transport)]
        }
        guard targets.count == ports.count else {
            throw Mistake(
                message: "\(ports.count) published ports for \(targets.count) of the container, in \"\(text)\"",
                hint: "make both ranges equally long, or publish a range for one port")
        }
        return sorted(
            zip(targets, ports).map { Self(address: address, published: "\($1)", target: $0, transport: transport) })
    }

    private static let usage = "write \"8080:80\", \"127.0.0.1:8080:80/udp\", \"[::1]:8080:80\" or \"8000-8010:80\""

    /// In the order of their texts, as the reference has it.
    private static func sorted(_ ports: [PublishedPort]) -> [PublishedPort] {
        ports.sorted { "\($0.target)" < "\($1.target)" }
    }

    private static func split(_ text: String) -> (target: String, transport: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        return (parts[0], parts.count > 1 && !parts[1].isEmpty ? parts[1] : "tcp")
    }

    private static func address(_ text: String) throws(Mistake) -> String {
        if text.isEmpty { return "" }
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
        let inner = isBracketed ? String(text.dropFirst().dropLast()) : text
        if isBracketed ? inner.isEmpty || Units.isAddress(inner) : IPv4Address(inner) != nil { return inner }
        let hint = Units.isIPv6(text) ? "put it in brackets: [\(text)]" : "write 127.0.0.1 or [::1]"
        throw Mistake(message: "\"\(text)\" is no IP address of the host", hint: hint)
    }

    private static func range(_ text: String, of whole: String) throws(Mistake) -> ClosedRange<UInt16> {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard let first = number(ends[0]), let last = ends.count > 1 ? number(ends[1]) : first else {
            let isRange = ends.count > 1
            throw Mistake(
                message: "\"\(text)\" is no \(isRange ? "range of ports" : "port"), in \"\(whole)\"",
                hint: isRange ? "a range needs two numbers: 8000-8010" : usage + "; ports are 1 to 65535")
        }
        guard first <= last else {
            throw Mistake(
                message: "the range \(text) ends before it begins, in \"\(whole)\"", hint: "write \(last)-\(first)")
        }
        return first...last
    }

    private static func number(_ text: Substring) -> UInt16? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt16(text) : nil
    }

    func node(at place: Place) -> Node {
        var entries = [Node.Entry("mode", at: place, .text("ingress", at: place))]
        if !address.isEmpty { entries.append(.init("host_ip", at: place, .text(address, at: place))) }
        if target != 0 { entries.append(.init("target", at: place, .plain("\(target)", at: place))) }
        if !published.isEmpty { entries.append(.init("published", at: place, .text(published, at: place))) }
        entries.append(.init("protocol", at: place, .text(transport.lowercased(), at: place)))
        return .mapping(entries, at: place)
    }
}
