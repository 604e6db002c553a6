/// A container's files as its first process would see them, held by a process that does nothing: for copying where
/// nothing runs. It ends, and the mounts with it, once nobody has the other end of its input any more.
package func compile(still spec: LaunchSpec, _ facts: Facts) -> Program {
    var composer = Composer()
    composer.waitAtGate()
    composer.composeRoot(spec, facts)
    if spec.readOnly {
        composer.key = "read_only"
        composer.setAttributes(of: "/", .readOnly, to: "make the root file system read-only")
    }
    composer.key = "rootfs"
    composer.add(.dup3, [.slot(.input), .number(0), .number(0)], to: "keep the input")
    // The report goes with the others: by that the parent knows that all is there.
    composer.add(.close_range, [.number(1), Kernel.allDescriptors, .number(0)], to: "close descriptors")
    composer.add(.read, [.number(0), .byte, .number(1)], least: 1, to: "wait")
    return Program(new: [.mnt, .pid, .ipc, .uts], joinsProcesses: false, steps: composer.steps, command: "cp")
}
