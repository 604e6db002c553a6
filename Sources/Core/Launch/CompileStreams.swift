/// What the program reads and writes.
extension Composer {
    mutating func connectStreams(_ spec: LaunchSpec, _ facts: Facts) {
        key = "command"
        if let size = spec.terminal {
            key = "tty"
            openTerminal(size, owner: facts.identity.uid)
            standardStreams(.inner, .inner, .inner)
            controlTerminal()
        } else if spec.hasInput {
            standardStreams(.input, .output, .errors)
        } else {
            openNull()
            standardStreams(.null, .output, .errors)
        }
    }

    /// A pseudoterminal (pty(7)) of the container's own /dev/pts, so that programs in there find it under its name. Its
    /// outer end is sent out through a socket that outlives the parent: whoever reads that has the terminal.
    private mutating func openTerminal(_ size: TerminalSize, owner: Int) {
        add(
            .openat, [.here, .string("/dev/ptmx"), Kernel.terminal, .number(0)], result: .outer, to: "open a terminal")
        add(.ioctl, [.slot(.outer), Kernel.terminalLock, .integer(0)], to: "unlock the terminal")
        add(.ioctl, [.slot(.outer), Kernel.terminalPeer, Kernel.terminal], result: .inner, to: "open the terminal")
        add(.ioctl, [.slot(.inner), Kernel.terminalResize, .windowSize(size)], to: "set the terminal's size")
        if owner != 0 {
            let purpose = "give the terminal to the user \(owner)"
            add(.fchownat, [.slot(.inner), .string(""), .number(owner), .number(-1), Kernel.emptyPath], to: purpose)
        }
        // The message names a number. Standard input has one that is known, and gets another meaning soon.
        add(.dup3, [.slot(.outer), .number(0), .number(0)], to: "send the terminal")
        add(.sendmsg, [.slot(.terminals), .standardInputRights, .number(0)], least: 1, to: "send the terminal")
    }

    mutating func controlTerminal() {
        add(.ioctl, [.number(0), Kernel.terminalControl, .number(0)], to: "make the terminal the controlling one")
    }
}
