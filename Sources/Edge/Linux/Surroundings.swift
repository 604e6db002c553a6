import CSyscalls
import Glibc
import Processes
import Stack
import Syscalls

/// What has to be there before a project's processes: its folders.
package struct Surroundings {
    let paths: ProjectPaths

    package init(_ paths: ProjectPaths) { self.paths = paths }

    package func ensureStateFolders() throws {
        // Security: what containers wrote and what they were given is nobody's but root's to look at.
        try Files.makeFolders(paths.roots.state, mode: 0o711)
        try Files.makeFolders("\(paths.roots.state)/locks", mode: 0o700)
        try Files.makeFolders(paths.state, mode: 0o700)
        try Files.makeFolders(paths.instances, mode: 0o700)
        try Files.makeFolders(paths.logs, mode: 0o700)
    }

    /// The runtime folder is a small tmpfs of its own. It is private, so that the pins mounted in it do not appear in
    /// every other mount namespace of the machine, where they would outlive us.
    package func ensureRuntimeFolder() throws {
        if Mounts.isMountPoint(paths.runtime) { return }
        try Files.makeFolders(paths.roots.runtime, mode: 0o700)
        try Files.makeFolders(paths.runtime, mode: 0o700)
        try check("mount", on: paths.runtime) {
            mount("settle", paths.runtime, "tmpfs", UInt(MS_NOSUID | MS_NODEV | MS_NOEXEC), "mode=700,size=16m")
        }
        try check("mount", on: paths.runtime) { mount(nil, paths.runtime, nil, UInt(MS_PRIVATE), nil) }
    }

    /// After the end of a project, while its lock is held: the lock's file, which its next owner makes anew, and what
    /// holds nothing any more.
    package func removeEmptyFolders() {
        if Files.exists(paths.state) || Files.exists(paths.runtime) { return }
        for lock in [paths.lock, paths.supervisorLock, paths.keeperLock] { unlink(lock) }
        let roots = paths.roots
        for folder in ["\(roots.state)/locks", roots.volumes, roots.projects, roots.state, roots.runtime] {
            rmdir(folder)
        }
    }

    func removeRuntimeFolder() {
        while umount2(paths.runtime, Int32(MNT_DETACH)) == 0 {}
        rmdir(paths.runtime)
        rmdir(paths.roots.runtime)
    }
}

enum Mounts {
    /// Whether something is mounted on the path: its device is another than its parent folder's.
    static func isMountPoint(_ path: String) -> Bool {
        var own = stat()
        var parent = stat()
        guard lstat(path, &own) == 0, lstat(path + "/..", &parent) == 0 else { return false }
        return own.st_dev != parent.st_dev
    }
}

/// Removes a folder with everything in it but what is mounted there.
func removeTree(_ path: String) throws(SystemError) {
    if Files.exists(path) { try check("remove", on: path) { settle_remove_tree(path) } }
}
