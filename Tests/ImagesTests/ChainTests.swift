import Glibc
import Images
import Syscalls
import Testing

/// Layers on top of each other.
@Suite struct ChainTests {
    private func layers(_ sandbox: Sandbox, _ program: String, _ names: [String]) throws -> [String] {
        try sandbox.python(program)
        return try names.map { try sandbox.layer($0).diffID }
    }

    @Test func entriesThroughALinkOfAnEarlierLayerAreRefused() throws {
        let sandbox = try Sandbox()
        let ids = try layers(
            sandbox,
            """
            tar('link', [entry('a', SYM, linkname='/etc'), entry('file'), entry('real/b', DIR), entry('real/l', SYM, linkname='b')])
            tar('through', [entry('a/passwd', data=b'mine')])
            tar('through-file', [entry('file/x')])
            tar('deep', [entry('real/l/x')])
            tar('listed', [entry('a', DIR), entry('a/passwd', data=b'mine')])
            tar('between', [entry('.wh.a')])
            tar('anew', [entry('real/.wh..wh..opq')])
            """, ["link", "through", "through-file", "deep", "listed", "between", "anew"])
        func refused(_ chain: [Int], _ words: String) throws {
            do {
                let folders = try sandbox.store.lowerFolders(chain: chain.map { ids[$0] })
                Issue.record("\(chain) was taken: \(folders)")
            } catch let error as LayerError {
                #expect("\(error)".contains(words) && "\(error)".hasPrefix("layer \(ids[chain.last!]): "))
            }
        }
        try refused(
            [0, 1], "entry 'a': it writes into a folder of this name, which is a symbolic link in the earlier layer")
        try refused(
            [0, 2], "entry 'file': it writes into a folder of this name, which is no folder in the earlier layer")
        try refused([0, 3], "entry 'real/l': it writes into")
        #expect(try sandbox.store.lowerFolders(chain: [ids[0], ids[4]]).count == 2)
        #expect(try sandbox.store.lowerFolders(chain: [ids[0], ids[5], ids[1]]).count == 3, "removed between them")
        #expect(try sandbox.store.lowerFolders(chain: [ids[0], ids[6], ids[3]]).count == 3, "hidden between them")
        #expect(throws: LayerError.self) {
            try sandbox.store.lowerFolders(chain: ["sha256:" + String(repeating: "0", count: 64)])
        }
    }

    /// An overlay shows the topmost folder: one that an archive does not list has to look like the one below.
    @Test func impliedFoldersLookLikeThoseBelow() throws {
        let sandbox = try Sandbox()
        let ids = try layers(
            sandbox,
            """
            tar('one', [entry('srv', DIR, mode=0o750, uid=7), entry('srv/tmp', DIR, mode=0o1777), entry('plain', DIR)])
            tar('two', [entry('srv/tmp/x'), entry('plain/x')])
            tar('three', [entry('srv/tmp/y')])
            tar('four', [entry('srv', DIR, mode=0o711)])
            """, ["one", "two", "three", "four"])
        let store = sandbox.store
        let folders = try store.lowerFolders(chain: Array(ids[0...2]))
        #expect(folders.count == 4)
        #expect(try store.lowerFolders(chain: Array(ids[0...2])) == folders)
        #expect(try shell("cd \(folders[0]) && stat -c '%n %a %u' srv srv/tmp") == "srv 750 7\nsrv/tmp 1777 0\n")
        #expect(try shell("stat -c '%a %u %Y' \(folders[0])/plain") == "755 0 1500000000\n")
        let changed = try store.lowerFolders(chain: ids)
        #expect(try shell("cd \(changed[0]) && stat -c '%n %a %u' srv srv/tmp") == "srv 711 0\nsrv/tmp 1777 0\n")
        store.removeParents(except: [ids])
        #expect(!Files.exists(folders[0]) && Files.exists(changed[0]))
    }

    @Test func anOpaqueRootHidesEverythingBelow() throws {
        let sandbox = try Sandbox()
        let ids = try layers(
            sandbox,
            "tar('one', [entry('a')]), tar('two', [entry('.wh..wh..opq'), entry('b')]), tar('three', [entry('c')])",
            ["one", "two", "three"])
        #expect(try sandbox.store.lowerFolders(chain: ids) == [ids[2], ids[1]].map(sandbox.store.tree))
    }
}
