import Cgroups
import Compose
import Diagnostics
import Engine
import Launch
import Launcher
import Linux
import Stack
import Syscalls

/// A variable that is a switch, as Docker Compose reads it.
func isTrue(_ text: String?) -> Bool { ["1", "t", "true"].contains(text?.lowercased()) }

extension Observation {
    /// Those that have ended go with the orphans.
    fileprivate var ledgerWithoutEndedOneOffs: Ledger {
        var ledger = ledger
        ledger.entries.removeAll { entry in
            entry.spec.oneOff != nil && containers[entry.instance.id]?.isRunning == false
        }
        return ledger
    }
}

/// What the file asks for beside what is there, and the way from one to the other.
struct Prospect {
    let observation: Observation
    let goal: Goal
    let contents: [Content]
    let manner: Manner
    let plan: Plan
    /// What this folder has filled under another project's name, and would be made empty under this one.
    let formerVolumes: [FormerVolume]
    /// The services that this is about.
    private let chosen: Set<String>

    /// - Parameters:
    ///   - wish: what the command line wants beside what the file says.
    ///   - status: the exit status where the machine cannot fulfil what the file asks for.
    init(_ scene: Scene, _ wish: Wish, status: Int32) throws {
        guard let project = scene.project else { throw StackFiles.missing }
        try scene.expectKnown(wish.services)
        let chosen = project.closure(of: wish.services, withDependencies: wish.withDependencies)
        let names = Set(chosen.map(\.name))
        self.chosen = names
        let files = try FileContents(scene, project, chosen)
        contents = files.contents
        observation = try scene.observe()
        let again = wish.again(names, observation)
        let ledger = wish.removesOrphans ? observation.ledgerWithoutEndedOneOffs : observation.ledger
        let result = GoalMaker.make(
            project: project, observed: ledger, selection: wish.services, withDependencies: wish.withDependencies,
            removeOrphans: wish.removesOrphans, hostRoutes: try Host.routes(except: observation.ledger.goal.egress),
            roots: StackRoots(scene, project, chosen).found(), contents: files.digests,
            again: again, volumes: Volumes(scene.paths.roots).survey(directory: project.directory))
        formerVolumes = result.formerVolumes
        guard var goal = result.goal else {
            throw Complaint(
                result.problems.map { Diagnostic(.error, $0.message, at: $0.place, path: $0.path, hint: $0.hint) },
                status: status)
        }
        goal.configFiles = scene.files
        let selected = Set(goal.containers.map(\.id).filter { names.contains($0.service) })
        manner = wish.manner(selected, again)
        self.goal = wish.adjusted(goal, selected, observation)
        plan = Stack.plan(from: observation, to: self.goal, manner)
        let ignoresOrphans = wish.ignoresOrphans || isTrue(scene.variables["COMPOSE_IGNORE_ORPHANS"])
        if !result.orphans.isEmpty && !wish.removesOrphans && !ignoresOrphans {
            let names = result.orphans.map { $0.name(in: scene.name) }.joined(separator: ", ")
            scene.output.warn("no longer in the file, and left alone: \(names); --remove-orphans removes them")
        }
    }

    /// What a command line wants beside what the file says.
    struct Wish {
        /// Only these, with what they need; all where none is named.
        var services: [String] = []
        var withDependencies = true
        var removesOrphans = false
        var ignoresOrphans = false
        /// What is there stays as it is.
        var keepsContainers = false
        /// What is there is made anew: the services that are named, or all.
        var recreates = false
        /// So are those that they depend on.
        var recreatesDependencies = false
        var renewsVolumes = false
        /// Jobs that are done are done again.
        var reruns = false
        var starts = true
        var oneOff: ContainerID?

        /// - Parameter names: of the services that the goal is made for.
        fileprivate func again(_ names: Set<String>, _ observation: Observation) -> Set<Instance> {
            let instances = observation.ledger.entries.map(\.instance).filter { instance in
                guard names.contains(instance.id.service) else { return false }
                let isDone = observation.containers[instance.id]?.isDone == true
                let isNamed = services.isEmpty || services.contains(instance.id.service)
                return isNamed ? recreates || renewsVolumes || (reruns && isDone) : recreatesDependencies
            }
            return Set(instances)
        }

        fileprivate func manner(_ selected: Set<ContainerID>, _ again: Set<Instance>) -> Manner {
            var manner = Manner(wakes: services.isEmpty ? nil : selected)
            manner.again = again
            manner.starts = starts
            manner.awaitsOthers = withDependencies
            manner.oneOff = oneOff
            return manner
        }

        fileprivate func adjusted(_ goal: Goal, _ selected: Set<ContainerID>, _ observation: Observation) -> Goal {
            let present = selected.intersection(observation.containers.keys)
            if keepsContainers { return goal.keeping(present, of: observation.ledger) }
            return renewsVolumes ? goal.renewingVolumes(of: present) : goal
        }
    }

    /// Refuses what can be seen to fail, before anything is changed.
    ///
    /// - Parameter isReal: not for a rehearsal, before which no image is fetched.
    func check(_ scene: Scene, isReal: Bool = true) throws {
        var problems = try Preflight(scene.paths).problems(plan, goal, observation)
        if isReal { problems += missingImages }
        if manner.starts { problems += paused }
        if !problems.isEmpty {
            throw Complaint(problems.flatMap { scene.diagnostics(of: $0) }, status: Complaint.notReached)
        }
    }

    /// What is paused does not start, as in Docker; what is replaced need not.
    private var paused: [Event.Failure] {
        let turned = Set(plan.turnovers.map(\.id))
        return goal.containers.map(\.id).filter { id in
            chosen.contains(id.service) && !turned.contains(id) && observation.containers[id]?.isPaused == true
        }.map { id in
            Event.Failure(
                resource: ResourceID.container(id).description, key: "",
                message: "\(id) is paused; settle unpause \(id.service) lets it go on")
        }
    }

    private var missingImages: [Event.Failure] {
        plan.turnovers.compactMap(\.start).compactMap { instance in
            guard let root = goal.container(instance.id)?.rootfs.layered, root.id == nil else { return nil }
            return Event.Failure(
                resource: ResourceID.container(instance.id).description, key: "image",
                message: "the image \(root.name) is not here")
        }
    }

    /// Each start of the plan as the system calls that its child makes.
    func programs(_ scene: Scene) throws -> String {
        let folders = RootFolders(scene.paths.roots)
        return try plan.turnovers.compactMap(\.start).map { instance in
            guard let container = goal.container(instance.id) else { return "" }
            guard let program = try program(of: container, instance, scene, folders) else {
                return "\n\(ResourceID.container(instance.id)):\n  once \(container.imageText) is here\n"
            }
            return "\n\(ResourceID.container(instance.id)):\n"
                + program.text.split(separator: "\n").map { "  \($0)\n" }.joined()
        }.joined()
    }

    /// The system calls that would start it; nil where its image is not here yet.
    func program(
        of container: ContainerSpec, _ instance: Instance, _ scene: Scene, _ folders: RootFolders? = nil
    ) throws -> Launch.Program? {
        if let root = container.rootfs.layered, root.id == nil { return nil }
        let cgroups = try Cgroups.detect(root: scene.paths.roots.cgroup)
        var spec = try LaunchSpec(container, instance, paths: scene.paths, goal: goal, folders: folders)
        spec.doors = cgroups.container("\(instance)", of: scene.name).doors
        // The files made for it are not there yet, nor are new volumes, so they cannot be looked at.
        let mounts = spec.mounts
        let files = Set(["rootfs"] + container.files.map(\.key))
        func isLate(_ mount: Launch.Mount) -> Bool {
            guard case .bind(let source, _, _) = mount.content else { return false }
            return files.contains(mount.key) || !Files.exists(source)
        }
        let made = mounts.filter(isLate)
        spec.mounts = mounts.filter { !isLate($0) }
        var facts = try Launcher.look(spec)
        facts.targets = made.map { KnownPath($0.target, isFolder: !files.contains($0.key)) } + facts.targets
        spec.mounts = made + spec.mounts
        return compile(spec, facts)
    }
}
