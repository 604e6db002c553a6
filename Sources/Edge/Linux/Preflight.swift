import Cgroups
package import Engine
import Glibc
import Network
package import Stack
import Syscalls

/// What can be seen before anything is changed: each problem with the resource and the key it is about.
package struct Preflight {
    let paths: ProjectPaths
    let cgroups: Cgroups

    package init(_ paths: ProjectPaths) throws {
        self.paths = paths
        cgroups = try Cgroups.detect(root: paths.roots.cgroup)
    }

    /// - Parameter plan: only what it changes is looked at; what runs already has been checked.
    package func problems(_ plan: Plan, _ goal: Goal, _ observation: Observation) -> [Event.Failure] {
        let touched = Set(plan.changes.filter { $0.verb != .remove }.map(\.resource))
        var problems = limitProblems(goal, touched, observation)
        let folders = RootFolders(paths.roots)
        for container in goal.containers where touched.contains(.container(container.id)) {
            problems += mountProblems(container)
            if container.logging.wantsJournal, !Files.exists(Forwarding.journal) {
                problems.append(
                    problem(
                        container, "logging.driver",
                        "there is no journal on this machine: \(Forwarding.journal) is missing; write local or syslog"))
            }
            if case .directory(let path) = container.rootfs, !isFolder(path) {
                problems.append(problem(container, "rootfs", "there is no folder \(path)"))
            }
            if let root = container.rootfs.layered, root.id != nil {
                do {
                    _ = try folders.of(root)
                } catch {
                    problems.append(problem(container, "image", "\(root.name): \(error)"))
                }
            }
        }
        problems += portProblems(goal, observation)
        if !goal.networks.isEmpty && Firewall.program == nil {
            problems.append(
                Event.Failure(
                    resource: "project", key: "networks",
                    message: "networks need the program nft; install the package nftables"))
        }
        return problems
    }

    func problem(_ container: ContainerSpec, _ key: String, _ message: String) -> Event.Failure {
        Event.Failure(resource: ResourceID.container(container.id).description, key: key, message: message)
    }

    private func limitProblems(
        _ goal: Goal, _ touched: Set<ResourceID>, _ observation: Observation
    ) -> [Event.Failure] {
        var problems: [Event.Failure] = []
        for found in cgroups.checkAccess() + (touched.contains(.project) ? cgroups.check(goal.budget) : []) {
            problems.append(
                Event.Failure(
                    resource: "project", key: found.key.map { "resources.\($0.rawValue)" } ?? "",
                    message: "\(found.message); \(found.fix)"))
        }
        for container in goal.containers where touched.contains(.container(container.id)) {
            for found in cgroups.check(container.limits, budget: goal.budget) {
                problems.append(self.problem(container, found.key?.rawValue ?? "", "\(found.message); \(found.fix)"))
            }
        }
        return problems
    }

    /// In the long form a source that is missing is an error; in the short form it is made, as Docker does.
    private func mountProblems(_ container: ContainerSpec) -> [Event.Failure] {
        container.mounts.compactMap { mount -> Event.Failure? in
            if let problem = propagationProblem(container, mount) { return problem }
            guard case .bind(let path, create: false) = mount.source, !Files.exists(path) else { return nil }
            return problem(
                container, mount.key,
                "cannot mount \(path) on \(mount.target): it does not exist; make it, or say `create_host_path: true`")
        }
    }

    private func portProblems(_ goal: Goal, _ observation: Observation) -> [Event.Failure] {
        guard let host = try? NetworkNamespace.current() else { return [] }
        let ours = Set(observation.ledger.goal.publishedPorts.map(\.port))
        return goal.containers.flatMap { container in
            container.ports.enumerated().compactMap { index, port -> Event.Failure? in
                guard !ours.contains(port), let number = port.hostPort else { return nil }
                let transport: Transport = port.transport == .tcp ? .tcp : .udp
                for listen in Network.Endpoint.listeners(
                    transport, hostAddress: port.hostAddress.flatMap { IPAddress($0) }, number)
                {
                    guard case .taken(let holder)? = try? PortHolder.verdict(on: listen, in: host.raw) else { continue }
                    // A change that was cut off may have left it to our own proxy.
                    if let proxy = observation.supervisor.proxy, proxy == holder?.pid ?? proxy { continue }
                    let who = holder.map { " by \($0)" } ?? ""
                    return problem(
                        container, "ports[\(index)]", "port \(number)/\(port.transport.rawValue) is taken\(who)")
                }
                return nil
            }
        }
    }

    private func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
