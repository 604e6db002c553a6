import Diagnostics
import OCI
import YAML

// Where a service's image comes from.
extension Keys {
    /// By its name: what a file is cannot be looked up here.
    static func isArchive(_ path: String) -> Bool {
        [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.zstd"].contains { path.hasSuffix($0) }
    }

    static func reference(_ reader: Reader) -> ImageReference? {
        guard let text = reader.string() else { return nil }
        do throws(ReferenceFault) {
            return try ImageReference(parsing: text).resolved(in: reader.context.directory)
        } catch {
            reader.error(error.message, hint: error.hint)
            return nil
        }
    }

    static func pullPolicy(_ reader: Reader) -> PullPolicy? {
        guard let text = reader.string() else { return nil }
        do throws(ReferenceFault) {
            return try PullPolicy(parsing: text)
        } catch {
            reader.error(error.message, hint: error.hint)
            return nil
        }
    }

    static func platform(_ reader: Reader) -> Platform? {
        guard let text = reader.string() else { return nil }
        do throws(ReferenceFault) {
            return try Platform(parsing: text)
        } catch {
            reader.error(error.message, hint: error.hint)
            return nil
        }
    }

    static func build(_ reader: Reader) -> Build {
        var result = Build(context: reader.context.directory)
        build.read(reader, into: &result)
        return result
    }

    private static let build = Grammar<Build>([
        "context": { $0.context = $1.string() ?? $0.context },
        "dockerfile": { $0.dockerfile = $1.string() },
        "dockerfile_inline": { $0.inlineDockerfile = $1.string() },
        "args": { build, reader in
            for (name, _, value) in reader.members() ?? [] {
                build.arguments[name] = .some(
                    value.node.isNull ? reader.context.environment[name] : value.text())
            }
        },
        "target": { $0.target = $1.string() },
        "tags": { build, reader in build.tags = (reader.items() ?? []).compactMap(reference) },
        "labels": { $0.labels = $1.labels() ?? [:] },
        "platforms": { build, reader in build.platforms = (reader.items() ?? []).compactMap(platform) },
        "network": { $0.network = $1.string() },
        "extra_hosts": { $0.extraHosts = hostLines($1) },
        "secrets": { build, reader in build.secrets = (reader.items() ?? []).compactMap(buildSecret) },
        "ssh": { build, reader in
            build.ssh = (reader.items() ?? []).compactMap { $0.string() }
        },
        "shm_size": { $0.sharedMemory = $1.bytes() },
        "ulimits": { build, reader in
            build.ulimits = (reader.members() ?? []).map { name, _, value in ulimit(name, value) }.sorted()
        },
        "privileged": { $0.isPrivileged = $1.boolean() ?? false },
        "cache_from": { $0.cacheFrom = $1.strings() ?? [] },
        "cache_to": { $0.cacheTo = $1.strings() ?? [] },
        "no_cache": { $0.isCacheless = $1.boolean() ?? false },
        "pull": { $0.pullsBase = $1.boolean() ?? false },
        "additional_contexts": { $0.additionalContexts = $1.labels() ?? [:] },
    ])

    /// `NAME:ADDRESS` for each address of each name; the model has `NAME=ADDRESS`.
    static func hostLines(_ reader: Reader) -> [String] {
        (reader.strings() ?? []).map { line in
            guard let sign = line.firstIndex(of: "=") else { return line }
            return line[..<sign] + ":" + line[line.index(after: sign)...]
        }
    }

    private static func buildSecret(_ reader: Reader) -> BuildSecret? {
        var secret = BuildSecret(source: "", id: "")
        Grammar<BuildSecret>([
            "source": { $0.source = $1.string() ?? "" },
            "target": { $0.id = $1.string() ?? "" },
        ]).read(reader, into: &secret)
        if secret.source.isEmpty { return nil }
        // The target of a grant is a path for containers; for a build it is a name.
        secret.id = secret.id.split(separator: "/").last.map(String.init) ?? secret.source
        return secret
    }

    private static func ulimit(_ name: String, _ value: Reader) -> String {
        if value.node.scalar != nil { return "\(name)=\(value.text() ?? "")" }
        let members = value.members() ?? []
        func limit(_ key: String) -> String { members.first { $0.key == key }?.value.text() ?? "" }
        return "\(name)=\(limit("soft")):\(limit("hard"))"
    }
}
