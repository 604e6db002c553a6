import Diagnostics
import Stack
import Usage

struct Diff: SettleCommand {
    static let about = About(
        "diff", "Shows what `up` would do, and why.",
        """
          settle diff
          settle diff --format json --exit-code

        One line per field, with the reason and its place in the file:

          + create   ~ update in place   > start again   -/+ replace   - remove
          ! drift: changed on the machine, not in the file

        With --exit-code the status is 0 where nothing differs, 2 where something does, 1 on errors.
        """)

    private let format: Format
    private let exitCode: Bool
    private let removeOrphans: Bool
    private let names: [String]

    private enum Format: String, Choosable { case text, json }

    init(_ line: inout Line) {
        format = line.choice("format", "How it is printed.", default: .text)
        exitCode = line.flag("exit-code", "Say by the exit status whether anything differs.")
        removeOrphans = line.flag("remove-orphans", "As `up --remove-orphans` would.")
        names = line.operands("SERVICE", "Services, with what they need; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(loading: options, services: names)
        let prospect = try Prospect(
            scene, Prospect.Wish(services: names, removesOrphans: removeOrphans), status: Complaint.wrong)
        switch format {
        case .text:
            scene.output.write(
                prospect.plan.text(scene.output.palette) { scene.project?.place(of: $0, path: $1) })
        case .json: scene.output.write(prospect.plan.json(project: scene.name).compact + "\n")
        }
        if exitCode && !prospect.plan.isEmpty { throw Complaint([], status: 2) }
    }
}
