import Compose
import Diagnostics
import Glibc
import Linux
import Processes
import Stack
import Syscalls

/// Keeps a stack like the files that somebody works on: `develop.watch`. A part of an event loop that somebody else
/// turns: of `watch`, or of an `up` that shows output.
///
/// Changes are gathered until nothing has changed for a moment, so that one save is one action however many files it
/// touches. What takes long is a command of Settle's own in a process of its own, so that output goes on.
final class Watching {
    struct Wishes {
        /// Remove images that lost their name to one built anew.
        var prunes = false
        /// Say nothing of how builds go.
        var isQuiet = false
    }

    private let scene: Scene
    private let options: StackOptions
    private let wishes: Wishes
    private let services: [Service]
    private let rules: WatchRules
    private let watcher: FileWatcher
    private let loop: EventLoop
    private var watch: EventLoop.Watch?
    private var timer: EventLoop.Timer?
    private var changed: Set<String> = []
    /// When the first of them changed: CLOCK_MONOTONIC, nanoseconds.
    private var since: Int64 = 0
    private var jobs: [Job] = []
    private var child: ChildProcess?
    private var childWatch: EventLoop.Watch?

    /// What is done, one after the other.
    private enum Job {
        case copy([WatchRules.Work.Copy])
        case run([String], told: String)
        case copyInitially([String])
    }

    private static let quietPeriod = Duration.milliseconds(300)
    /// Whoever writes without end does not put everything off for ever.
    private static let longest: Int64 = 3_000_000_000

    /// Whether a command of ours is changing containers.
    var isBusy: Bool { child != nil }

    /// - Throws: where nothing is to be watched.
    init(_ scene: Scene, _ options: StackOptions, services names: [String], _ wishes: Wishes, on loop: EventLoop) throws
    {
        guard !options.files.contains("-") else {
            throw Complaint("standard input cannot be read again and again", hint: "write it into a file")
        }
        self.scene = scene
        self.options = options
        self.wishes = wishes
        self.loop = loop
        let chosen = (scene.project?.closure(of: names) ?? []).filter { names.isEmpty || names.contains($0.name) }
        let watched = chosen.map { service in
            var watched = service
            watched.watch.removeAll { Self.isMounted($0, service) }
            return watched
        }
        let matching = WatchRules(watched, ignored: Self.ignored)
        if matching.isEmpty {
            throw Complaint(
                "none of the services says what is to be watched", hint: "add develop: {watch: […]} to a service")
        }
        services = chosen
        rules = matching
        watcher = try FileWatcher { matching.ignoresAll(in: $0) }
        for (old, new) in zip(chosen, watched) {
            for rule in old.watch where !new.watch.contains(rule) {
                scene.output.warn("\(old.name): \(rule.path) is mounted into it, and not copied besides")
            }
        }
    }

    /// A folder that the service has mounted needs no copies.
    private static func isMounted(_ rule: WatchRule, _ service: Service) -> Bool {
        rule.action == .sync
            && service.volumes.contains { mount in
                guard case .bind(let path, _) = mount.source else { return false }
                return rule.path == path || rule.path.hasPrefix(path + "/")
            }
    }

    /// What the build does not see is no change of it.
    private static func ignored(_ service: Service) -> (folder: String, text: String)? {
        guard let build = service.image?.build, build.context.hasPrefix("/") else { return nil }
        let own = build.dockerfile.map { $0.hasPrefix("/") ? $0 : "\(build.context)/\($0)" }
        let files = [own.map { "\($0).dockerignore" }, "\(build.context)/.dockerignore"].compactMap(\.self)
        for file in files { if let text = try? Files.text(file) { return (build.context, text) } }
        return nil
    }

    // MARK: Watching

    func attach() throws {
        for path in rules.paths {
            if !Files.exists(path) { scene.output.warn("\(path) is not there yet") }
            try watcher.add(path)
        }
        watch = loop.watch(watcher.raw) { [unowned self] _ in
            do { note(try watcher.changes()) } catch { scene.output.warn("\(error)") }
        }
        jobs.append(.copyInitially(services.map(\.name)))
        scene.output.progress("watch", "on")
        work()
    }

    func detach() {
        for watch in [watch, childWatch].compactMap(\.self) { loop.forget(watch) }
        if let timer { loop.cancel(timer) }
        (watch, childWatch, timer) = (nil, nil, nil)
        jobs = []
        child = nil
        scene.output.progress("watch", "off")
    }

    private func note(_ paths: Set<String>) {
        if paths.isEmpty { return }
        if changed.isEmpty { since = MachineClock.monotonic }
        changed.formUnion(paths)
        if timer != nil, MachineClock.monotonic - since > Self.longest { return }
        if let timer { loop.cancel(timer) }
        timer = loop.after(Self.quietPeriod) { [unowned self] in
            timer = nil
            plan()
        }
    }

    private func plan() {
        let work = rules.work(for: changed)
        changed = []
        if !work.rebuilds.isEmpty {
            let up = (wishes.isQuiet ? ["--progress", "quiet"] : []) + ["up", "--detach", "--build"]
            jobs.append(.run(up + work.rebuilds, told: "\(work.rebuilds.joined(separator: ", ")): built anew"))
            if wishes.prunes { jobs.append(.run(["image", "prune", "--force"], told: "")) }
            jobs.append(.copyInitially(work.rebuilds))
        }
        if !work.copies.isEmpty { jobs.append(.copy(work.copies)) }
        if !work.restarts.isEmpty {
            let names = work.restarts.joined(separator: ", ")
            jobs.append(.run(["restart"] + work.restarts, told: "\(names): started again"))
        }
        for (service, hook) in work.commands {
            for index in replicas(of: service) {
                jobs.append(.run(words(of: hook, in: service, index), told: "\(service): \(hook.command[0]) has run"))
            }
        }
        self.work()
    }

    private func replicas(of service: String) -> [Int] {
        let ids = ((try? scene.store.read())?.entries ?? []).map(\.instance.id)
        return ids.filter { $0.service == service }.map(\.index).sorted()
    }

    private func words(of hook: Compose.Hook, in service: String, _ index: Int) -> [String] {
        var words = ["exec", "--no-tty", "--index", "\(index)"]
        if let user = hook.user { words += ["--user", user] }
        if let folder = hook.workingDirectory { words += ["--workdir", folder] }
        if hook.isPrivileged { words.append("--privileged") }
        words += hook.environment.sorted { $0.key < $1.key }.flatMap { ["--env", "\($0.key)=\($0.value)"] }
        return words + [service] + hook.command
    }

    // MARK: Working

    private func work() {
        while child == nil, !jobs.isEmpty {
            switch jobs.removeFirst() {
            case .copy(let copies): copy(copies)
            case .copyInitially(let names):
                let files = watcher.files()
                copy(names.flatMap { rules.initialCopies(of: $0, files) })
            case .run(let words, let told): start(words, told)
            }
        }
    }

    private func copy(_ copies: [WatchRules.Work.Copy]) {
        guard !copies.isEmpty, let observation = try? scene.observe(.details) else { return }
        let byService = Dictionary(grouping: copies, by: \.service)
        for (service, copies) in byService.sorted(by: { $0.key < $1.key }) {
            let containers = observation.containers.values.filter { $0.entry.instance.id.service == service }
            let running = containers.filter { $0.isRunning }.sorted { $0.entry.instance < $1.entry.instance }
            if running.isEmpty { scene.output.warn("\(service) does not run: nothing is copied") }
            for container in running { copy(copies, into: container) }
        }
    }

    private func copy(_ copies: [WatchRules.Work.Copy], into container: ObservedContainer) {
        let resource = ResourceID.container(container.entry.instance.id).description
        do {
            let sync = try ContainerSync(container, scene.paths)
            for copy in copies { try sync.update(copy.source, to: copy.target) }
            scene.output.progress(resource, "\(copies.count) file\(copies.count == 1 ? "" : "s") copied")
        } catch {
            scene.output.warn("\(resource): \(error)")
        }
    }

    private func start(_ words: [String], _ told: String) {
        do {
            let child = try ChildProcess(
                "/proc/self/exe", options.words + words, output: STDERR_FILENO, errors: STDERR_FILENO)
            self.child = child
            childWatch = loop.watchProcess(child.process.raw) { [unowned self] in
                let status = child.wait()
                (self.child, childWatch) = (nil, nil)
                if status != 0 {
                    scene.output.warn(
                        "settle \(words.joined(separator: " ")): it has failed; the next change tries again")
                } else if !told.isEmpty {
                    scene.output.progress("watch", told)
                }
                work()
            }
        } catch {
            scene.output.warn("\(error)")
        }
    }
}
