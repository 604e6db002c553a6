import Cgroups
import Engine
import Launch
import Launcher
import Processes
import Stack
import Syscalls

/// What runs inside containers at the turns of their lives. It writes to the container's own output.
extension Supervisor {
    func begin(_ hook: HookCommand, in instance: Instance) throws {
        guard let container = watched[instance], !container.hasEnded, let capture = container.outputs.first?.capture
        else {
            throw HookWithoutContainer()
        }
        let group = machine.group(instance)
        if group.isFrozen { try group.thaw() }
        var exec = ExecSpec(
            arguments: hook.arguments, environment: hook.environment, workingDirectory: hook.workingDirectory,
            user: hook.user, capabilities: hook.capabilities)
        exec.groups = hook.groups
        exec.doors = group.doors
        let program = compile(exec, try Launcher.look(exec, process: container.run.process.pid))
        let output = try capture.writer()
        hookNumber += 1
        let number = hookNumber
        let process = try InnerProcess(
            program, container: container.pidfd.raw, group, output: output.raw, loop
        ) { [unowned self] code, error in
            // One that was given up says nothing about the next one.
            guard self.hooks[instance]?.number == number else { return }
            self.hooks[instance] = nil
            // Its last words come before what is said of it.
            try? capture.drain()
            self.active?.transaction.hooked(instance, Health.Answer(exitCode: code, output: error?.message ?? ""))
            self.advance()
        }
        hooks[instance] = RunningHook(number: number, process: process)
    }

    func endHook(in instance: Instance) { hooks.removeValue(forKey: instance)?.process.kill() }
}

struct RunningHook {
    let number: Int
    let process: InnerProcess
}

private struct HookWithoutContainer: Error, CustomStringConvertible {
    var description: String { "the container has ended" }
}
