import Testing

@Suite struct PictureTests {
    private func folder() throws -> Folder {
        let folder = try Folder()
        try folder.write(
            "compose.yaml",
            """
            name: shop
            services:
              web:
                rootfs: host
                command: [sleep, "1"]
                tmpfs: [/scratch]
                depends_on: {db: {condition: service_completed_successfully}}
              db: {rootfs: host, command: [sleep, "1"]}

            """)
        return folder
    }

    @Test func aStackIsDrawn() throws {
        let folder = try folder()
        #expect(try Command(["graph"], in: folder).output.contains("    after db: service_completed_successfully\n"))
        #expect(try Command(["graph", "db"], in: folder).output.contains("web") == false)
        #expect(try Command(["graph", "--format", "dot"], in: folder).output.hasPrefix("digraph \"shop\" {\n"))
        #expect(try Command(["graph", "--format", "mermaid"], in: folder).output.hasPrefix("flowchart TB\n"))
        #expect(try Command(["graph", "--format", "svg"], in: folder).output.hasPrefix("<svg "))
        #expect(try Command(["graph", "nobody"], in: folder).status == 1)
    }

    @Test func aStartIsExplained() throws {
        let folder = try folder()
        let text = try Command(["explain", "web"], in: folder)
        #expect(text.output.hasPrefix("container/web/1:\n  # make a process in namespaces of its own"), "\(text)")
        let lines = text.output.split(separator: "\n")
        let reason = try #require(lines.firstIndex { $0.contains("(tmpfs[0], compose.yaml:6:") }, "\(text)")
        #expect(lines[reason...].contains { $0.contains("/scratch") })
        #expect(lines.last?.hasPrefix("  execve(") == true)
        let json = try Command(["explain", "--format", "json", "web"], in: folder).output
        #expect(json.hasPrefix("[\n") && json.contains("\"call\": \"pivot_root\""))
        #expect(try Command(["explain", "nobody"], in: folder).status == 1)
        #expect(try Command(["explain", "--index", "2", "web"], in: folder).errors.contains("web has no replica 2"))
    }
}
