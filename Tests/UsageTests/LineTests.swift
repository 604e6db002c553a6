import Testing
import Usage

@Suite struct LineTests {
    @Test(arguments: [
        ["up", "-d", "-t", "3", "web"], ["up", "web", "--detach", "--timeout=3"], ["up", "-dt3", "web"],
        ["up", "-t=3", "web", "-d"], ["up", "--detach=true", "-t", "9", "-t", "3", "--", "web"],
    ])
    func optionsStandInManyWays(words: [String]) throws {
        #expect(try run(words).words == ["true", "3", "-", "web"])
    }

    @Test(arguments: [
        ["-p", "shop", "up"], ["up", "-pshop"], ["--project-name=shop", "up"], ["up", "--project-name", "shop"],
        ["-p", "else", "up", "-p", "shop"],
    ])
    func globalOptionsStandOnEitherSide(words: [String]) throws {
        #expect(try run(words).options.project == "shop")
    }

    @Test func optionsMayBeRepeated() throws {
        let record = try run(["-f", "a", "--file=b", "up", "-fc", "-f", "-"])
        #expect(record.options.files == ["a", "b", "c", "-"])
    }

    @Test func aCommandsOwnShortNameGoesFirst() throws {
        let record = try run(["-f", "a", "logs", "-f", "web", "--file", "b"])
        #expect(record.words == ["true", "web"])
        #expect(record.options.files == ["a", "b"])
    }

    @Test func flagsMayBeTakenBack() throws {
        #expect(try run(["up", "-d", "--detach=false"]).words.first == "false")
        #expect(try run(["up", "-d", "-d=false"]).words.first == "false")
    }

    @Test func valuesMayLookLikeOptionsAndMayBeEmpty() throws {
        #expect(try run(["up", "-p", "--odd"]).options.project == "--odd")
        #expect(try run(["-p", "", "up"]).options.project == "")
        #expect(try run(["exec", "-eA=b=c", "web", "x"]).words == ["false", "false", "A=b=c", "web", "x"])
        let spellings = ["exec", "--env", "A=b", "--envs=C=d", "web", "x"]
        #expect(try run(spellings).words == ["false", "false", "A=b", "C=d", "web", "x"])
    }

    @Test func whatFollowsTheServiceIsSomebodyElses() throws {
        #expect(
            try run(["exec", "-tq", "web", "sh", "-c", "--help", "--", "-t"]).words
                == ["true", "true", "web", "sh", "-c", "--help", "--", "-t"])
        #expect(try run(["exec", "web", "-t"]).words == ["false", "false", "web", "-t"])
    }

    // MARK: What is wrong

    @Test func allProblemsAreToldAtOnce() {
        #expect(
            problems(["up", "--timout", "--format", "jsn", "-t", "soon"]) == [
                "error: there is no option --timout\n  hint: did you mean --timeout?",
                "error: --timeout takes a number from 0 on, not \"soon\"",
                "error: --format takes text or json, not \"jsn\"\n  hint: did you mean json?",
            ])
    }

    @Test(arguments: [
        (["up", "-z"], "there is no option -z"), (["up", "-t"], "--timeout needs a value"),
        (["up", "--detach=maybe"], "--detach takes no value"), (["up", "-t", "-1"], "--timeout takes a number from 0"),
        (["exec"], "SERVICE is missing"), (["exec", "web"], "COMMAND is missing"),
        (["port", "web", "x"], "PORT takes a port's number, not \"x\""),
        (["port", "web", "1", "2"], "\"2\" is one word too many"), (["--detach", "up"], "there is no option --detach"),
    ])
    func eachProblemHasItsWords(words: [String], message: String) {
        #expect(problems(words).contains { $0.hasPrefix("error: \(message)") }, "\(problems(words))")
    }

    @Test func theLastProblemSaysHowItIsUsed() {
        #expect(
            problems(["exec", "web"]).last?.hasSuffix("hint: usage: pilot exec [OPTION…] SERVICE COMMAND [ARGUMENT…]")
                == true)
    }

    @Test func anUnknownCommandHasANearOne() {
        #expect(problems(["lgos"]) == ["error: there is no command lgos\n  hint: did you mean logs?"])
        #expect(problems(["unheard"]) == ["error: there is no command unheard\n  hint: `pilot --help` lists them"])
    }
}
