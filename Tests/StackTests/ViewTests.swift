import Compose
import Diagnostics
import Stack
import Testing

@Suite struct PauseTests {
    private func observed(_ edit: (inout Observation) -> Void) -> (Observation, Goal) {
        let wanted = goal(container("web"), container("db"))
        var observation = Observation(sound: wanted)
        edit(&observation)
        return (observation, wanted)
    }

    @Test func whatIsWantedIsNoDrift() {
        let (observation, goal) = observed {
            $0["web"].isFrozen = true
            $0["web"].entry.isPaused = true
        }
        #expect(observation["web"].isPaused)
        let plan = plan(from: observation, to: goal)
        #expect(plan.lines == [])
        #expect(plan.ledger.entry(ContainerID("web"))?.isPaused == true)
    }

    @Test func whatIsNotFrozenIsNotPaused() {
        let (observation, goal) = observed { $0["web"].entry.isPaused = true }
        #expect(!observation["web"].isPaused)
        let plan = plan(from: observation, to: goal)
        #expect(plan.lines == [] && plan.ledger.entry(ContainerID("web"))?.isPaused == false)
    }

    @Test func whatWasFrozenBehindOurBackIsThawed() {
        let (observation, goal) = observed {
            $0["db"].isFrozen = true
            $0["web"].isFrozen = true
            $0["web"].entry.isPaused = true
        }
        let plan = plan(from: observation, to: goal)
        #expect(plan.lines == ["! update container/db/1 (state: frozen -> running): changed behind Settle's back"])
        #expect(plan.steps == ["thaw db.1.1"])
    }

    @Test func whatEndsOrStartsIsPausedNoMore() {
        let (observation, _) = observed {
            $0["web"].isFrozen = true
            $0["web"].entry.isPaused = true
            $0.ledger.entries[$0.ledger.entries.firstIndex { $0.instance.id.service == "web" }!].isPaused = true
        }
        for plan in [
            plan(stopping: [ContainerID("web")], from: observation),
            plan(restarting: [ContainerID("web")], from: observation),
        ] {
            #expect(plan.ledger.entry(ContainerID("web"))?.isPaused == false)
        }
        let other = plan(stopping: [ContainerID("db")], from: observation)
        #expect(other.ledger.entry(ContainerID("web"))?.isPaused == true)
    }

    @Test func olderLedgersAreRead() throws {
        let entry = Ledger.Entry(instance: Instance(ContainerID("web"), 1), spec: container("web"), isWanted: true)
        let text = String(decoding: try JSON.encode(entry), as: UTF8.self)
        let old = text.replacing(",\"isPaused\":false", with: "")
        #expect(old != text)
        #expect(try JSON.decode(Ledger.Entry.self, from: Array(old.utf8)) == entry)
    }
}

@Suite struct EventTests {
    private let web = container("web") {
        $0.rootfs = .image(LayeredRoot(name: "nginx:1.27"))
        $0.labels = ["tier": "front"]
    }

    @Test func haveDockersShape() throws {
        let instance = Instance(ContainerID("web"), 3)
        let event = ContainerEvent(
            time: 1_763_717_400_012_345_678, .die, instance, of: web, in: "demo", ["exitCode": "1"])
        #expect(
            event.json(in: "demo").compact
                == #"{"action":"die","attributes":{"exitCode":"1","image":"nginx:1.27","name":"demo-web-1","#
                + #""tier":"front"},"id":"demo.web.1.3","service":"web","time":"2025-11-21T09:30:00.012345Z","#
                + #""type":"container"}"#)
        #expect(
            event.line(in: "demo") == "2025-11-21 09:30:00.012345 container die demo.web.1.3 "
                + "(exitCode=1, image=nginx:1.27, name=demo-web-1, tier=front)")
        #expect(try JSON.decode(ContainerEvent.self, from: JSON.encode(event)) == event)
    }

    @Test func healthIsPartOfTheAction() {
        let event = ContainerEvent(
            time: 0, .health, Instance(ContainerID("web"), 1), of: nil, in: "demo", ["health": "unhealthy"])
        #expect(event.json(in: "demo")["action"] == .string("health_status: unhealthy"))
        #expect(event.line(in: "demo").hasSuffix("container health_status: unhealthy demo.web.1.1 (name=demo-web-1)"))
    }
}

@Suite struct MomentTests {
    private let second: Int64 = 1_000_000_000

    private func parse(_ text: String) -> Int64? { Moments.parse(text, now: 10_000 * second) { _ in 3600 } }

    private static let moments: [(String, Int64)] = [
        ("42m", 7480), ("1h30m", 4600), ("0s", 10_000), ("1763717400", 1_763_717_400),
        ("2025-11-21T09:30:00Z", 1_763_717_400), ("2025-11-21T09:30Z", 1_763_717_400),
        ("2025-11-21T10:30:00+01:00", 1_763_717_400), ("2025-11-21T04:30:00-05:00", 1_763_717_400),
        ("2025-11-21T10:30:00", 1_763_717_400), ("2025-11-21", 1_763_679_600), ("1970-01-01T01:00:01", 1),
        ("2024-02-29T00Z", 1_709_164_800),
    ]

    @Test(arguments: moments)
    func areRead(text: String, seconds: Int64) { #expect(parse(text) == seconds * second, "\(text)") }

    @Test func fractionsCount() {
        #expect(parse("1.5s") == 9_998 * second + second / 2)
        #expect(parse("1763717400.25") == 1_763_717_400 * second + second / 4)
        #expect(parse("2025-11-21T09:30:00.000000001Z") == 1_763_717_400 * second + 1)
    }

    @Test(arguments: ["", "yesterday", "42", "2025-13-01", "2025-11-21T25:00", "2025-11-21Z", "m", "1x", "-5m", "1h2"])
    func orRefused(text: String) { #expect(text == "42" ? parse(text) == 42 * second : parse(text) == nil, "\(text)") }
}

@Suite struct StatisticsTests {
    private var row: Statistics.Row {
        var before = Reading(time: 1_000_000_000)
        before.cpu = 100_000_000
        var now = Reading(time: 3_000_000_000)
        (now.cpu, now.memory, now.memoryLimit) = (600_000_000, 1_572_864, 64 << 20)
        (now.received, now.sent, now.read, now.written, now.pids) = (1234, 12_345_678, 0, 999, 3)
        return Statistics.Row("demo-web-1", identifier: "demo.web.1.1", now, after: before)
    }

    @Test func areShownInDockersColumns() {
        let lines = Statistics([row]).lines
        #expect(
            lines[0].split(separator: "  ", omittingEmptySubsequences: true).map { $0.drop { $0 == " " } } == [
                "CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS",
            ])
        #expect(
            lines[1].split(separator: "  ", omittingEmptySubsequences: true).map { $0.drop { $0 == " " } } == [
                "demo.web.1.1", "demo-web-1", "25.00%", "1.5MiB / 64MiB", "2.34%", "1.23kB / 12.3MB", "0B / 999B", "3",
            ])
    }

    @Test func orAsJSONWithThePressure() {
        var row = row
        row.reading?.pressure = Reading.Pressure(cpu: 1.5, memory: 0, io: 0.25)
        let text = Statistics([row]).jsonLines
        #expect(text.contains(#""CPUPerc":"25.00%""#) && text.contains(#""MemUsage":"1.5MiB / 64MiB""#))
        #expect(text.contains(#""Pressure":{"CPU":1.5,"Memory":0,"IO":0.25}"#) && text.hasSuffix("}\n"))
        #expect(Statistics([row]).lines[1].hasSuffix("1.50% / 0.00% / 0.25%"))
    }

    @Test func whatDoesNotRunUsesNothing() {
        let row = Statistics.Row("demo-job-1", identifier: "demo.job.1.1", nil, after: nil)
        #expect(Statistics([row]).lines[1].contains("0.00%   0B / 0B"))
    }
}

@Suite struct ExplanationTests {
    private func explain(_ name: String, _ goal: Goal, _ edit: (inout Observation) -> Void) -> Explanation {
        var observation = Observation(sound: goal)
        edit(&observation)
        return Explanation(ContainerID(name), observation, output: ["last words"], now: 90_000_000_000)!
    }

    private let web = container("web") {
        $0.dependencies = [Stack.Dependency("db", .healthy), Stack.Dependency("job", .completed)]
        $0.restart = .always
    }
    private let db = container("db") { $0.healthCheck = HealthCheck(.tcp(80)) }

    @Test func tellsWhatItWaitsFor() {
        let told = explain("web", goal(web, db, container("job"))) {
            $0["web"].state = .created
            $0["job"].state = .exited(.code(0))
        }
        #expect(
            told.text(.plain) == """
                web/1 has not started: it waits
                  why         what it depends on is not as depends_on says
                  waits for   db to be healthy: it is starting
                  has         job to complete successfully: it exited with 0
                  last output
                    | last words

                """)
        #expect(told.json["state"] == .string("waiting"))
    }

    @Test func namesSignalsAndTheNextStart() {
        let told = explain("web", goal(web, db, container("job"))) {
            $0["web"].state = .restarting(.signal(11))
            $0["web"].policyRestarts = 4
            $0["web"].restartsAt = 92_500_000_000
        }
        let text = told.text(.plain)
        #expect(text.hasPrefix("web/1 was killed by SIGSEGV, and is to be started again\n"))
        #expect(text.contains("  next start  in 3 s\n") && text.contains("  restarts    4 since"))
        #expect(told.json["signal"] == .string("SIGSEGV") && told.json["exitCode"] == .int(139))
    }

    @Test func tellsWhyItRests() {
        let goal = goal(web, db, container("job"))
        func reason(_ edit: (inout Observation) -> Void) -> JSON? { explain("job", goal, edit).json["reason"] }
        #expect(
            reason { $0["job"].state = .exited(.code(0)) }
                == .string("it has done its work: nobody starts it again (restart: no)"))
        #expect(
            reason { $0["job"].state = .exited(.code(3)) }
                == .string("nobody starts it again (restart: no); settle up -d does"))
        #expect(
            reason {
                $0["job"].state = .exited(.signal(15))
                $0["job"].entry.isWanted = false
            } == .string("stopped by settle stop or settle kill"))
        #expect(
            reason {
                $0["job"].isFrozen = true
                $0["job"].entry.isPaused = true
            } == .string("paused by settle pause"))
    }
}

@Suite struct GraphTests {
    private var graph: StackGraph {
        var project = Project(name: "shop", directory: "/")
        var web = Service(name: "web")
        web.replicas = 2
        web.ports = [Port(target: 80, published: 8080...8080)]
        web.networks = [Compose.Attachment(network: "front", aliases: ["www"])]
        web.dependencies = [Compose.Dependency(service: "db", condition: .healthy)]
        web.volumes = [Compose.Mount(source: .volume("data"), target: "/data", readOnly: true)]
        var side = Service(name: "side<&>")
        side.namespaces.net = .service("web")
        side.namespaces.ipc = .stack("pod")
        project.services = [Service(name: "db"), side, web]
        project.networks = [Network(key: "front", project: "shop")]
        project.volumes = [Volume(key: "data", project: "shop")]
        project.namespaces = [SharedNamespaces(name: "pod")]
        return StackGraph(project)
    }

    @Test func isToldInWords() {
        #expect(
            graph.text(.plain) == """
                shop
                  db  rootfs:host
                  web  rootfs:host  2 replicas  8080->80/tcp
                    after db: service_healthy
                    network front as www
                    volume data on /data (read-only)
                  side<&>  rootfs:host
                    in ipc of namespace pod
                    in net of web
                  network front  of web
                  volume data  of web
                  namespace pod  of side<&>

                """)
    }

    @Test func isDrawnByOtherPrograms() {
        #expect(graph.dot.hasPrefix("digraph \"shop\" {\n") && graph.dot.hasSuffix("}\n"))
        #expect(graph.dot.contains(#""service/web" -> "service/db" [label="service_healthy", style=solid]"#))
        #expect(
            graph.mermaid.contains(#"n2["web<br/>rootfs:host<br/>2 replicas<br/>8080-#gt;80/tcp"]"#), "\(graph.mermaid)"
        )
        #expect(graph.mermaid.contains(#"n2 -->|"service_healthy"| n0"#))
    }

    @Test func orByItself() {
        let svg = graph.svg
        #expect(svg.hasPrefix("<svg xmlns=") && svg.hasSuffix("</svg>\n"))
        #expect(svg.contains("side&lt;&amp;&gt;") && !svg.contains("side<"))
        // A box for each node, one for the ground; a line for each edge.
        #expect(svg.ranges(of: "<rect ").count == graph.nodes.count + 1)
        #expect(svg.ranges(of: "<line ").count == graph.edges.count)
    }
}

@Suite struct LogMessageTests {
    private func messages(_ edit: (inout Stack.LogSettings) -> Void) -> LogMessages {
        let spec = container("web") {
            $0.labels = ["tier": "front", "my-owner": "me", "other": "x"]
            edit(&$0.logging)
        }
        return LogMessages(spec, Instance(spec.id, 2), in: "shop", host: "box")
    }

    private func syslog(_ edit: (inout Stack.LogSettings) -> Void) -> String {
        let bytes = messages(edit).syslog(Array("a line".utf8), time: 1_763_717_400_012_345_678, offset: 3600, pid: 42)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func syslogHasItsFormats() {
        #expect(syslog { _ in } == "<30>Nov 21 10:30:00 shop.web.1.2[42]: a line")
        #expect(
            syslog {
                $0.syslog.address = .udp("10.0.0.1", 514)
                $0.tag = LogTag("{{.Name}} of {{.DaemonName}}")
            } == "<30>Nov 21 10:30:00 box shop-web-1ofsettle[42]: a line")
        #expect(
            syslog {
                $0.syslog.format = .rfc5424micro
                $0.syslog.facility = 16
                $0.tag = LogTag("app")
            } == "<134>1 2025-11-21T09:30:00.012345Z box app 42 app - a line")
        #expect(syslog { $0.syslog.format = .rfc5424 }.hasPrefix("<30>1 2025-11-21T09:30:00Z box shop.web.1.2 42 "))
    }

    @Test func theJournalHasFields() {
        let bytes = messages {
            $0.driver = .journald
            $0.labels = ["tier", "my-owner", "none"]
        }.journal(Array("a = line".utf8), pid: 42)
        #expect(
            String(decoding: bytes, as: UTF8.self) == """
                PRIORITY=6
                SYSLOG_IDENTIFIER=shop.web.1.2
                CONTAINER_TAG=shop.web.1.2
                CONTAINER_NAME=shop-web-1
                CONTAINER_ID=shop.web.1.2
                CONTAINER_ID_FULL=shop.web.1.2
                IMAGE_NAME=rootfs:host
                TIER=front
                MY_OWNER=me
                MESSAGE=a = line

                """)
    }
}
