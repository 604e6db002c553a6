/// What an image's programs run on.
package struct Platform: Hashable, Codable, Sendable, CustomStringConvertible {
    package let os: String
    package let architecture: String
    /// nil where it is the architecture's usual one.
    package let variant: String?

    /// Takes what people and tools write (`x86_64`, `aarch64`, `armhf`) to the names of the OCI specification.
    package init(os: String = "linux", architecture: String, variant: String? = nil) {
        self.os = os.lowercased()
        let variant = variant.flatMap { $0.isEmpty ? nil : $0.lowercased() }
        switch (architecture.lowercased(), variant) {
        case ("x86_64", _), ("x86-64", _), ("amd64", _):
            self.architecture = "amd64"
            self.variant = variant == "v1" ? nil : variant
        case ("i386", _), ("i486", _), ("i586", _), ("i686", _), ("386", _):
            (self.architecture, self.variant) = ("386", nil)
        case ("aarch64", _), ("arm64", _):
            self.architecture = "arm64"
            self.variant = variant == "8" || variant == "v8" ? nil : variant
        case ("armhf", _): (self.architecture, self.variant) = ("arm", "v7")
        case ("armel", _): (self.architecture, self.variant) = ("arm", "v6")
        case ("arm", _), ("armv7l", _):
            self.architecture = "arm"
            self.variant = variant.map { $0.hasPrefix("v") ? $0 : "v\($0)" } ?? "v7"
        case ("loongarch64", _): (self.architecture, self.variant) = ("loong64", variant)
        case (let other, _): (self.architecture, self.variant) = (other, variant)
        }
    }

    /// `OS/ARCH[/VARIANT]`, or one of the first two alone.
    package init(parsing text: String, default host: Platform = Platform(architecture: "amd64")) throws(ReferenceFault)
    {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let isPlain = parts.allSatisfy { part in
            !part.isEmpty
                && part.utf8.allSatisfy {
                    (48...57).contains($0) || (97...122).contains($0 | 32) || "_-.".utf8.contains($0)
                }
        }
        guard isPlain, parts.count <= 3 else {
            throw ReferenceFault(
                "\"\(text)\" is no platform", hint: "write OS/ARCH or OS/ARCH/VARIANT, as in linux/amd64")
        }
        switch parts.count {
        case 1 where parts[0].lowercased() == "linux":
            self.init(os: parts[0], architecture: host.architecture, variant: host.variant)
        case 1: self.init(architecture: parts[0])
        case 2: self.init(os: parts[0], architecture: parts[1])
        case _: self.init(os: parts[0], architecture: parts[1], variant: parts[2])
        }
        if os != "linux" {
            throw ReferenceFault(
                "\"\(text)\" does not run here: containers are Linux", hint: "write linux/\(architecture)")
        }
    }

    /// - Parameter machine: as uname(2) has it.
    package static func host(machine: String) -> Platform {
        switch machine {
        case "armv5tel", "armv5tejl": Platform(architecture: "arm", variant: "v5")
        case "armv6l": Platform(architecture: "arm", variant: "v6")
        case "armv8l": Platform(architecture: "arm", variant: "v8")
        case _: Platform(architecture: machine)
        }
    }

    package var description: String { "\(os)/\(architecture)" + (variant.map { "/\($0)" } ?? "") }

    /// What runs here, the best first: the processor itself, then what it does as well.
    private var candidates: [Platform] {
        switch architecture {
        case "amd64":
            let level = variant.flatMap { Int($0.dropFirst()) } ?? 1
            return levels(from: level, to: 1) + [Platform(os: os, architecture: "386")]
        case "arm64":
            let others = variant == nil ? [] : [Platform(os: os, architecture: architecture)]
            return [self] + others + Platform(os: os, architecture: "arm", variant: "v8").candidates
        case "arm": return levels(from: variant.flatMap { Int($0.dropFirst()) } ?? 7, to: 5)
        case _: return [self]
        }
    }

    private func levels(from highest: Int, to lowest: Int) -> [Platform] {
        guard highest >= lowest else { return [self] }
        return (lowest...highest).reversed().map { Platform(os: os, architecture: architecture, variant: "v\($0)") }
    }

    /// How well an image for another platform runs on this one, 0 the best; nil where it does not run.
    package func preference(_ other: Platform) -> Int? {
        if let index = candidates.firstIndex(of: other) { return index }
        // A variant that only one of them names is no obstacle where the architecture has but one.
        let hasLevels = ["amd64", "arm64", "arm"].contains(architecture)
        return !hasLevels && os == other.os && architecture == other.architecture ? candidates.count : nil
    }

    package func accepts(_ other: Platform) -> Bool { preference(other) != nil }
}
