/// What an image has at one place, to be copied out as it is: the first content of a volume.
package struct CopySpec: Codable, Hashable, Sendable {
    /// The unpacked layers, the uppermost first.
    package var layers: [String]
    /// The folder that holds them all.
    package var folder: String
    /// A folder of the image, absolute and without links: what is looked up on the way out of a container's reach.
    package var source: String
    /// A folder of the host, absolute, that is there and empty.
    package var target: String

    package init(layers: [String], in folder: String, from source: String, to target: String) {
        self.layers = layers
        self.folder = folder
        self.source = source
        self.target = target
    }
}

/// The image as it is seen when all layers are stacked, put together in a mount namespace of the copying process's own:
/// with it goes the mount. cp(1) keeps names, times, owners, modes, links, holes and attributes.
package func compile(_ spec: CopySpec) -> Program {
    var composer = Composer()
    composer.key = "volumes"
    composer.waitAtGate()
    composer.mount(nil, on: "/", type: nil, [.recursive, .isPrivate], to: "separate from the host's mounts")
    composer.add(.chdir, [.string(spec.folder)], to: "enter \(spec.folder)")
    let purpose = "see the image as a whole"
    let layers = spec.layers.map { escaped($0, colons: true) }.joined(separator: ":")
    if spec.layers.count == 1 {
        composer.mount(spec.layers[0], on: CopySpec.place, type: nil, [.bind], to: purpose)
    } else {
        composer.mount("overlay", on: CopySpec.place, type: "overlay", [.readOnly], "lowerdir=" + layers, to: purpose)
    }
    composer.openNull()
    composer.standardStreams(.null, .output, .errors)
    let words = ["cp", "-a", "--", "\(CopySpec.place)\(spec.source)/.", spec.target]
    for program in ["/bin/cp", "/usr/bin/cp"] {
        composer.add(
            .execve, [.string(program), .strings(words), .environment(["LC_ALL=C"])], tolerated: [.noEntry],
            to: "run \(program)")
    }
    return Program(new: [.mnt], joinsProcesses: false, steps: composer.steps, command: "cp")
}

extension CopySpec {
    /// A folder that every host has, and that cp(1) does not need.
    static let place = "/proc"
}
