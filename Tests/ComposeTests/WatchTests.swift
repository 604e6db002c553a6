import Compose
import Diagnostics
import Testing

@Suite struct WatchTests {
    /// Pattern, path, whether it is ignored.
    @Test(arguments: [
        ("a", "a", true), ("a", "a/b/c", true), ("a", "b/a", false), ("/a", "a", true), ("a/", "a/b", true),
        ("*.log", "x.log", true), ("*.log", "d/x.log", false), ("*/x", "d/x", true), ("*/x", "d/e/x", false),
        ("**/x", "x", true), ("**/x", "d/e/x", true), ("**/x", "d/ex", false), ("d/**", "d/e/f", true),
        ("d/**", "d", false), ("**", "anything/at/all", true), ("a/**/z", "a/z", true), ("a/**/z", "a/b/c/z", true),
        ("a/**/z", "a/bz", false), ("?", "x", true), ("?", "xy", false), ("a?c", "a/c", false),
        ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[^a-c]x", "dx", true), ("[^a]", "/", false),
        ("\\*", "*", true), ("\\*", "x", false), ("[", "[", true), ("./a/../b", "b", true), (" a ", "a", true),
        ("", "a", false), (".", "a", false), ("../a", "a", false), ("#x", "#x", true), ("a*b*c*d", "aXbXcXd", true),
        ("**/node_modules", "web/node_modules/x/y.js", true), ("dir/*", "dir/sub/file", true),
    ]) func aPatternFits(_ pattern: String, _ path: String, _ isIgnored: Bool) {
        #expect(IgnorePatterns([pattern]).matches(path) == isIgnored, "\(pattern) \(path)")
    }

    @Test func theLastPatternThatFitsDecides() {
        let patterns = IgnorePatterns(text: "# a comment\n*\n\n!src\nsrc/*.tmp\n! src/keep.tmp\n")
        #expect(patterns.matches("README"))
        #expect(!patterns.matches("src/main.c"))
        #expect(patterns.matches("src/x.tmp"))
        #expect(!patterns.matches("src/keep.tmp"))
        #expect(!patterns.matchesAll(below: "other"))
        #expect(IgnorePatterns(["other"]).matchesAll(below: "other/folder"))
        #expect(IgnorePatterns(["", "  "]).isEmpty)
    }

    @Test func noPatternTakesLong() {
        let pattern = String(repeating: "*a", count: 40) + "**/" + String(repeating: "*b", count: 40)
        #expect(!IgnorePatterns([pattern]).matches(String(repeating: "a", count: 4000)))
    }

    private func rules(_ watch: String, build: String = "", ignored: String? = nil) throws -> WatchRules {
        let text = """
            services:
              w: {rootfs: host, command: x, develop: {watch: [\(watch)]}\(build)}
            """
        return WatchRules(try project(text).services) { _ in ignored.map { ("/p", $0) } }
    }

    @Test func aChangeIsTakenToItsPlace() throws {
        let rules = try rules(
            "{path: ./src, action: sync, target: /app, ignore: ['*.tmp', '!keep.tmp'], include: ['*.py', '*.tmp', sub]}"
        )
        func targets(_ paths: String...) -> [String] { rules.work(for: Set(paths)).copies.map(\.target) }
        #expect(rules.paths == ["/p/src"])
        #expect(
            targets("/p/src/a.py", "/p/src/b.c", "/p/src/x.tmp", "/p/src/keep.tmp", "/p/a.py") == [
                "/app/a.py", "/app/keep.tmp",
            ])
        #expect(targets("/p/src/sub/any.c", "/p/src/sub/.any.c.swp", "/p/src/sub/.git/HEAD") == ["/app/sub/any.c"])
        #expect(targets("/p/src") == ["/app"])
        #expect(rules.ignoresAll(in: "/p/src/.git") && !rules.ignoresAll(in: "/p/src/sub"))
        #expect(rules.ignoresAll(in: "/p/other") && !rules.ignoresAll(in: "/p"))
    }

    @Test func eachThingIsDoneOnce() throws {
        let rules = try rules(
            """
            {path: ., action: sync+restart, target: /app, ignore: [lib]},
            {path: ./conf, action: restart}, {path: ./conf/x, action: sync, target: /x},
            {path: ./lib, action: sync+exec, target: /lib, exec: {command: [reload, now], user: www}}
            """)
        let work = rules.work(for: ["/p/a", "/p/conf/x", "/p/lib/one", "/p/lib/two"])
        #expect(work.restarts == ["w"] && work.rebuilds == [])
        #expect(work.copies.map(\.target) == ["/app/a", "/app/conf/x", "/x", "/lib/one", "/lib/two"])
        #expect(work.commands.map(\.hook.command) == [["reload", "now"]] && work.commands.map(\.hook.user) == ["www"])
        #expect(rules.work(for: ["/q"]).isEmpty)
    }

    @Test func whatABuildDoesNotSeeIsNoChange() throws {
        let text = """
            services:
              w: {build: ., develop: {watch: [{path: ., action: rebuild}, {path: ./conf, action: sync+restart, target: /c}]}}
            """
        let rules = WatchRules(try project(text).services) { _ in ("/p", "*.md\ndocs\n") }
        #expect(rules.work(for: ["/p/README.md", "/p/docs/x"]).isEmpty)
        #expect(rules.ignoresAll(in: "/p/docs"))
        let work = rules.work(for: ["/p/main.c", "/p/conf/a"])
        // Who is built anew is not started again besides.
        #expect(work.rebuilds == ["w"] && work.restarts == [] && work.copies.map(\.target) == ["/c/a"])
    }

    @Test func theBeginningIsCopiedWhereThatIsAskedFor() throws {
        let rules = try rules(
            "{path: ./a, action: sync, target: /a, initial_sync: true}, {path: ./b, action: sync, target: /b}")
        let copies = rules.initialCopies(of: "w", ["/p/a/1", "/p/a/.git/x", "/p/b/1"])
        #expect(copies.map(\.target) == ["/a/1"])
        #expect(rules.initialCopies(of: "other", ["/p/a/1"]) == [])
    }

    @Test(arguments: [
        ("{path: ., action: rebuild}", "services.w.develop.watch[0]: there is nothing to build"),
        (
            "{path: ., action: sync+exec, target: /x}",
            "services.w.develop.watch[0]: there is nothing to run"
        ),
        ("{path: ., action: sync}", "services.w.develop.watch[0]: the target is missing"),
        ("{path: ., action: sync, target: x}", "services.w.develop.watch[0].target: expected an absolute path"),
        ("{path: ., action: copy}", "services.w.develop.watch[0].action: expected rebuild, sync, restart"),
    ]) func whatCannotBeDoneIsSaidBefore(_ watch: String, _ message: String) {
        let text = "services: {w: {rootfs: host, command: x, develop: {watch: [\(watch)]}}}"
        let messages = load(text).diagnostics.map(\.description)
        #expect(messages.contains { $0.contains(message) }, "\(messages)")
    }
}
