import Testing

/// The scripts, each run by its own shell as if somebody pressed the tabulator.
@Suite(.serialized) struct CompletionTests {
    private func folder(_ shell: String) throws -> Folder {
        let folder = try Folder()
        try folder.write(
            "compose.yaml",
            """
            services:
              web: {rootfs: host, command: x}
              job: {rootfs: host, command: x, profiles: [night]}

            """)
        let script = try Command(["completion", shell], in: folder)
        try #require(script.status == 0)
        try folder.write("script", script.output)
        // By its name, in a folder that PATH has first.
        _ = try Command(shell: "mkdir bin; ln -s \(Command.binary) bin/settle; true", in: folder)
        return folder
    }

    @Test func zshCompletesServicesAndProfiles() throws {
        let folder = try folder("zsh")
        try folder.write(
            "ask",
            """
            zmodload zsh/zpty
            zpty inner 'TERM=dumb zsh -f -i'
            zpty -w inner 'PS1=; autoload -Uz compinit; compinit -D -u; source ./script'
            zpty -w inner 'show() { print -r -- "<$BUFFER>" }; zle -N show; bindkey "^X" show; stty -echo; print re''ady'
            while zpty -r inner line; do [[ $line == *ready* ]] && break; done
            for words in 'settle logs w' 'settle --profile n' 'settle diff --for'; do
                zpty -w -n inner $'\\C-u'"$words"$'\\t\\C-x'
                while zpty -r inner line; do [[ $line == *'<'*'>'* ]] && break; done
                print -r -- "${line#*<}"
            done

            """)
        let run = try Command(shell: "PATH=$PWD/bin:$PATH timeout 60 zsh -f ask", in: folder)
        let lines = run.output.split(whereSeparator: \.isNewline).map { $0.filter { $0 != "\r" } }
        #expect(lines == ["settle logs web >", "settle --profile night >", "settle diff --format >"], "\(run)")
    }

    @Test func fishCompletesServicesAndProfiles() throws {
        let folder = try folder("fish")
        try folder.write(
            "ask",
            """
            source script
            complete -C 'settle logs w'
            complete -C 'settle --profile n'
            complete -C 'settle diff --for'
            complete -C 'settle --file=comp'

            """)
        let run = try Command(shell: "PATH=$PWD/bin:$PATH HOME=$PWD timeout 60 fish --no-config ask", in: folder)
        let words = run.output.split(separator: "\n").map { $0.split(separator: "\t")[0] }
        #expect(words == ["web", "night", "--format", "--file=compose.yaml"], "\(run)")
    }
}
