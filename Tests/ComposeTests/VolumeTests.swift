import Compose
import Testing

@Suite struct VolumeTests {
    @Test func driverOptionsAreThoseOfMount() throws {
        let text = """
            services: {w: {rootfs: host, command: x, volumes: ['mem:/m', 'here:/h', 'plain:/p']}}
            volumes:
              mem: {driver: local, driver_opts: {type: tmpfs, device: tmpfs, o: "size=1m,mode=700"}}
              here: {driver_opts: {type: none, o: "bind,ro", device: ./data}}
              plain: {driver_opts: {}}
            """
        let volumes = try project(text).volumes
        #expect(
            volumes.map(\.mount?.text) == ["none /p/data (bind,ro)", "tmpfs tmpfs (size=1m,mode=700)", nil])
        #expect(volumes.allSatisfy { !$0.isExternal })
    }

    @Test func anExternalVolumeKeepsItsName() throws {
        let text = """
            services: {w: {rootfs: host, command: x, volumes: ['one:/1', 'two:/2', 'three:/3']}}
            volumes: {one: {external: true}, two: {external: true, name: shared}, three: {external: false}}
            """
        let volumes = try project(text).volumes
        #expect(volumes.map(\.name) == ["one", "p_three", "shared"])
        #expect(volumes.map(\.isExternal) == [true, false, true])
    }

    @Test func mountsMayBeAPartAndPassedOn() throws {
        let mounts = try service(
            """
            volumes:
              - {type: volume, source: data, target: /a, volume: {subpath: ./x//y/, nocopy: true}}
              - /srv:/b:rslave,ro,z
              - {type: bind, source: /srv, target: /c, bind: {propagation: ""}}
            """, top: "volumes: {data: {}}"
        ).volumes
        #expect(mounts.map(\.subpath) == ["x/y", nil, nil])
        #expect(mounts.map(\.propagation) == [nil, .rslave, nil])
        #expect(mounts.map(\.copiesImage) == [false, true, true])
        #expect(mounts[1].readOnly)
    }

    @Test func mountsOfOthersComeAfterThem() throws {
        let text = """
            services:
              db: {rootfs: host, command: x, volumes: ['/data']}
              ro: {rootfs: host, command: x, volumes_from: ['db:ro', w]}
              w: {rootfs: host, command: x, volumes_from: [db]}
            """
        let project = try project(text)
        #expect(project.service("ro")?.volumesFrom == [.init(service: "db", readOnly: true), .init(service: "w")])
        #expect(project.service("ro")?.dependencies.map(\.service) == ["db", "w"])
        #expect(project.service("w")?.dependencies.map(\.restart) == [false])
    }
}
