import CCap
import CLaunch
import Glibc
import Launch

/// A program as the interpreter wants it: numbers and addresses. The child has a copy of the parent's memory, at the
/// same addresses, so that nothing has to be allocated there.
final class Lowered {
    private var memory: [UnsafeMutableRawPointer] = []
    private var indices: [Slot: Int] = [:]
    private var slots: [Int32] = []
    private var steps: [settle_step] = []

    /// - Parameter descriptors: the slots that the parent fills.
    init(_ program: Program, _ descriptors: [Slot: Int32]) {
        for (slot, descriptor) in descriptors { slots[index(of: slot)] = descriptor }
        steps = program.steps.map(lower)
    }

    deinit { for block in memory { free(block) } }

    /// Calls the body with the program; its addresses hold as long as this object lives.
    func with<Result>(_ body: (inout settle_program) -> Result) -> Result {
        let report = index(of: .report)
        return steps.withUnsafeBufferPointer { steps in
            slots.withUnsafeMutableBufferPointer { slots in
                var program = settle_program(
                    steps: steps.baseAddress, count: Int32(steps.count), report: Int32(report),
                    slots: slots.baseAddress)
                return body(&program)
            }
        }
    }

    private func lower(_ step: Step) -> settle_step {
        var lowered = settle_step()
        lowered.number = settle_call_number(step.call.rawValue)
        lowered.least = Int32(step.least)
        lowered.result = step.result.map { Int16(index(of: $0)) } ?? -1
        withUnsafeMutableBytes(of: &lowered.tolerated) { bytes in
            for (position, reason) in step.tolerated.enumerated() { bytes[position] = UInt8(reason.rawValue) }
        }
        for (position, argument) in step.arguments.enumerated() {
            if case .slot = argument { lowered.slots |= 1 << UInt8(position) }
            let value = UInt64(bitPattern: Int64(value(argument)))
            withUnsafeMutableBytes(of: &lowered.arguments) { $0.bindMemory(to: UInt64.self)[position] = value }
        }
        return lowered
    }

    private func value(_ argument: Argument) -> Int {
        switch argument {
        case .number(let number, _): number
        case .string(let string): address(string)
        case .null: 0
        case .slot(let slot): index(of: slot)
        case .strings(let strings), .environment(let strings): address(of: strings.map(address) + [0])
        case .groups(let groups): address(of: groups.map(UInt32.init))
        case .capability(let name): number(name).map(Int.init) ?? -1
        // _LINUX_CAPABILITY_VERSION_3, and pid 0: the caller.
        case .capabilityHeader: address(of: [UInt32(0x2008_0522), 0])
        case .capabilitySets(let names): address(of: sets(names))
        case .mountAttributes(let set, _): address(of: [UInt64(set), 0, 0, 0])
        case .mountPropagation(let mode, _): address(of: [0, 0, UInt64(mode), 0])
        case .openHow(let flags, let resolve, _): address(of: [UInt64(flags), 0, UInt64(resolve)])
        case .seccompFilter(let names): filter(names)
        case .byte: address(of: [UInt8(0)])
        case .integer(let number): address(of: [Int32(truncatingIfNeeded: number)])
        case .windowSize(let size): address(of: [size.rows, size.columns, 0, 0])
        case .standardInputRights: rights()
        }
    }

    private func index(of slot: Slot) -> Int {
        if let index = indices[slot] { return index }
        indices[slot] = slots.count
        slots.append(-1)
        return slots.count - 1
    }

    private func address(_ string: String) -> Int { address(of: Array(string.utf8) + [0]) }

    private func address<Element: BitwiseCopyable>(of elements: [Element]) -> Int {
        let size = max(elements.count * MemoryLayout<Element>.stride, 1)
        guard let block = malloc(size) else { fatalError("out of memory") }
        elements.withUnsafeBytes {
            block.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(block), byteCount: $0.count)
        }
        memory.append(block)
        return Int(bitPattern: block)
    }

    /// `struct msghdr` with one `struct iovec` and one `struct cmsghdr`, all of 64-bit words: length 20, SOL_SOCKET and
    /// SCM_RIGHTS, the descriptor 0.
    private func rights() -> Int {
        let byte = address(of: [UInt8(0)])
        let vector = address(of: [byte, 1])
        let control = address(of: [20, 1 | 1 << 32, 0])
        return address(of: [0, 0, vector, 1, control, 24, 0])
    }

    private func number(_ name: String) -> Int32? {
        var value: cap_value_t = 0
        return cap_from_name("cap_" + name.lowercased(), &value) == 0 ? value : nil
    }

    private func mask(_ names: [String]) -> UInt64 {
        names.compactMap(number).reduce(0) { $0 | 1 << UInt64($1) }
    }

    /// Effective, permitted, inheritable; low halves, then high ones.
    private func sets(_ names: [String]) -> [UInt32] {
        let mask = mask(names)
        let low = UInt32(truncatingIfNeeded: mask), high = UInt32(truncatingIfNeeded: mask >> 32)
        return [low, low, 0, high, high, 0]
    }

    /// `struct sock_fprog`: the length, and on the next word the address.
    private func filter(_ names: [String]) -> Int {
        var filter = [settle_filter](repeating: settle_filter(), count: Int(settle_filter_limit))
        let count = Int(settle_filter_compose(mask(names), &filter))
        return address(of: [UInt(count), UInt(bitPattern: address(of: Array(filter[..<count])))])
    }
}
