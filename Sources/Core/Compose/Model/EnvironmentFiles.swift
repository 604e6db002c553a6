import Diagnostics
import YAML

/// Reads the files of variables and labels that services name, and puts what they hold into the services.
struct EnvironmentFiles {
    let environment: [String: String]
    let system: FileSystem
    let report: Report
    let display: (String) -> String
    /// The services whose files must be there; nil for all.
    let needed: Set<String>?

    func resolve(_ model: inout Model, variables: Bool) {
        model.editServices { service in
            let path = "services".key(service.key)
            let isNeeded = needed?.contains(service.key) ?? true
            if variables { self.variables(&service.value, path.key("env_file"), isNeeded) }
            labels(&service.value, path.key("label_file"), isNeeded)
        }
    }

    private func variables(_ service: inout Node, _ path: String, _ isNeeded: Bool) {
        service.edit("environment") { own in
            own.editValues { entry in
                guard entry.value.isNull, let value = environment[entry.key] else { return }
                entry.value = .text(value, at: entry.value.place)
            }
        }
        guard let files = service["env_file"]?.items else { return }
        let own = service["environment"]?.entries ?? []
        var known: [String: String] = [:]
        for entry in own { known[entry.key] = entry.value.scalar.flatMap { $0.value == .null ? nil : $0.text } }
        let lookup = known.merging(environment) { $1 }
        var read: [String: (value: String, place: Place)] = [:]
        for (index, file) in files.enumerated() {
            let item = path.item(index)
            let location = file.string("path") ?? ""
            let isRequired = isNeeded && file["required"] == nil
            guard let text = text(of: location, file["path"]?.place ?? file.place, item, isRequired: isRequired) else {
                continue
            }
            let before = read.mapValues(\.value)
            for (name, value) in values(text, file, item, lookup, before) where before[name] != value {
                read[name] = (value, file.place)
            }
        }
        complete(&service, "environment", with: read)
        service.remove("env_file")
    }

    /// Adds what files say to a mapping of the service's, whose own entries win.
    private func complete(
        _ service: inout Node, _ key: String, with read: [String: (value: String, place: Place)]
    ) {
        let own = service[key]?.entries ?? []
        let names = Set(own.map(\.key))
        let entries =
            own
            + read.filter { !names.contains($0.key) }.map { name, found in
                .init(name, at: found.place, .text(found.value, at: found.place))
            }
        if entries.isEmpty { return }
        service.setInOrder(key, to: .mapping(entries.sorted { $0.key < $1.key }, at: service.place))
    }

    /// With those of the files before.
    private func values(
        _ text: SourceFile, _ file: Node, _ path: String, _ lookup: [String: String], _ before: [String: String]
    ) -> [String: String] {
        switch file.string("format") {
        case nil, "":
            var reader = Dotenv(text, environment: lookup, report: report, values: before)
            return reader.run()
        case "raw":
            var reader = Dotenv(text, environment: lookup, report: report, values: before)
            return reader.raw()
        case let format?:
            report.error(
                "there is no format \(format)", at: file["format"]?.place, path: path.key("format"),
                hint: "write raw, or leave it out")
            return [:]
        }
    }

    private func labels(_ service: inout Node, _ path: String, _ isNeeded: Bool) {
        guard let files = service["label_file"]?.items else { return }
        var labels: [String: (value: String, place: Place)] = [:]
        for (index, file) in files.enumerated() {
            guard let text = text(of: file.string ?? "", file.place, path.item(index), isRequired: isNeeded) else {
                continue
            }
            var reader = Dotenv(text, environment: [:], report: report, values: labels.mapValues(\.value))
            for (name, value) in reader.run() where labels[name]?.value != value { labels[name] = (value, file.place) }
        }
        complete(&service, "labels", with: labels)
        service.remove("label_file")
    }

    private func text(of location: String, _ place: Place, _ path: String, isRequired: Bool) -> SourceFile? {
        let name = display(location)
        switch system.kind(location) {
        case nil:
            if isRequired {
                report.error(
                    "there is no file \(name)", at: place, path: path,
                    hint: "make it, or write {path: …, required: false}")
            }
            return nil
        case .folder:
            report.error("\(name) is a folder", at: place, path: path)
            return nil
        case .file: break
        }
        switch system.read(location) {
        case .success(let bytes):
            report.know(name, usedBy: .init("named here", at: place))
            return SourceFile(path: name, bytes: bytes)
        case .failure(let problem):
            report.error("\(name) cannot be read: \(problem.reason)", at: place, path: path)
            return nil
        }
    }
}
