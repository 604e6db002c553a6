import Compose
import Diagnostics
import Usage

/// What `up` and `create` are told of the containers that they make.
struct CreateOptions {
    let wishes: StackRoots.Wishes
    let forceRecreate: Bool
    let noRecreate: Bool
    private let removeOrphans: Bool
    /// By service.
    let replicas: [String: Int]

    init(_ line: inout Line) {
        wishes = StackRoots.Wishes(
            policy: line.pullPolicy(), builds: line.flag("build", "Build images first, also those that are here."),
            refusesBuilds: line.flag("no-build", "Build no image, even one that is missing."),
            isQuiet: line.flag("quiet-pull", "Nothing of how images come."))
        forceRecreate = line.flag("force-recreate", "Make containers anew, even where nothing differs.")
        noRecreate = line.flag("no-recreate", "Leave containers that are there as they are.")
        removeOrphans = line.flag("remove-orphans", "Remove containers whose service is no longer in the file.")
        let scales = line.texts("scale", "SERVICE=NUMBER", "How many containers, in place of what the file says.")
        replicas = line.replicas(scales, "--scale")
        _ = line.flag("yes", short: "y", "Accepted: nothing is asked.")
        if wishes.builds && wishes.refusesBuilds { line.refuse("--build and --no-build cannot both be given") }
        if forceRecreate && noRecreate { line.refuse("--force-recreate and --no-recreate cannot both be given") }
    }

    func wish(_ names: [String], in scene: Scene) -> Prospect.Wish {
        var wish = Prospect.Wish(services: names)
        wish.removesOrphans = removeOrphans || isTrue(scene.variables["COMPOSE_REMOVE_ORPHANS"])
        wish.keepsContainers = noRecreate
        wish.recreates = forceRecreate
        return wish
    }
}

extension Line {
    /// `web=3`
    mutating func replicas(_ texts: [String], _ name: String) -> [String: Int] {
        var result: [String: Int] = [:]
        for text in texts {
            let parts = text.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, let count = Int(parts[1]), count >= 0 else {
                refuse("\(name) takes SERVICE=NUMBER, not \"\(text)\"")
                continue
            }
            result[String(parts[0])] = count
        }
        return result
    }
}

extension Project {
    func scaled(_ replicas: [String: Int]) throws -> Project {
        let unknown = replicas.keys.sorted().filter { service($0) == nil }
        if !unknown.isEmpty { throw Complaint(unknown.map { Diagnostic(.error, "no such service: \($0)") }) }
        var project = self
        for index in project.services.indices {
            if let count = replicas[services[index].name] { project.services[index].replicas = count }
        }
        return project
    }
}
