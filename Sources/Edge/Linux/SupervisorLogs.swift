import Compose
import Glibc
import Processes
import Stack
import Syscalls

/// Who a container's lines are handed on to.
final class Forwarding {
    /// Where the journal takes entries, see systemd's "Native Journal Protocol".
    static let journal = "/run/systemd/journal/socket"

    let settings: Stack.LogSettings
    let run: Run
    let forwarder: LogForwarder
    var timer: EventLoop.Timer?

    /// nil where its driver keeps files and no more.
    init?(_ spec: ContainerSpec, _ run: Run, _ folder: String, _ paths: ProjectPaths) {
        settings = spec.logging
        self.run = run
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let host = name.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let messages = LogMessages(spec, run.instance, in: paths.project, host: host)
        let pid = run.process.pid
        let target: Outlet.Target
        let frame: (LogLine) -> [UInt8]
        switch spec.logging.driver {
        case .jsonFile, .local, .none: return nil
        case .journald:
            target = .local(Self.journal)
            frame = { messages.journal($0.text, pid: pid) }
        case .syslog:
            target = Outlet.Target(spec.logging.syslog.address)
            frame = { line in
                let time = line.time == 0 ? MachineClock.realtime : line.time
                let offset = MachineClock.localOffset(time / 1_000_000_000)
                return messages.syslog(line.text, time: time, offset: offset, pid: pid)
            }
        }
        forwarder = LogForwarder(folder, to: Outlet(target), frame: frame)
    }
}

extension Supervisor {
    /// Moves what a container has written to where it is kept. It never has to wait for that: what a full disk does not
    /// take is lost, which is said once. But what `settle run` shows is read from the log, whoever keeps it or not.
    func keep(_ output: WatchedOutput, of container: WatchedContainer, isLast: Bool = false) {
        let capture = output.capture
        let instance = container.run.instance
        let spec = ledgerSpec(instance)
        let isShown = spec?.oneOff != nil
        var isHeldUp = false
        if !isShown, spec?.logging.driver == Stack.LogSettings.Driver.none {
            while capture.discard() > 0 && isLast {}
        } else {
            do {
                if isLast { try capture.drain() } else { try capture.move() }
                if output.lostBytes > 0 { complain("\(instance): \(output.lostBytes) bytes of its output were lost") }
                output.isRefused = false
                output.lostBytes = 0
                // A reader that must not miss anything has to catch up first.
                isHeldUp = capture.isHeldUp
            } catch {
                let fate = isShown ? "waits" : "is lost"
                if !output.isRefused { complain("\(instance): its output cannot be kept, and \(fate): \(error)") }
                output.isRefused = true
                if isShown { isHeldUp = true } else { output.lostBytes += capture.discard() }
            }
            if let spec { forward(spec, container.run, output.folder, isLast: isLast) }
        }
        if !isLast { watch(output, isHeldUp: isHeldUp) }
    }

    private func watch(_ output: WatchedOutput, isHeldUp: Bool) {
        guard let watch = output.watch else { return }
        if output.capture.isOver {
            loop.forget(watch)
            output.watch = nil
        } else if isHeldUp {
            loop.change(watch, to: [])
            _ = loop.after(.milliseconds(output.isRefused ? 200 : 5)) { [unowned self, weak output] in
                if let watch = output?.watch { self.loop.change(watch, to: .readable) }
            }
        }
    }

    /// - Parameter isLast: also a last line that has no end.
    func forward(_ spec: ContainerSpec, _ run: Run, _ folder: String, isLast: Bool = false) {
        if let old = forwardings[folder], old.settings != spec.logging || old.run.process != run.process {
            if let timer = old.timer { loop.cancel(timer) }
            forwardings[folder] = nil
        }
        guard let forwarding = forwardings[folder] ?? Forwarding(spec, run, folder, paths) else { return }
        forwardings[folder] = forwarding
        // Whoever is away is not asked again for every line.
        if forwarding.timer == nil || isLast { pump(forwarding, isLast) }
    }

    private func pump(_ forwarding: Forwarding, _ isLast: Bool) {
        if let timer = forwarding.timer { loop.cancel(timer) }
        forwarding.timer = forwarding.forwarder.pump(isLast: isLast).map { pause in
            loop.after(pause) { [unowned self, weak forwarding] in if let forwarding { self.pump(forwarding, isLast) } }
        }
    }

    /// Makes what the ledger says of logs true for containers that run.
    func reviewLogs() {
        for container in watched.values {
            guard let spec = ledgerSpec(container.run.instance) else { continue }
            for output in container.outputs {
                output.capture.limits = LogLimits(spec.logging)
                forward(spec, container.run, output.folder)
            }
        }
        for (folder, forwarding) in forwardings where ledger.entry(forwarding.run.instance.id) == nil {
            if let timer = forwarding.timer { loop.cancel(timer) }
            forwardings[folder] = nil
        }
    }
}

extension ProjectPaths {
    /// The folders of what it writes.
    func logs(of entry: Ledger.Entry) -> [String] {
        let id = entry.instance.id
        return entry.spec.oneOff == nil ? [log(id)] : [log(id), errors(id)]
    }
}

extension LogLimits {
    init(_ settings: Stack.LogSettings) { self.init(size: settings.maxSize, files: settings.maxFiles) }
}

extension Outlet.Target {
    fileprivate init(_ address: SyslogSettings.Address) {
        switch address {
        case .local(let path): self = .local(path)
        case .udp(let host, let port): self = .udp(host, port)
        case .tcp(let host, let port): self = .tcp(host, port)
        }
    }
}
