import Glibc
import Processes
import Stack
import Syscalls

/// The project's holder as the supervisor uses it: connected when first needed, and again after the holder was replaced.
final class Holder {
    private let find: () throws -> Int32
    private var connection: DescriptorStore?
    /// What the holder has: only this process gives it anything, so what is not among it need not be asked for.
    private var names: Set<String> = []

    /// - Parameter find: the holder's pid; starts one where none lives.
    init(find: @escaping () throws -> Int32) { self.find = find }

    func put(_ descriptor: Int32, as name: String) throws {
        try connect()
        do {
            try connection!.put(descriptor, as: name)
        } catch {
            try reconnect()
            try connection!.put(descriptor, as: name)
        }
        names.insert(name)
    }

    func get(_ name: String) throws -> Descriptor? {
        try connect()
        guard names.contains(name) else { return nil }
        do {
            return try connection!.get(name)
        } catch {
            try reconnect()
            return try connection!.get(name)
        }
    }

    func drop(_ name: String) {
        do {
            try connect()
            if names.remove(name) != nil { _ = try connection!.drop(name) }
        } catch {
            // A holder that is gone holds nothing.
            connection = nil
        }
    }

    /// Ends the holder and what only it keeps alive.
    func end() {
        guard (try? connect()) != nil else { return }
        try? connection!.end()
        connection = nil
    }

    private func connect() throws {
        if connection == nil { try reconnect() }
    }

    private func reconnect() throws {
        connection = nil
        let store = try DescriptorStore(holder: try find())
        names = Set(try store.list())
        connection = consume store
    }
}
