import Diagnostics
import Stack
import Testing

@Suite struct RenderingListTests {
    private let now: Int64 = 1_795_000_000_000_000_000

    private func observed(
        _ id: ContainerID, _ state: ObservedContainer.State, _ edit: (inout ContainerSpec) -> Void = { _ in }
    ) -> ObservedContainer {
        var spec = ContainerSpec(id: id, arguments: ["sleep", "infinity"])
        edit(&spec)
        let entry = Ledger.Entry(instance: Instance(id, 3), spec: spec, isWanted: true)
        return ObservedContainer(entry: entry, state: state)
    }

    private var observation: Observation {
        var observation = Observation(
            ledger: Ledger(project: "shop"), supervisor: Observation.Presence(), hasProjectNode: true)
        let (web, job) = (ContainerID("web"), ContainerID("job", 2))
        var running = observed(web, .running) {
            $0.ports = [PublishedPort(hostPort: 8080, containerPort: 80)]
            $0.labels = ["tier": "front", "a": "b"]
            $0.attachments = [Attachment(network: "default")]
        }
        running.pid = 4711
        running.startedAt = now - 300_000_000_000
        running.cgroup = "settle/shop/web.1.3"
        running.namespaces = [.pid: 4_026_532_001, .net: 4_026_532_002]
        observation.containers = [web: running, job: observed(job, .exited(.signal(9)))]
        return observation
    }

    @Test func tableHasComposesColumns() {
        #expect(
            ContainerList(observation, project: "shop", now: now).table() == """
                NAME         IMAGE         COMMAND            SERVICE   CREATED         STATUS         PID    PORTS
                shop-job-2   rootfs:host   "sleep infinity"   job                       Exited (137)
                shop-web-1   rootfs:host   "sleep infinity"   web       5 minutes ago   Up 5 minutes   4711   0.0.0.0:8080->80/tcp, [::]:8080->80/tcp

                """)
    }

    @Test func jsonHasComposesKeysAndTheKernelsNumbers() {
        var list = ContainerList(observation, project: "shop", now: now)
        list.rows.removeAll { !$0.state.isLive }
        #expect(
            list.jsonLines() == """
                {"Cgroup":"settle/shop/web.1.3","Command":"\\"sleep infinity\\"",\
                "CreatedAt":"2026-11-18 11:01:40 +0000 UTC","ExitCode":0,"Health":"","ID":"shop.web.1.3",\
                "Image":"rootfs:host","Labels":"a=b,tier=front","Mounts":"","Name":"shop-web-1","Names":"shop-web-1",\
                "Namespaces":{"net":4026532002,"pid":4026532001},"Networks":"default",\
                "OOMKilled":false,"Pid":4711,\
                "Ports":"0.0.0.0:8080->80/tcp, [::]:8080->80/tcp","Project":"shop","Publishers":[\
                {"URL":"0.0.0.0","TargetPort":80,"PublishedPort":8080,"Protocol":"tcp"},\
                {"URL":"::","TargetPort":80,"PublishedPort":8080,"Protocol":"tcp"}],\
                "RunningFor":"5 minutes ago","Service":"web","State":"running","Status":"Up 5 minutes"}

                """)
        #expect(list.identifiers() == "shop.web.1.3\n")
    }

    @Test func whatWasKilledForWantOfMemoryIsNamedSo() {
        var observation = observation
        observation.containers[ContainerID("job", 2)]?.state = .exited(.outOfMemory)
        let list = ContainerList(observation, project: "shop", now: now)
        #expect(list.table().contains("Exited (137), out of memory"))
        #expect(list.jsonLines().contains("\"OOMKilled\":true"))
    }

    @Test func anEmptyListIsAHeader() {
        let nothing = Observation(
            ledger: Ledger(project: "shop"), supervisor: Observation.Presence(), hasProjectNode: false)
        let list = ContainerList(nothing, project: "shop", now: now)
        #expect(list.table() == "NAME   IMAGE   COMMAND   SERVICE   CREATED   STATUS   PID   PORTS\n")
        #expect(list.jsonLines().isEmpty)
    }

    private static let ages: [(seconds: Int64, words: String)] = [
        (0, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (120, "2 minutes"),
        (3599, "59 minutes"), (3600, "About an hour"), (7200, "2 hours"), (172_800, "2 days"), (1_209_600, "2 weeks"),
        (5_184_000, "2 months"), (63_072_000, "2 years"),
    ]

    @Test func agesAreInDockersWords() {
        for age in Self.ages { #expect(words(seconds: age.seconds) == age.words) }
    }

    private static let dates: [(seconds: Int64, text: String)] = [
        (0, "1970-01-01 00:00:00 +0000 UTC"), (951_827_696, "2000-02-29 12:34:56 +0000 UTC"),
        (4_107_542_399, "2100-02-28 23:59:59 +0000 UTC"), (4_107_542_400, "2100-03-01 00:00:00 +0000 UTC"),
    ]

    @Test func datesAreGregorian() {
        for date in Self.dates { #expect(utcText(seconds: date.seconds) == date.text) }
    }

    @Test func progressHasThreeStyles() {
        #expect(
            ProgressStyle.plain(.plain).line(resource: "container/web/1", word: "started") == "container/web/1 started")
        #expect(
            ProgressStyle.json.line(resource: "container/web/1", word: "started")
                == #"{"resource":"container/web/1","status":"started"}"#)
        #expect(ProgressStyle.quiet.line(resource: "container/web/1", word: "started") == nil)
    }

    @Test func prefixesAreOfOneWidth() {
        let prefixes = LogPrefixes([ContainerID("web"), ContainerID("database")], .plain)
        #expect(prefixes[ContainerID("web")] == "web-1       | ")
        #expect(prefixes[ContainerID("database")] == "database-1  | ")
    }
}
