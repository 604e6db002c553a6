import Compose
import Diagnostics
import Stack
import Testing

@Suite struct RenderingDiffTests {
    private let web = ResourceID.container(ContainerID("web"))

    private func plan(_ changes: [Change]) -> Plan { Plan(changes: changes, ledger: Ledger(project: "shop")) }

    @Test func everyLineHasSignResourceFieldReasonAndPlace() {
        let plan = plan([
            Change(.network("front"), .create, reason: "new"),
            Change(
                web, .update, reason: "changed in the file",
                fields: [
                    FieldChange("mem_limit", observed: "64m", desired: "128m"),
                    FieldChange("labels.tier", observed: nil, desired: ""),
                ]),
            Change(
                .container(ContainerID("db")), .replace, reason: "command cannot be changed in place",
                fields: [FieldChange("command", observed: "sleep 1", desired: "sleep 2")]),
            Change(
                .container(ContainerID("job", 2)), .restart, isDrift: true, reason: "it was killed by signal 9",
                fields: [FieldChange("state", observed: "exited (137)", desired: "running")]),
            Change(.container(ContainerID("once")), .restart, reason: "stopped by `settle stop`"),
            Change(.network("back"), .remove, reason: "no longer in the file"),
        ])
        let places: [String: Place] = [
            "network/front ": Place(file: "compose.yaml", line: 20, column: 3),
            "container/web/1 mem_limit": Place(file: "compose.yaml", line: 7, column: 16),
            "network/back ": Place(file: "compose.yaml", line: 99, column: 1),
        ]
        #expect(
            plan.text { places["\($0) \($1)"] } == """
                  + network/front                                     new                                 compose.yaml:20
                  ~ container/web/1   mem_limit: 64m -> 128m          changed in the file                 compose.yaml:7
                  ~ container/web/1   labels.tier: (none) -> ""       changed in the file
                -/+ container/db/1    command: sleep 1 -> sleep 2     command cannot be changed in place
                  ! container/job/2   state: exited (137) -> running  restart: it was killed by signal 9
                  > container/once/1                                  stopped by `settle stop`
                  - network/back                                      no longer in the file
                Plan: 1 to create, 1 to update in place, 2 to restart, 1 to replace, 1 to remove; 1 drifted.

                """)
    }

    @Test func nothingToDoIsOneLine() {
        #expect(plan([]).text() == "No differences.\n")
        #expect(
            plan([]).json(project: "shop").compact == """
                {"project":"shop","changes":[],"summary":{"create":0,"update":0,"restart":0,"replace":0,"remove":0}}
                """)
    }

    @Test func coloursComeOnlyWhenAsked() {
        let plan = plan([Change(web, .create, reason: "new")])
        #expect(!plan.text().contains("\u{1b}"))
        #expect(plan.text(Palette(isOn: true)).hasPrefix("\u{1b}[32m  + container/web/1"))
    }

    @Test func valuesCannotDriveTheTerminal() {
        let evil = FieldChange("environment.X", observed: "a\u{1b}]0;title\u{7}", desired: "b\nc")
        let text = plan([Change(web, .update, reason: "changed in the file", fields: [evil])]).text()
        #expect(text.contains(#"environment.X: a\u{1b}]0;title\u{7} -> b\nc"#))
        #expect(!text.contains("\u{1b}"))
    }

    @Test func jsonNamesEveryField() {
        let plan = plan([
            Change(
                web, .update, isDrift: true, reason: "changed behind Settle's back",
                fields: [FieldChange("ports[0]", observed: nil, desired: "8080:80/tcp")])
        ])
        #expect(
            plan.json(project: "shop").compact == """
                {"project":"shop","changes":[{"resource":"container/web/1","action":"update","drift":true,\
                "reason":"changed behind Settle's back",\
                "fields":[{"path":"ports[0]","observed":null,"desired":"8080:80/tcp"}]}],\
                "summary":{"create":0,"update":1,"restart":0,"replace":0,"remove":0}}
                """)
    }

    @Test func placesComeFromWhatHoldsTheKey() {
        var project = Project(name: "shop", directory: "/shop")
        var service = Service(name: "web")
        let place = Place(file: "compose.yaml", line: 3, column: 5)
        let memory = Place(file: "compose.yaml", line: 4, column: 16)
        service.places[""] = place
        service.places["mem_limit"] = memory
        project.services = [service]
        #expect(project.place(of: web, path: "mem_limit") == memory)
        #expect(project.place(of: web, path: "/etc/hosts") == place)
        #expect(project.place(of: .container(ContainerID("gone")), path: "command") == nil)
    }

    @Test(arguments: [
        ResourceID.project, .supervisor, .namespace("pod"), .network("default"), .volume("data"),
        .container(ContainerID("a.b", 12)),
    ])
    func resourcesAreReadBack(resource: ResourceID) {
        #expect(ResourceID(resource.description) == resource)
    }

    @Test(arguments: ["", "container/web", "container/web/x", "volume", "network/a/b", "project/x"])
    func otherTextsAreNoResources(text: String) {
        #expect(ResourceID(text) == nil)
    }
}
