import CSyscalls
import Glibc

/// On v1 the first process that is moved between groups after a pause waits some 10 ms for the kernel, those within the
/// next 20 ms do not. While this lives, a small process moves itself to where it is, again and again, so that whoever
/// moves another one need not wait. It ends by itself, and with its parent. On v2 processes are born where they belong.
package final class OpenDoors {
    private let child: Int32

    /// nil where there is nothing to be opened.
    package init?(_ cgroups: Cgroups) {
        let own = cgroups.mode.ownPaths
        guard let mount = cgroups.mode.v1Mounts.first, let path = own[mount] else { return nil }
        child = settle_keep_moving("\(mount)\(path)/cgroup.procs")
        if child < 0 { return nil }
    }

    deinit {
        kill(child, SIGKILL)
        settle_await(child)
    }
}
