package import Stack

/// The machine that a plan is performed on: the kernel, or a simulation in tests.
///
/// Every action makes sure of something and may be repeated. An action either has its effect or throws; what a thrown
/// one left half done, the next observation shows.
package protocol Machine: AnyObject {
    /// What there is, gathered anew.
    func observe(_ ledger: Ledger) throws -> Observation
    /// - Parameter goal: the whole stack as it will be, for what an action needs to know of its neighbours.
    func perform(_ action: Action, in goal: Goal) throws(Event.Failure)
    /// Whether what the start of a container waits for has come to pass; else the change is to be advanced again when it has.
    func isReady(_ instance: Instance, in goal: Goal) throws(Event.Failure) -> Bool
    /// Waits until the program of a container runs whose start was performed; it failed where this throws. Starts overlap
    /// between the two: each by itself would wait for the kernel to let go of its control groups.
    func awaitStart(_ instance: Instance) throws(Event.Failure)
    /// Waits for what actions have set off, but for starts: from here on all of it holds.
    func finishActions() throws(Event.Failure)
    /// Thaws a frozen container first: a frozen process takes no signal.
    func signal(_ instance: Instance, _ signal: Int32) throws(Event.Failure)
    /// Ends every process of the instance, whatever it does.
    func kill(_ instance: Instance) throws(Event.Failure)
    /// Begins a command inside; `Transaction.hooked` is told how it ends.
    func begin(_ hook: HookCommand, in instance: Instance) throws(Event.Failure)
    /// Ends what `begin` has begun; nothing is told.
    func endHook(in instance: Instance)
    /// How many TCP connections others have to these ports of it.
    func connections(to instance: Instance, ports: [UInt16]) -> Int
    /// Notes that the start is whole.
    func noteReady(_ instance: Instance) throws(Event.Failure)
    /// The last lines of a container's output.
    func lastOutput(of id: ContainerID, lines: Int) -> [String]
    /// Removes what is left of the project itself; its containers' output only if told.
    func removeProject(keepingLogs: Bool) throws(Event.Failure)
}

extension Machine {
    package func isReady(_ instance: Instance, in goal: Goal) throws(Event.Failure) -> Bool { true }
    /// For a machine whose starts are whole when they have been performed.
    package func awaitStart(_ instance: Instance) throws(Event.Failure) {}
    package func finishActions() throws(Event.Failure) {}
}
