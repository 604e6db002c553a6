import Compose
import Diagnostics
import Linux
import Stack

extension Scene {
    /// Data that this folder has filled under another name is not replaced by nothing in silence.
    ///
    /// - Parameter named: the project's name as the command line says it. Who names projects by hand has several of one
    ///   folder, and is only told.
    func offerFormerVolumes(_ prospect: Prospect, named: String?) throws {
        let isMeant = named != nil || environment["COMPOSE_PROJECT_NAME"] != nil
        var refused: [Diagnostic] = []
        for volume in prospect.formerVolumes {
            let message =
                "the volume \(volume.name) would be new and empty, and \(volume.former) of the project "
                + "\(volume.project) has what this folder had as \(volume.key)"
            let isUp = (try? store(of: volume.project).read())?.isEmpty == false
            if isMeant || isUp {
                output.warn(message)
                continue
            }
            refused.append(
                Diagnostic(
                    .error, message, at: project?.volume(volume.key)?.places[""], path: "volumes.\(volume.key)",
                    hint: "keep the name, name: \(volume.project); or take the volume along, settle volume rename "
                        + "\(volume.former) \(volume.name); or begin anew, settle volume create \(volume.name)"))
        }
        if !refused.isEmpty { throw Complaint(refused, status: Complaint.notReached) }
    }

    private func store(of project: String) -> Store { Store(paths.roots.paths(of: project)) }
}
