import Compose
import Engine
import Glibc
import Stack
import Syscalls

/// A line of /proc/self/mountinfo.
struct MountEntry {
    enum Sharing: String { case `private`, shared, slave }

    let point: String
    let sharing: Sharing

    /// The mount that a path, or what there is of it, is on.
    static func holding(_ path: String) -> MountEntry? {
        var existing = path
        while !Files.exists(existing), let slash = existing.lastIndex(of: "/"), slash != existing.startIndex {
            existing = String(existing[..<slash])
        }
        guard let resolved = realpath(existing, nil) else { return nil }
        defer { free(resolved) }
        let whole = String(cString: resolved)
        // The last of several on one point is the uppermost.
        return all()
            .filter { $0.point == "/" || whole == $0.point || whole.hasPrefix($0.point + "/") }
            .enumerated().max { ($0.element.point.utf8.count, $0.offset) < ($1.element.point.utf8.count, $1.offset) }?
            .element
    }

    static func all() -> [MountEntry] {
        ((try? Files.text("/proc/self/mountinfo")) ?? "").lines.compactMap { MountEntry(String($0)) }
    }

    /// The folders in a folder that something is mounted on.
    static func names(in folder: String) -> [String] {
        // Most machines have no such folder, and reading the table takes its time.
        guard Files.exists(folder), let resolved = realpath(folder, nil) else { return [] }
        defer { free(resolved) }
        let prefix = String(cString: resolved) + "/"
        return all().map(\.point).filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
            .filter { !$0.contains("/") }
    }

    /// proc_pid_mountinfo(5): the fifth field is the point, the optional ones from the seventh to the dash tell who shares
    /// it.
    init?(_ line: String) {
        let fields = line.split(separator: " ")
        guard fields.count > 6, let dash = fields.firstIndex(of: "-"), dash >= 6 else { return nil }
        point = Self.unescaped(fields[4])
        let options = fields[6..<dash]
        if options.contains(where: { $0.hasPrefix("shared:") }) {
            sharing = .shared
        } else {
            sharing = options.contains { $0.hasPrefix("master:") } ? .slave : .private
        }
    }

    /// Blanks and the like are written as `\040`.
    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3, let value = UInt8(Substring(digits), radix: 8) {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Preflight {
    /// What is mounted later reaches only those who share the mount that it is below.
    func propagationProblem(_ container: ContainerSpec, _ mount: Stack.Mount) -> Event.Failure? {
        guard case .bind(let path, _) = mount.source, let mode = mount.propagation else { return nil }
        let wanted: [MountEntry.Sharing]
        switch mode {
        case .private, .rprivate: return nil
        case .slave, .rslave: wanted = [.shared, .slave]
        case .shared, .rshared: wanted = [.shared]
        }
        guard let entry = MountEntry.holding(path), !wanted.contains(entry.sharing) else { return nil }
        return problem(
            container, mount.key,
            "cannot mount \(path) on \(mount.target) as \(mode.rawValue): on the host it is on the mount "
                + "\(entry.point), which is \(entry.sharing.rawValue); `mount --make-shared \(entry.point)` shares it")
    }
}
