/// `/dev/shm`.
extension ContainerSpec {
    package static let sharedMemoryFolder = "/dev/shm"
    /// Docker's default, in bytes.
    package static let usualSharedMemory: Int64 = 64 << 20

    /// In bytes.
    package var sharedMemorySize: Int64 { sharedMemory ?? Self.usualSharedMemory }

    /// Whether there is one whose size is this container's to say.
    package var hasSharedMemory: Bool {
        namespaces.ipc == .own && namespaces.mnt == .own && !mounts.contains { $0.target == Self.sharedMemoryFolder }
    }

    package var sharedMemoryText: String { ResourceLimits.text(bytes: sharedMemorySize) }
}
