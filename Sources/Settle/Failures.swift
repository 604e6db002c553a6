import Diagnostics
import Engine
import Linux
import Stack
import Syscalls

extension Scene {
    /// Has the supervisor make a change and tells its progress.
    ///
    /// - Parameters:
    ///   - status: the exit status of a failure.
    ///   - judge: that of some failures, where it is another.
    func change(
        _ command: Request.Command, status: Int32 = Complaint.wrong, judge: (Event.Failure) -> Int32? = { _ in nil }
    ) throws {
        // Only the crash tests set it.
        let faultPoint = environment["SETTLE_FAULT_POINT"].flatMap { Int($0) }
        var isInterrupted = false
        let outcome = try SupervisorClient(paths).perform(
            Request(command, faultPoint: faultPoint),
            interrupted: { _ in
                isInterrupted = true
                output.warn("interrupted; everything goes back to what it was")
            },
            hear: tell)
        // A project of which nothing is left is being removed: the next command shall not meet the rest of it.
        if !Files.exists(paths.ledger), try !SupervisorClient(paths).awaitEnd() {
            output.warn("the project's own processes have not ended yet")
        }
        switch outcome {
        case .done: if isInterrupted { throw Complaint([], status: Complaint.interrupted) }
        case .failed(let failure):
            let isHalf = failure.undo == .paused
            throw Complaint(
                diagnostics(of: failure),
                status: isInterrupted ? Complaint.interrupted : isHalf ? Complaint.wrong : judge(failure) ?? status)
        }
    }

    /// Waits until these are ready. Whatever comes of it, they stay as they are.
    func awaitReadiness(of ids: [ContainerID], timeout: Int?) throws {
        if ids.isEmpty { return }
        var isInterrupted = false
        let outcome = try SupervisorClient(paths).perform(
            Request(.wait(ids, timeout: timeout)), interrupted: { _ in isInterrupted = true }, hear: tell)
        if isInterrupted { throw Complaint([], status: Complaint.interrupted) }
        if case .failed(let failure) = outcome { throw Complaint(diagnostics(of: failure)) }
    }

    func tell(_ event: Event) {
        switch event {
        case .progress(let resource, let word): output.progress(resource, word)
        case .warning(let text): output.warn(text)
        case .done, .failed: break
        }
    }

    /// A failure with the place in the file that it comes from.
    func diagnostics(of failure: Event.Failure) -> [Diagnostic] {
        let resource = ResourceID(failure.resource)
        let path = [resource?.keyPath ?? "", failure.key].filter { !$0.isEmpty }.joined(separator: ".")
        let isAnonymous = path.isEmpty && resource != .project
        var diagnostic = Diagnostic(
            .error, isAnonymous ? "\(failure.resource): \(failure.message)" : failure.message,
            at: resource.flatMap { project?.place(of: $0, path: failure.key) }, path: path)
        func quote(_ lines: some Sequence<String>) -> String { lines.map { "\n    | \(printable($0))" }.joined() }
        if let probe = failure.probe {
            let lines = probe.split(whereSeparator: \.isNewline).map(String.init)
            let output = quote(lines.dropFirst())
            diagnostic.notes.append(Diagnostic.Note((lines.first ?? "") + (output.isEmpty ? "" : ":\(output)")))
        }
        if !failure.output.isEmpty {
            diagnostic.notes.append(Diagnostic.Note("its last output:\(quote(failure.output))"))
        }
        switch failure.undo {
        case nil: break
        case .paused:
            diagnostic.notes.append(
                Diagnostic.Note("what has been replaced stays, the rest is as it was; `settle up` goes on"))
        case .complete: diagnostic.notes.append(Diagnostic.Note("everything is as it was before"))
        case .incomplete(let losses):
            diagnostic.notes += losses.map { Diagnostic.Note("could not be brought back: \($0)") }
        }
        return [diagnostic] + failure.others.flatMap { diagnostics(of: $0) }
    }
}
