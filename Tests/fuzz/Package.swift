// swift-tools-version: 6.2
// The fuzzers' own package: sanitizers and coverage go into everything that it builds, and nothing else shall have them.
// `Sources` leads to Settle's own by links.
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// libFuzzer brings the `main` of these.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])])
}

let package = Package(
    name: "Fuzz",
    targets: [
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1"),
        .target(name: "Diagnostics", swiftSettings: strict),
        .target(name: "YAML", dependencies: ["CYAML", "Diagnostics"], swiftSettings: strict),
        .target(name: "Compose", dependencies: ["YAML", "Diagnostics"], swiftSettings: strict),
        fuzzer("FuzzYAML", ["YAML", "Diagnostics"]),
        fuzzer("FuzzLoad", ["Compose", "Diagnostics"]),
    ],
    swiftLanguageModes: [.v6]
)
