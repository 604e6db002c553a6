import Glibc
import Launcher
import Processes
package import Stack
package import Syscalls

/// What a container is given as its standard streams. The other ends are with the holder.
final class ContainerStreams {
    /// -1: /dev/null
    private let inputEnd: Descriptor
    /// One is given no others where it has a terminal.
    let output: Descriptor
    let errors: Descriptor
    /// The socket that the terminal is sent through, or -1.
    private let socket: Descriptor
    /// The end to read from, where that is known already.
    let reading: Descriptor

    /// - Parameter keep: Gives the holder a copy of a descriptor, under a name.
    init(
        _ instance: Instance, _ spec: ContainerSpec, _ paths: ProjectPaths, keep: (Int32, String) throws -> Void
    ) throws {
        if spec.terminal != nil {
            let pair = try ContainerTerminal.makeSocket()
            let kept = Descriptor(pair.kept)
            socket = Descriptor(pair.given)
            inputEnd = Descriptor(-1)
            output = Descriptor(-1)
            errors = Descriptor(-1)
            reading = Descriptor(-1)
            try keep(kept.raw, instance.terminalName)
            return
        }
        socket = Descriptor(-1)
        reading = try Self.fifo(paths.fifo(instance))
        try keep(reading.raw, instance.outputName)
        output = try LogCapture.output(of: reading.raw)
        if spec.oneOff != nil {
            let fifo = try Self.fifo(paths.fifo(instance))
            try keep(fifo.raw, instance.errorsName)
            errors = try LogCapture.output(of: fifo.raw)
        } else {
            errors = try Descriptor(copyOf: output.raw)
        }
        if spec.standardInput != nil {
            let pipe = try Pipe()
            try keep(pipe.writer.raw, instance.inputName)
            inputEnd = try Descriptor(copyOf: pipe.reader.raw)
        } else {
            inputEnd = Descriptor(-1)
        }
    }

    var input: Int32? { inputEnd.raw < 0 ? nil : inputEnd.raw }
    var terminals: Int32? { socket.raw < 0 ? nil : socket.raw }

    private static func fifo(_ path: String) throws -> Descriptor {
        let fifo = try LogCapture.makeFIFO(path)
        // The descriptor is all there is to it: no file that could be removed, none that a container could find.
        unlink(path)
        return fifo
    }
}

/// What a command line uses of a container that runs: its input and its terminal, out of the holder.
package final class HeldStreams {
    private let store: DescriptorStore
    private let instance: Instance

    /// nil where no holder lives.
    package init?(_ instance: Instance, _ paths: ProjectPaths) throws {
        guard let holder = try Helpers(paths).found().holder else { return nil }
        store = try DescriptorStore(holder: holder.pid)
        self.instance = instance
    }

    /// nil where it has none.
    package func terminal() throws -> Descriptor? {
        guard let kept = try store.get(instance.terminalName) else { return nil }
        return try ContainerTerminal.look(kept)
    }

    /// The writing end of its standard input; nil where it has none, or where that is over.
    ///
    /// - Parameter takes: whether it is the caller's alone from now on, and over with the caller.
    package func input(takes: Bool) throws -> Descriptor? {
        let input = try store.get(instance.inputName)
        if takes { try store.drop(instance.inputName) }
        return input
    }
}

extension ProjectPaths {
    /// What was made for the output of a container that never came to be.
    package func removeOutput(of id: ContainerID) throws {
        try removeTree(log(id))
        for folder in [logs, instances, state] { rmdir(folder) }
    }
}

extension LinuxMachine {
    /// nil where it has none.
    func terminal(of instance: Instance) throws -> Descriptor? {
        guard let kept = try holder.get(instance.terminalName) else { return nil }
        return try ContainerTerminal.look(kept)
    }

    /// The log takes the last words of a start that failed before their pipes are closed.
    func keepLastWords(of instance: Instance) {
        let log = paths.log(instance.id)
        for (name, folder) in [(instance.outputName, log), (instance.errorsName, paths.errors(instance.id))] {
            if let output = (try? holder.get(name)) ?? nil { try? LogCapture(output, folder: folder).drain() }
        }
        if let terminal = (try? terminal(of: instance)) ?? nil { try? LogCapture(terminal, folder: log).drain() }
    }

    func dropStreams(of instance: Instance) {
        for name in instance.holderNames { holder.drop(name) }
    }
}
