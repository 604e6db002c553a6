import CLaunch
import Glibc
package import Syscalls

/// A pseudoterminal of a container's own /dev/pts, so that programs in there find it under its name.
package struct Terminal: ~Copyable {
    /// The side that stays outside.
    package let master: Descriptor
    /// The side that becomes the standard streams of `exec`.
    package let inside: Descriptor

    /// - Parameters:
    ///   - process: pid of a process of the container.
    ///   - owner: the user that is going to run on it.
    package init(inContainerOf process: Int32, owner: Int) throws(SystemError) {
        let path = "/proc/\(process)/root"
        let root = try Descriptor(path, O_DIRECTORY)
        // Below the container's root and through no link: what lies at /dev/pts there is the container's to choose.
        let resolveInRootWithoutLinks: UInt64 = 0x14
        let master = Descriptor(
            try check("openat2", on: "/dev/pts/ptmx") {
                settle_openat2(
                    root.raw, "dev/pts/ptmx", UInt64(O_RDWR | O_NOCTTY | O_CLOEXEC), resolveInRootWithoutLinks)
            })
        // Fails on everything that is not a terminal's master.
        let inside = Descriptor(try check("ioctl", on: "/dev/pts/ptmx") { settle_terminal_peer(master.raw) })
        try check("fchown", on: "/dev/pts") { fchown(inside.raw, uid_t(owner), gid_t.max) }
        self.master = master
        self.inside = inside
    }
}
