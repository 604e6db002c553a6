import OCI
import Testing

@Suite struct PlatformTests {
    @Test(arguments: [
        ("linux/amd64", "linux/amd64"), ("linux/x86_64", "linux/amd64"), ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"), ("linux/arm/6", "linux/arm/v6"), ("aarch64", "linux/arm64"),
        ("Linux/AMD64/v1", "linux/amd64"), ("linux/amd64/v3", "linux/amd64/v3"), ("linux", "linux/riscv64"),
    ])
    func texts(text: String, shown: String) throws {
        let host = Platform(architecture: "riscv64")
        #expect(try Platform(parsing: text, default: host).description == shown)
    }

    @Test(arguments: ["", "a/", "linux/amd64/v1/x", "linux/am d64", "windows/amd64"])
    func faults(text: String) {
        #expect(throws: ReferenceFault.self) { try Platform(parsing: text) }
    }

    @Test func theBestThatRuns() throws {
        func best(_ host: String, of offers: [String]) throws -> String? {
            let digest = try #require(Digest(hex: String(repeating: "0", count: 64)))
            let entries = try offers.map { text in
                BlobDescriptor(
                    mediaType: "", digest: digest, size: 0,
                    platform: text == "none" ? nil : try Platform(parsing: text))
            }
            return ImageIndex(entries: entries).choose(try Platform(parsing: host))?.platform?.description
        }
        #expect(try best("linux/amd64", of: ["linux/386", "linux/arm64", "linux/amd64"]) == "linux/amd64")
        #expect(try best("linux/amd64", of: ["linux/amd64/v2", "linux/386"]) == "linux/386")
        #expect(
            try best("linux/amd64/v3", of: ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"]) == "linux/amd64/v2")
        #expect(try best("linux/arm64", of: ["linux/arm/v6", "linux/arm/v7"]) == "linux/arm/v7")
        #expect(try best("linux/arm/v7", of: ["linux/arm64", "linux/arm/v5", "linux/arm/v6"]) == "linux/arm/v6")
        #expect(try best("linux/s390x", of: ["none", "linux/amd64"]) == nil)
        #expect(Platform.host(machine: "x86_64").description == "linux/amd64")
        #expect(Platform.host(machine: "armv6l").description == "linux/arm/v6")
        #expect(Platform.host(machine: "aarch64").description == "linux/arm64")
    }
}

@Suite struct PullPolicyTests {
    @Test(
        arguments: [
            ("always", nil, .fetch), ("always", 1000, .fetch), ("missing", nil, .fetch), ("missing", 0, .use),
            ("if_not_present", 0, .use), ("never", nil, .refuse), ("never", 0, .use), ("build", nil, .build),
            ("daily", nil, .fetch), ("daily", 1_000_000 - 86_400, .fetch), ("daily", 1_000_000 - 86_399, .use),
            ("weekly", 1_000_000 - 604_799, .use), ("every_1h30m", 1_000_000 - 5400, .fetch),
            ("every_1h30m", 1_000_000 - 5399, .use), ("refresh", 1_000_000, .fetch),
        ] as [(String, Int64?, PullPolicy.Decision)])
    func decisions(text: String, pulled: Int64?, decision: PullPolicy.Decision) throws {
        let policy = try PullPolicy(parsing: text)
        #expect(policy.decide(pulled: pulled, now: 1_000_000) == decision)
        #expect(try PullPolicy(parsing: "\(policy)") == policy)
    }

    @Test(arguments: ["", "often", "every_", "every_12", "every_h", "every_1y", "every_99999999999999999999h"])
    func faults(text: String) {
        #expect(throws: ReferenceFault.self) { try PullPolicy(parsing: text) }
    }
}
