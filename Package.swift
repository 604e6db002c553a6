// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]
let c: [CSetting] = [.define("_GNU_SOURCE")]

/// A target of values: no effects. `Tests/lint` holds it to importing neither Foundation nor Glibc.
func core(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Core/\(name)", swiftSettings: strict)
}

/// A target that touches the machine.
func edge(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Edge/\(name)", swiftSettings: strict)
}

func test(_ name: String, _ dependencies: [Target.Dependency], data: [String] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)Tests", exclude: data,
        swiftSettings: strict)
}

let package = Package(
    name: "Settle",
    products: [.executable(name: "settle", targets: ["Settle"])],
    targets: [
        .systemLibrary(
            name: "CYAML", path: "Sources/C/CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CCap", path: "Sources/C/CCap", pkgConfig: "libcap", providers: [.apt(["libcap-dev"])]),
        .systemLibrary(
            name: "CArchive", path: "Sources/C/CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]
        ),
        .systemLibrary(
            name: "CCompress", path: "Sources/C/CCompress", pkgConfig: "libzstd",
            providers: [.apt(["libzstd-dev", "zlib1g-dev"])]),
        .systemLibrary(
            name: "CCrypto", path: "Sources/C/CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CSyscalls", path: "Sources/C/CSyscalls", cSettings: c),
        .target(name: "CLaunch", path: "Sources/C/CLaunch", cSettings: c),
        .target(name: "CProcesses", path: "Sources/C/CProcesses", cSettings: c),
        .target(name: "CUnpack", path: "Sources/C/CUnpack", cSettings: c),

        core("Diagnostics"),
        core("YAML", ["CYAML", "Diagnostics"]),
        core("Compose", ["YAML", "OCI", "Diagnostics"]),
        core("Stack", ["Compose", "OCI", "Diagnostics"]),
        core("Launch", ["Diagnostics"]),
        core("OCI", ["Diagnostics"]),
        core("Usage", ["Diagnostics"]),

        edge("Syscalls", ["CSyscalls"]),
        edge("Cgroups", ["Syscalls", "CSyscalls", "Stack"]),
        edge("Network", ["Syscalls", "CSyscalls", "Processes", "CProcesses"]),
        edge("Launcher", ["Syscalls", "CSyscalls", "CLaunch", "CCap", "Launch"]),
        edge("Processes", ["Syscalls", "CSyscalls", "CProcesses"]),
        edge(
            "Images",
            [
                "Diagnostics", "Syscalls", "Processes", "CSyscalls", "CProcesses", "CLaunch", "CUnpack", "CArchive",
                "CCompress", "CCrypto", "OCI",
            ]),
        edge("Engine", ["Stack", "OCI", "Diagnostics"]),
        edge(
            "Linux",
            [
                "Engine", "Stack", "Compose", "OCI", "Images", "Diagnostics", "Launch", "Syscalls", "Cgroups",
                "Network", "Launcher", "Processes", "CArchive", "CLaunch", "CSyscalls",
            ]),
        .executableTarget(
            name: "Settle",
            dependencies: [
                "Compose", "Diagnostics", "Stack", "Launch", "Launcher", "Engine", "Linux", "Cgroups", "Syscalls",
                "CSyscalls", "Processes", "CProcesses", "Images", "OCI", "Usage",
            ],
            path: "Sources/Settle", swiftSettings: strict),

        test("Compose", ["Compose", "YAML", "OCI", "Diagnostics"], data: ["Corpus"]),
        test("Stack", ["Stack", "Compose", "OCI", "Diagnostics"]),
        test("Launch", ["Launch", "Launcher", "CLaunch", "Syscalls"]),
        test("OCI", ["OCI", "Diagnostics"]),
        test("Usage", ["Usage", "Diagnostics"]),
        test("Cgroups", ["Cgroups", "Stack", "Syscalls"]),
        test("Network", ["Network", "Syscalls", "CSyscalls", "CProcesses"]),
        test("Processes", ["Processes", "CProcesses", "Syscalls", "CSyscalls"]),
        test("Images", ["Images", "OCI", "Syscalls"], data: ["archives.py", "images.py", "writers.py"]),
        test("Engine", ["Engine", "Stack", "Compose", "OCI", "Diagnostics"]),
        test("Settle", []),
        test("Machine", []),
    ],
    swiftLanguageModes: [.v6]
)
