import CSyscalls
import Engine
import Glibc
import Processes
import Stack
import Syscalls

/// The `/dev/shm` whose size is a container's to say: in its own mount namespace, or the folder of those that share it.
struct SharedMemoryMount {
    private let root: String
    private let path: String

    /// - Parameter pid: of the container's first process.
    init(of spec: ContainerSpec, pid: Int32, in goal: Goal, _ paths: ProjectPaths) {
        let isShared = goal.isShared(.ipc, of: spec.id)
        root = isShared ? paths.sharedMemory(spec.id.endpoint) : "/proc/\(pid)/root"
        path = isShared ? "." : ContainerSpec.sharedMemoryFolder
    }

    /// In bytes; nil where there is none that could be resized, or no process.
    var size: Int64? {
        guard let memory = try? open() else { return nil }
        let size = settle_tmpfs_size(memory.raw)
        return size < 0 ? nil : size
    }

    func resize(to bytes: Int64) throws(SystemError) {
        let memory = try open()
        try check("fsconfig", on: path) { settle_resize_tmpfs(memory.raw, "\(bytes)") }
    }

    /// Security: what is below the root may be the container's doing. No link of it is followed, and nothing but a tmpfs is
    /// touched.
    private func open() throws(SystemError) -> Descriptor {
        let folder = try Descriptor(root, O_RDONLY | O_DIRECTORY)
        return Descriptor(try check("open", on: path) { settle_open_tmpfs(folder.raw, path) })
    }
}

extension LinuxMachine {
    func resizeSharedMemory(_ instance: Instance, _ spec: ContainerSpec, in goal: Goal) throws {
        guard let process = processes[instance], spec.hasSharedMemory else { return }
        let memory = SharedMemoryMount(of: spec, pid: process.pid, in: goal, paths)
        do {
            try memory.resize(to: spec.sharedMemorySize)
        } catch {
            let isFull = error.errno == EINVAL
            throw Event.Failure(
                resource: ResourceID.container(instance.id).description, key: ServiceKey.sharedMemory.rawValue,
                message: isFull
                    ? "/dev/shm cannot be made \(spec.sharedMemoryText): more than that is in use"
                    : "/dev/shm cannot be made \(spec.sharedMemoryText): \(error)")
        }
    }
}

extension Observer {
    /// Where its size is another than the file says.
    func sharedMemoryDrift(_ spec: ContainerSpec, pid: Int32?, _ goal: Goal) -> [FieldChange] {
        guard let pid, spec.hasSharedMemory,
            let size = SharedMemoryMount(of: spec, pid: pid, in: goal, paths).size, size != spec.sharedMemoryPages
        else { return [] }
        let text = ResourceLimits.text(bytes: size)
        return [FieldChange(ServiceKey.sharedMemory.rawValue, observed: text, desired: spec.sharedMemoryText)]
    }
}

extension ContainerSpec {
    /// What the kernel makes of the size: whole pages.
    fileprivate var sharedMemoryPages: Int64 {
        let page = Int64(sysconf(Int32(_SC_PAGESIZE)))
        return (sharedMemorySize + page - 1) / page * page
    }
}
