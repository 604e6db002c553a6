// swift-tools-version: 6.2
// The fuzzers' own package: sanitizers and coverage go into everything that it builds, and nothing else shall have them.
// `Sources` leads to Settle's own by links.
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let c: [CSetting] = [.define("_GNU_SOURCE")]

/// libFuzzer brings the `main` of these.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])])
}

let package = Package(
    name: "Fuzz",
    targets: [
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1"),
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive"),
        .systemLibrary(name: "CCompress", pkgConfig: "libzstd"),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto"),
        .target(name: "CSyscalls", cSettings: c),
        .target(name: "CLaunch", cSettings: c),
        .target(name: "CUnpack", cSettings: c),
        .target(name: "Diagnostics", swiftSettings: strict),
        .target(name: "YAML", dependencies: ["CYAML", "Diagnostics"], swiftSettings: strict),
        .target(name: "OCI", dependencies: ["Diagnostics"], swiftSettings: strict),
        .target(name: "Compose", dependencies: ["YAML", "OCI", "Diagnostics"], swiftSettings: strict),
        .target(name: "Syscalls", dependencies: ["CSyscalls"], swiftSettings: strict),
        // What reads an archive, without the processes around it.
        .target(
            name: "Images",
            dependencies: ["Syscalls", "CSyscalls", "CLaunch", "CUnpack", "CArchive", "CCompress", "CCrypto"],
            sources: [
                "Layer.swift", "SHA256.swift", "UnpackDecoders.swift", "UnpackLimit.swift", "UnpackPath.swift",
                "UnpackStream.swift", "UnpackTar.swift", "UnpackTree.swift", "UnpackWalk.swift",
            ],
            swiftSettings: strict + [.unsafeFlags(["-enable-testing"])]),
        fuzzer("FuzzYAML", ["YAML", "Diagnostics"]),
        fuzzer("FuzzLoad", ["Compose", "Diagnostics"]),
        fuzzer("FuzzUnpack", ["Images", "Syscalls", "CSyscalls", "CUnpack"]),
    ],
    swiftLanguageModes: [.v6]
)
