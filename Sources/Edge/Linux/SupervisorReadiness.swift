import Engine
import Processes
import Stack

/// A command line that waits until containers are ready, `up --wait`. It is in nobody's way.
final class ReadinessWait {
    let ids: Set<ContainerID>
    let client: Client
    var timer: EventLoop.Timer?

    init(_ ids: [ContainerID], for client: Client) {
        self.ids = Set(ids)
        self.client = client
    }
}

extension Supervisor {
    func wait(_ ids: [ContainerID], timeout: Int?, for client: Client) {
        let wait = ReadinessWait(ids, for: client)
        waits.append(wait)
        if let timeout {
            wait.timer = loop.after(.seconds(timeout)) { [unowned self, weak wait] in
                if let wait { self.conclude(wait, after: timeout) }
            }
        }
        checkReadiness()
    }

    func checkReadiness() {
        // A change decides about containers: what it leaves is what counts.
        if active == nil { for wait in waits { conclude(wait, after: nil) } }
    }

    func tellWaiting(_ id: ContainerID, _ word: String) {
        for wait in waits where wait.ids.contains(id) {
            wait.client.send(.progress(resource: ResourceID.container(id).description, word: word))
        }
    }

    /// Ends the wait where there is nothing to wait for any more.
    ///
    /// - Parameter timeout: the seconds that have passed, where those were all.
    private func conclude(_ wait: ReadinessWait, after timeout: Int?) {
        do {
            let observation = try Observer(paths, cgroups: machine.cgroups).observe(ledger, .states)
            let unready = observation.unready(wait.ids)
            if unready.isEmpty { return end(wait, .done) }
            let final = unready.filter(\.isFinal)
            if timeout == nil && final.isEmpty { return }
            end(wait, .failed(failure(final.isEmpty ? unready : final, after: timeout)))
        } catch {
            end(wait, .failed(Event.Failure(resource: "project", key: "", message: "\(error)")))
        }
    }

    private func failure(_ unready: [Unready], after timeout: Int?) -> Event.Failure {
        var failures = unready.map { one in
            let late = one.isFinal ? "" : timeout.map { " within \($0)s" } ?? ""
            return Event.Failure(
                resource: ResourceID.container(one.id).description, key: "",
                message: "\(one.id) is not ready: \(one.message)\(late)",
                output: machine.lastOutput(of: one.id, lines: 10), probe: one.probe?.description)
        }
        var first = failures.removeFirst()
        first.others = failures
        return first
    }

    private func end(_ wait: ReadinessWait, _ event: Event) {
        if let timer = wait.timer { loop.cancel(timer) }
        waits.removeAll { $0 === wait }
        wait.client.send(event)
    }

    /// - Returns: whether this client waited.
    func cancelWait(of client: Client) -> Bool {
        guard let wait = waits.first(where: { $0.client === client }) else { return false }
        end(wait, .failed(Event.Failure(resource: "project", key: "", message: "interrupted")))
        return true
    }
}
