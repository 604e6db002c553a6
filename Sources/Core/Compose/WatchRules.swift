/// The rules of a stack in a form that tells quickly what a change of some files asks for.
package struct WatchRules: Sendable {
    fileprivate struct Matcher: Sendable {
        let service: String
        let rule: WatchRule
        let include: IgnorePatterns
        let ignore: IgnorePatterns
        /// Those of the build, relative to its context.
        let context: (folder: String, patterns: IgnorePatterns)?
    }

    private let matchers: [Matcher]

    /// What editors and version control leave for a moment, or for themselves.
    fileprivate static let fleeting = IgnorePatterns([
        "**/.git", "**/.idea", "**/*___jb_old___", "**/*___jb_tmp___", "**/.#*", "**/#*#", "**/4913", "**/*~",
        "**/.*.swp", "**/.*.swx", "**/.*.swo", "**/.*.swn", "**/.*.kate-swp", "**/*-go-tmp-umask",
    ])

    /// - Parameter ignored: the text of `.dockerignore` of a service's build context, with that folder; nil where there is
    ///   none.
    package init(_ services: [Service], ignored: (Service) -> (folder: String, text: String)?) {
        matchers = services.flatMap { service -> [Matcher] in
            let context = ignored(service).map { (folder: $0.folder, patterns: IgnorePatterns(text: $0.text)) }
            return service.watch.map { rule in
                Matcher(
                    service: service.name, rule: rule,
                    include: IgnorePatterns(Self.relative(rule.include, to: rule.path)),
                    ignore: IgnorePatterns(Self.relative(rule.ignore, to: rule.path)), context: context)
            }
        }
    }

    package var isEmpty: Bool { matchers.isEmpty }
    /// The files and folders to be watched.
    package var paths: [String] { Set(matchers.map(\.rule.path)).sorted() }

    /// A pattern may also be an absolute path.
    private static func relative(_ patterns: [String], to path: String) -> [String] {
        patterns.compactMap { pattern in
            let isException = pattern.hasPrefix("!")
            let text = isException ? String(pattern.dropFirst()) : pattern
            guard text.hasPrefix("/") else { return pattern }
            guard text.hasPrefix(path + "/") else { return nil }
            return (isException ? "!" : "") + text.dropFirst(path.count + 1)
        }
    }

    /// Whether nothing in a folder concerns anybody, so that it need not be watched.
    package func ignoresAll(in folder: String) -> Bool {
        matchers.allSatisfy { matcher in
            guard let part = Self.part(of: folder, below: matcher.rule.path) else {
                // It may hold what is watched.
                return !(matcher.rule.path + "/").hasPrefix(folder + "/")
            }
            return !part.isEmpty
                && (Self.fleeting.matchesAll(below: part) || matcher.ignore.matchesAll(below: part)
                    || matcher.isInContext(folder, all: true))
        }
    }

    /// Below a path: its relative part, empty for itself; nil elsewhere.
    fileprivate static func part(of path: String, below folder: String) -> String? {
        if path == folder { return "" }
        let prefix = folder == "/" ? "/" : folder + "/"
        return path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : nil
    }

    /// What one change of several files asks for, each thing once.
    package struct Work: Equatable, Sendable {
        package struct Copy: Hashable, Sendable {
            package var service: String
            package var source: String
            package var target: String
        }

        /// Services, sorted.
        package var rebuilds: [String] = []
        package var copies: [Copy] = []
        package var restarts: [String] = []
        package var commands: [(service: String, hook: Hook)] = []

        package var isEmpty: Bool {
            rebuilds.isEmpty && copies.isEmpty && restarts.isEmpty && commands.isEmpty
        }

        package static func == (left: Work, right: Work) -> Bool {
            (left.rebuilds, left.copies, left.restarts) == (right.rebuilds, right.copies, right.restarts)
                && left.commands.map(\.service) == right.commands.map(\.service)
                && left.commands.map(\.hook) == right.commands.map(\.hook)
        }
    }

    /// - Parameter paths: absolute, of files that came, changed or went.
    package func work(for paths: Set<String>) -> Work {
        var work = Work()
        var rebuilds: Set<String> = []
        var restarts: Set<String> = []
        for matcher in matchers {
            let found = paths.sorted().compactMap { path in matcher.target(of: path).map { (path, $0) } }
            if found.isEmpty { continue }
            let service = matcher.service
            switch matcher.rule.action {
            case .rebuild: rebuilds.insert(service)
            case .restart, .syncAndRestart: restarts.insert(service)
            case .syncAndExecute: if let hook = matcher.rule.command { work.commands.append((service, hook)) }
            case .sync: break
            }
            if matcher.rule.action.copies {
                work.copies += found.map { Work.Copy(service: service, source: $0.0, target: $0.1) }
            }
        }
        // Who is built anew starts anew, from what was built.
        work.rebuilds = rebuilds.sorted()
        work.restarts = restarts.subtracting(rebuilds).sorted()
        return work
    }

    /// What is copied at the beginning, of these files.
    package func initialCopies(of service: String, _ paths: some Sequence<String>) -> [Work.Copy] {
        let own = matchers.filter { $0.service == service && $0.rule.isInitial && $0.rule.action.copies }
        return paths.flatMap { path in
            own.compactMap { matcher in
                matcher.target(of: path).map { Work.Copy(service: service, source: path, target: $0) }
            }
        }
    }
}

extension WatchRules.Matcher {
    /// Where a file of the host is in the container, or nothing where it does not concern the rule.
    fileprivate func target(of path: String) -> String? {
        guard let part = WatchRules.part(of: path, below: rule.path) else { return nil }
        if part.isEmpty { return rule.target }
        if WatchRules.fleeting.matches(part) || ignore.matches(part) || isInContext(path, all: false)
            || !(include.isEmpty || include.matches(part))
        {
            return nil
        }
        return rule.target.isEmpty ? "" : Path.clean("\(rule.target)/\(part)")
    }

    /// Whether the build would not get to see it either.
    fileprivate func isInContext(_ path: String, all: Bool) -> Bool {
        guard let context, let part = WatchRules.part(of: path, below: context.folder), !part.isEmpty else {
            return false
        }
        return all ? context.patterns.matchesAll(below: part) : context.patterns.matches(part)
    }
}
