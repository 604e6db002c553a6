import Compose
import Diagnostics
import Stack
import Testing

@Suite struct VolumeTests {
    private let tmpfs = VolumeMount(type: "tmpfs", options: "size=1m", device: "tmpfs")

    private func make(_ project: Project, _ survey: VolumeSurvey? = nil, _ ledger: Ledger? = nil) -> GoalMaker.Result {
        GoalMaker.make(project: project, observed: ledger ?? Ledger(project: "demo"), volumes: survey)
    }

    private func project(_ services: Service..., volumes: [Volume]) -> Project {
        var project = Project(name: "demo", directory: "/p")
        project.services = services
        project.volumes = volumes
        return project
    }

    private func user(_ name: String, _ volume: String) -> Service {
        var service = Service(name: name)
        service.command = ["x"]
        service.volumes = [Compose.Mount(source: .volume(volume), target: "/data")]
        return service
    }

    private func external(_ key: String, _ name: String) -> Volume {
        var volume = Volume(key: key, project: "demo")
        volume.name = name
        volume.isExternal = true
        return volume
    }

    // MARK: Goals

    @Test func anExternalVolumeHasToBeThere() throws {
        let project = project(user("web", "data"), volumes: [external("data", "shared")])
        let missing = make(project, VolumeSurvey(records: [:]))
        #expect(missing.goal == nil)
        #expect(missing.problems.map(\.message) == ["there is no volume shared, which is to be there already"])
        #expect(missing.problems.map(\.hint) == ["make it: settle volume create shared"])
        let near = make(project, VolumeSurvey(records: ["sharde": VolumeRecord()]))
        #expect(near.problems.map(\.hint) == ["did you mean name: sharde?"])
        let goal = try #require(make(project, VolumeSurvey(records: ["shared": VolumeRecord(mount: tmpfs)])).goal)
        #expect(goal.volumes == [VolumeSpec(key: "data", name: "shared", isExternal: true, mount: tmpfs)])
    }

    @Test func whatIsExternalAndUnusedIsForgotten() throws {
        let used = project(user("web", "data"), volumes: [external("data", "shared")])
        let goal = try #require(make(used).goal)
        var other = used
        other.services[0].volumes = []
        #expect(try #require(make(other, nil, applied(goal)).goal).volumes == [])
        // Its own stays the project's until `down -v`.
        let own = try #require(make(project(user("web", "data"), volumes: [Volume(key: "data", project: "demo")])).goal)
        #expect(try #require(make(other, nil, applied(own)).goal).volumes.map(\.name) == ["demo_data"])
    }

    @Test func mountsComeFromOtherServices() throws {
        var db = user("db", "data")
        db.volumes += [
            Compose.Mount(source: .anonymous, target: "/own"), .init(source: .tmpfs(TmpfsOptions()), target: "/tmp"),
        ]
        var backup = Service(name: "backup")
        backup.command = ["x"]
        backup.volumesFrom = [VolumesFrom(service: "db", readOnly: true)]
        var third = backup
        third.name = "third"
        third.volumesFrom = [VolumesFrom(service: "backup")]
        third.volumes = [Compose.Mount(source: .bind("/srv", create: false), target: "/data")]
        let goal = try #require(make(project(backup, db, third, volumes: [Volume(key: "data", project: "demo")])).goal)
        func texts(_ name: String) -> [String] { (goal.container(ContainerID(name))?.mounts ?? []).map(\.text) }
        #expect(texts("backup") == ["data:/data:ro", "db.1:/own:/own:ro"])
        #expect(texts("third") == ["/srv:/data", "db.1:/own:/own:ro"])
        #expect(goal.container(ContainerID("third"))?.mounts.map(\.key) == ["volumes[0]", "volumes_from[0]"])
        #expect(goal.container(ContainerID("backup"))?.mounts.allSatisfy { !$0.copiesImage } == true)
    }

    // MARK: Former names

    private func record(of project: String?, _ key: String, _ path: String, inode: UInt64) -> VolumeRecord {
        var record = VolumeRecord()
        record.project = project
        record.key = key
        record.folder = VolumeRecord.Folder(path: path, device: 1, inode: inode)
        return record
    }

    @Test func aFormerNamesVolumeIsOffered() {
        let project = project(user("web", "data"), volumes: [Volume(key: "data", project: "demo")])
        let here = VolumeRecord.Folder(path: "/p", device: 1, inode: 7)
        func former(_ records: [String: VolumeRecord]) -> [String] {
            make(project, VolumeSurvey(records: records, folder: here)).formerVolumes.map(\.former)
        }
        #expect(former(["old_data": record(of: "old", "data", "/p", inode: 9)]) == ["old_data"])
        // The folder was renamed.
        #expect(former(["old_data": record(of: "old", "data", "/q", inode: 7)]) == ["old_data"])
        #expect(former(["old_data": record(of: "old", "data", "/q", inode: 9)]) == [])
        #expect(former(["old_data": record(of: "old", "other", "/p", inode: 7)]) == [])
        #expect(former(["old_data": record(of: nil, "data", "/p", inode: 7)]) == [])
        #expect(former(["old_data": record(of: "old", "data", "/p", inode: 7), "demo_data": VolumeRecord()]) == [])
    }

    @Test func aRecordIsTheOwners() {
        let own = VolumeSpec(key: "data", name: "demo_data", labels: ["a": "b"])
        var record = VolumeRecord()
        record.note(own, of: "demo", in: nil)
        #expect(record.project == "demo" && record.key == "data" && record.labels == ["a": "b"])
        let before = record
        record.note(VolumeSpec(key: "x", name: "demo_data"), of: "other", in: nil)
        #expect(record == before)
        var byHand = VolumeRecord()
        byHand.note(VolumeSpec(key: "data", name: "shared"), of: "demo", in: nil)
        #expect(byHand.project == nil)
    }

    // MARK: Plans

    private func mounted(_ mount: VolumeMount?, name: String = "demo_data") -> Goal {
        var goal = goal(container("web"))
        goal.volumes = [VolumeSpec(key: "data", name: name, mount: mount)]
        var entry = Stack.Mount(.volume("data"), target: "/data", key: "volumes[0]")
        entry.volume = goal.volumes[0].identity
        goal.containers[0].mounts = [entry]
        return goal
    }

    @Test func whatIsNotMountedIsMounted() throws {
        let goal = mounted(tmpfs)
        let name = try #require(goal.volumes[0].mountName)
        var observation = Observation(sound: goal)
        #expect(plan(from: observation, to: goal).isEmpty)
        observation.mountedVolumes = []
        let plan = plan(from: observation, to: goal)
        #expect(
            plan.lines == [
                "! update volume/data (driver_opts: not mounted -> tmpfs tmpfs (size=1m)): changed behind Settle's back"
            ])
        #expect(plan.steps == ["volume demo_data"])
        #expect(name.hasPrefix("demo_data."))
    }

    @Test func anotherContentIsAnotherMountBesideTheOld() throws {
        let before = mounted(tmpfs)
        let after = mounted(VolumeMount(type: "tmpfs", device: "tmpfs"))
        let plan = plan(from: Observation(sound: before), to: after)
        #expect(
            plan.lines == [
                "update volume/data (driver_opts: tmpfs tmpfs (size=1m) -> tmpfs tmpfs): changed in the file",
                "replace container/web/1 (volumes[0]: demo_data, tmpfs tmpfs (size=1m) -> demo_data, tmpfs tmpfs): volumes[0] cannot be changed in place",
            ])
        let old = try #require(before.volumes[0].mountName)
        #expect(plan.steps.contains("volume demo_data") && plan.cleaning.contains(.unmount(old)))
    }

    @Test func anotherNameIsAnotherVolume() {
        let plan = plan(from: Observation(sound: mounted(nil)), to: mounted(nil, name: "other"))
        #expect(plan.lines.first == "create volume/data: new" && plan.turnovers.count == 1)
        // A ledger of before this was noted says nothing of it.
        var old = mounted(nil)
        old.containers[0].mounts[0].volume = nil
        #expect(Stack.plan(from: Observation(sound: old), to: mounted(nil)).isEmpty)
    }

    @Test func anExternalVolumeIsNeverMade() {
        var goal = mounted(nil)
        goal.volumes[0].isExternal = true
        var observation = Observation(sound: goal)
        observation.volumes = []
        #expect(plan(from: observation, to: goal).isEmpty)
    }

    @Test func oldLedgersAreReadable() throws {
        let text = #"{"key": "data", "name": "p_data", "labels": {}}"#
        let volume = try JSON.decode(VolumeSpec.self, from: Array(text.utf8))
        #expect(volume == VolumeSpec(key: "data", name: "p_data"))
    }
}
