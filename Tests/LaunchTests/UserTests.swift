import Launch
import Launcher
import Testing

@Suite struct UserTests {
    let passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33:w:/var/www:/bin/sh\nbroken\n"
    let group = "root:x:0:\nweb:x:33:\nvideo:x:44:web,other\ndisk:x:6:other\n"

    private func identity(_ user: String?) throws(LaunchError) -> Identity {
        try resolve(user: user, passwd: passwd, group: group)
    }

    @Test func usersAreNamesOrNumbers() throws {
        #expect(try identity(nil) == Identity(uid: 0, gid: 0, home: "/root"))
        #expect(try identity("web") == Identity(uid: 33, gid: 33, groups: [44], home: "/var/www"))
        #expect(try identity("33") == Identity(uid: 33, gid: 33, groups: [44], home: "/var/www"))
        #expect(try identity("web:disk") == Identity(uid: 33, gid: 6, home: "/var/www"))
        #expect(try identity("1234") == Identity(uid: 1234, gid: 0, home: "/"))
        #expect(try identity("1234:5678") == Identity(uid: 1234, gid: 5678, home: "/"))
    }

    @Test func furtherGroupsAreAdded() throws {
        let identity = try resolve(user: "web", groups: ["disk", "44", "99"], passwd: passwd, group: group)
        #expect(identity.groups == [44, 6, 99])
        #expect(throws: LaunchError("group_add", "no group 'x' in the container's /etc/group")) {
            try resolve(user: nil, groups: ["x"], passwd: passwd, group: group)
        }
    }

    @Test func unknownNamesAreErrors() {
        #expect(throws: LaunchError("user", "no user 'nobody' in the container's /etc/passwd")) {
            try identity("nobody")
        }
        #expect(throws: LaunchError("user", "no group 'x' in the container's /etc/group")) { try identity("web:x") }
        #expect(throws: LaunchError.self) { try identity("-1") }
        #expect(throws: LaunchError.self) { try identity("4294967296") }
    }
}
