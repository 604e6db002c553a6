import Network
package import Stack

/// The texts of all `/etc/hosts` of a stack. What the members of a network are called is put together once for all.
package struct HostsTexts {
    let goal: Goal
    private let endpoints: [String: [Attachment]]
    private let members: [String: String]

    package init(_ goal: Goal) {
        self.goal = goal
        endpoints = Dictionary(
            goal.endpoints.map { ($0.name, $0.attachments) }, uniquingKeysWith: { first, _ in first })
        members = Dictionary(
            goal.networks.map { ($0.key, Self.lines(goal.names(in: $0.key))) }, uniquingKeysWith: { first, _ in first })
    }

    package func text(of container: ContainerSpec) -> String {
        let attachments = goal.endpointName(of: container).flatMap { endpoints[$0] } ?? []
        let own = attachments.first.map { [HostsEntry(address: $0.address, names: [container.hostname])] } ?? []
        return HostsFile.text([]) + Self.lines(own) + attachments.map { members[$0.network] ?? "" }.joined()
    }

    private static func lines(_ entries: [HostsEntry]) -> String {
        HostsFile.lines(entries.map { HostsFile.Entry($0.address, $0.names) })
    }
}
