import Foundation
import Testing

extension MachineTests {
    /// Volumes of all kinds: what is in them, who may remove them, what is mounted as them.
    @Suite(.serialized) struct VolumeTests {
        private static func sleeper(_ volumes: String, _ more: String = "") -> String {
            "{rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s, volumes: [\(volumes)]\(more)}"
        }

        @Test func `an external volume is there before and after`() throws {
            try withStack(
                """
                services:
                  web: \(Self.sleeper("'shared:/data'"))
                volumes: {shared: {external: true, name: outer}}
                """
            ) { stack in
                let refused = try stack.run("up", "-d")
                #expect(
                    refused.status == 3 && refused.err.contains("make it: settle volume create outer"), "\(refused)")
                #expect(refused.err.contains("compose.yaml:4:") && stack.leftovers == [], "\(refused)")
                try stack.expect(0, "volume", "create", "--label", "a=b", "outer")
                try stack.up()
                try stack.shell("web", "echo kept > /data/file")
                let used = try stack.run("volume", "rm", "outer")
                #expect(used.status == 1 && used.err.contains("the project \(stack.project) uses the volume outer"))
                try stack.expect(0, "down", "-v")
                #expect(Machine.text("\(stack.state)/volumes/outer/file") == "kept\n")
                #expect(try stack.expect(0, "volume", "ls", "-q").out == "outer\n")
                try stack.expect(0, "volume", "rm", "outer")
                #expect(Machine.names(in: "\(stack.state)/volumes") == [])
            }
        }

        @Test func `the local driver mounts what it is told`() throws {
            try withStack(
                """
                services:
                  web: \(Self.sleeper("'memory:/m', 'folder:/f', 'keep:/k'", ", restart: always"))
                volumes:
                  memory: {driver_opts: {type: tmpfs, device: tmpfs, o: "size=1m,mode=0700"}}
                  folder: {driver_opts: {type: none, device: ./data, o: bind}}
                  keep: {}
                """
            ) { stack in
                let missing = try stack.run("up", "-d")
                #expect(missing.status == 3 && missing.err.contains("volumes.folder.driver_opts"), "\(missing)")
                try FileManager.default.createDirectory(
                    atPath: stack.folder + "/data", withIntermediateDirectories: true)
                try stack.file("data/file", "from the host")
                try stack.up()
                #expect(
                    try stack.shell("web", "cat /f/file; stat -f -c %T /m; stat -c %a /m") == "from the hosttmpfs\n700")
                #expect(
                    try stack.shell("web", "df -k --output=size /m | tail -1").trimmingCharacters(in: .whitespaces)
                        == "1024")
                try stack.expectSettled()
                // Whoever unmounts it behind our back is told of, and it is mounted again.
                let mounts = Machine.mounts(below: "\(stack.state)/mounts")
                #expect(mounts.count == 2)
                try Machine.run("umount", try #require(mounts.first { $0.contains("folder") }))
                #expect(
                    try stack.diff().map { "\($0.action) \($0.resource) \($0.drift)" } == ["update volume/folder true"])
                try stack.up()
                try stack.expectSettled()
                // Another content: the service is replaced, what was mounted before goes.
                try stack.shell("web", "echo x > /k/kept")
                try stack.edit("size=1m", "size=2m")
                #expect(try stack.diff().map(\.action) == ["update", "replace"])
                try stack.up()
                #expect(try stack.shell("web", "df -k --output=size /m | tail -1; cat /k/kept").hasSuffix("2048\nx"))
                #expect(Machine.mounts(below: "\(stack.state)/mounts").count == 2)
                try stack.expectSettled()
                try stack.expect(0, "down", "-v")
                #expect(stack.leftovers == [] && Machine.names(in: "\(stack.state)/volumes") == [])
                #expect(Machine.text(stack.folder + "/data/file") == "from the host")
            }
        }

        @Test func `mounts come from others, in part, and are passed on`() throws {
            try withStack(
                """
                services:
                  db: \(Self.sleeper("'data:/data', /own"))
                  reader: \(Self.sleeper("", ", volumes_from: ['db:ro']"))
                  part: \(Self.sleeper("{type: volume, source: data, target: /p, volume: {subpath: a/b}}", ", depends_on: [db]"))
                volumes: {data: {}}
                """
            ) { stack in
                let missing = try stack.run("up", "-d")
                #expect(
                    missing.status == 3 && missing.err.contains("services.part.volumes[0].volume.subpath"), "\(missing)"
                )
                try FileManager.default.createDirectory(
                    atPath: "\(stack.state)/volumes/\(stack.project)_data/a/b", withIntermediateDirectories: true)
                try stack.up()
                try stack.shell("db", "echo deep > /data/a/b/file; echo own > /own/file")
                #expect(try stack.shell("part", "cat /p/file") == "deep")
                #expect(
                    try stack.shell("reader", "cat /data/a/b/file /own/file; touch /own/x 2>/dev/null || echo refused")
                        == "deep\nown\nrefused")
                // What is anonymous stays with the service through a replacement.
                try stack.edit("db: {rootfs: host", "db: {environment: {A: b}, rootfs: host")
                try stack.up()
                #expect(try stack.shell("db", "cat /own/file") == "own")
            }
        }

        @Test func `mounts of the host are passed on where that is asked for`() throws {
            try withStack(
                """
                services:
                  web: \(Self.sleeper("'./shared:/s:rslave'"))
                """
            ) { stack in
                let shared = stack.folder + "/shared"
                try FileManager.default.createDirectory(atPath: shared, withIntermediateDirectories: true)
                let refused = try stack.run("up", "-d")
                #expect(refused.status == 3 && refused.err.contains("services.web.volumes[0]"), "\(refused)")
                try Machine.run("mount", "-t", "tmpfs", "tmpfs", shared)
                defer { _ = try? Machine.run("umount", "-R", shared) }
                try Machine.run("mount", "--make-shared", shared)
                try Machine.run("mkdir", shared + "/late")
                try stack.up()
                try Machine.run("mount", "-t", "tmpfs", "tmpfs", shared + "/late")
                try Machine.run("touch", shared + "/late/seen")
                #expect(try stack.shell("web", "ls /s/late") == "seen")
            }
        }

        @Test func `a former name's data is offered`() throws {
            try withStack(
                """
                services:
                  web: \(Self.sleeper("'data:/data'"))
                volumes: {data: {}}
                """
            ) { stack in
                try stack.up()
                try stack.shell("web", "echo precious > /data/file")
                try stack.expect(0, "down")
                let new = stack.project + "-new"
                try stack.edit("name: \(stack.project)", "name: \(new)")
                let refused = try stack.run("up", "-d")
                #expect(
                    refused.status == 3
                        && refused.err.contains("settle volume rename \(stack.project)_data \(new)_data"), "\(refused)")
                #expect(Machine.names(in: "\(stack.state)/projects") == [])
                // Who names the project by hand means it, and is told.
                let named = try stack.run("-p", new, "up", "-d")
                #expect(named.status == 0 && named.err.contains("\(stack.project)_data"), "\(named)")
                try stack.expect(0, "down", "-v")
                #expect(Machine.text("\(stack.state)/volumes/\(stack.project)_data/file") == "precious\n")
                try stack.expect(0, "volume", "rename", "\(stack.project)_data", "\(new)_data")
                try stack.up()
                #expect(try stack.shell("web", "cat /data/file") == "precious")
                try stack.expect(0, "down", "-v")
                #expect(Machine.names(in: "\(stack.state)/volumes") == [])
            }
        }
    }
}
