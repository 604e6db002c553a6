/// What may stand in the place of the last of some words.
package struct Completion {
    package struct Candidate: Hashable, Sendable {
        package let word: String
        package let says: String
    }

    /// Those that are known here, whatever the word begins with so far.
    package var candidates: [Candidate] = []
    /// What else may be offered, before it the part of the word that stays (`--profile=`).
    package var others: Suggestions = .nothing
    package var prefix = ""
    /// The words before, for the global options among them.
    package var line: Line
}

extension Program {
    /// - Parameter words: those after the program's name; the last one is being written.
    package func completion(_ words: [String]) -> Completion {
        // Bash takes `--name=value` for three words.
        var known = words.filter { $0 != "=" }
        let word = words.last == "=" ? "" : known.popLast() ?? ""
        let options = globalOptions + Self.ownOptions + [.help]
        let leading = Given(known, options, limit: 0)
        guard let name = leading.operands.first else {
            var result = suggest(word, leading, options, Line(leading))
            if result.candidates.isEmpty && result.others == .nothing && leading.open == nil {
                result.candidates = candidates(commands)
            }
            return result
        }
        guard let command = command(name) else { return Completion(line: Line(leading)) }
        let declared = command.declarations
        var given = Given(leading.operands.dropFirst(), declared.options, limit: declared.limit)
        given.options = leading.options + given.options
        return suggest(word, given, declared.options + [.help], Line(given), operands: declared.operands)
    }

    private func suggest(
        _ word: String, _ given: Given, _ options: [Option], _ line: Line, operands: [Operand] = []
    ) -> Completion {
        var result = Completion(line: line)
        let place = operands.indices.contains(given.operands.count) ? operands[given.operands.count] : operands.last
        let isForeign = place.map { given.operands.count > 0 && $0.takesAll } ?? false
        if let option = given.open {
            offer(option.suggestions, &result)
        } else if word.hasPrefix("--"), let equals = word.firstIndex(of: "="),
            let option = options.first(where: { $0.name == word[..<equals] })
        {
            result.prefix = String(word[...equals])
            offer(option.suggestions, &result)
        } else if word.hasPrefix("-"), !isForeign {
            result.candidates = options.map { Completion.Candidate(word: $0.name, says: $0.help) }
        } else if let place, place.takesMore || given.operands.count < operands.count {
            offer(place.suggestions, &result)
        }
        return result
    }

    private func offer(_ suggestions: Suggestions, _ result: inout Completion) {
        switch suggestions {
        case .words(let words):
            result.candidates = words.map { Completion.Candidate(word: result.prefix + $0, says: "") }
        case .commands: result.candidates = candidates(commands)
        case .nothing, .files, .services, .profiles: result.others = suggestions
        }
    }

    private func candidates(_ commands: [Command]) -> [Completion.Candidate] {
        commands.map { Completion.Candidate(word: $0.about.name, says: $0.about.summary) }
    }
}

extension Operand {
    /// Whether it takes other people's options.
    fileprivate var takesAll: Bool {
        switch count {
        case .rest: true
        case .one, .optional, .many: false
        }
    }

    fileprivate var takesMore: Bool {
        switch count {
        case .rest, .many: true
        case .one, .optional: false
        }
    }
}

/// A shell for which there is a script that completes words.
package enum Shell: String, Choosable, Sendable {
    case bash, zsh, fish

    /// The script. It has `PROGRAM complete -- WORD…` say what the last word may be, one candidate and what it means per
    /// line with a tab between; a line `:files` asks for files.
    package func script(_ program: String) -> String {
        switch self {
        case .bash:
            """
            _\(program)() {
                local word=${COMP_WORDS[COMP_CWORD]} line
                COMPREPLY=()
                while IFS= read -r line; do
                    if [ "$line" = :files ]; then
                        compopt -o default
                    else
                        COMPREPLY+=("$(printf %q "${line%%$'\\t'*}")")
                    fi
                done < <(\(program) complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
            }
            complete -F _\(program) \(program)

            """
        case .zsh:
            """
            #compdef \(program)
            _\(program)() {
                local line
                local -a found
                while IFS= read -r line; do
                    if [[ $line == :files ]]; then
                        _files
                    else
                        found+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}")
                    fi
                done < <(\(program) complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
                (( ${#found} )) && _describe '' found
            }
            if [ "$funcstack[1]" = _\(program) ]; then _\(program) "$@"; else compdef _\(program) \(program); fi

            """
        case .fish:
            """
            function __\(program)_complete
                set -l words (commandline -opc) (commandline -ct)
                for line in (\(program) complete -- $words[2..-1] 2>/dev/null)
                    if test "$line" = :files
                        set -l word (commandline -ct)
                        set -l name (string match -r -- '^--[^=]+=' $word)
                        for path in (__fish_complete_path (string replace -r -- '^--[^=]+=' '' $word))
                            echo "$name$path"
                        end
                    else
                        echo $line
                    end
                end
            end
            complete -c \(program) -f -a '(__\(program)_complete)'

            """
        }
    }
}
