package import OCI
package import Stack

/// What a command line asks of the supervisor: one JSON object on one line.
package struct Request: Codable, Sendable {
    /// A supervisor of another version is replaced before it is asked.
    package static let currentVersion = 2
    package var version = Request.currentVersion
    package var command: Command
    /// Kill yourself at this journal entry, counted from 1: the crash tests' way to reach every moment.
    package var faultPoint: Int?

    package init(_ command: Command, faultPoint: Int? = nil) {
        self.command = command
        self.faultPoint = faultPoint
    }

    package enum Command: Codable, Sendable {
        /// Make the machine so; `timeout` in seconds replaces every grace period.
        /// `contents` are those of secrets and configurations, by what the goal calls them.
        case apply(Goal, timeout: Int?, contents: [Content] = [], manner: Manner = Manner())
        /// Towards nothing; of the volumes only those that are named.
        case down(timeout: Int?, volumes: [VolumeSpec])
        case stop([ContainerID], timeout: Int?)
        case start([ContainerID])
        /// `alone`: without those that depend on them with `restart: true`.
        case restart([ContainerID], timeout: Int?, alone: Bool = false)
        /// `volumes`: with those that only they can have.
        case remove([ContainerID], volumes: Bool)
        case kill([ContainerID], signal: Int32)
        /// `atOnce`: noted only; who asks freezes the whole project, this process included.
        case pause([ContainerID], atOnce: Bool)
        case unpause([ContainerID])
        /// Answers once all of them are ready, or one can no longer become so; `timeout` in seconds. Changes nothing.
        case wait([ContainerID], timeout: Int?)
        /// Undo the change that this connection asked for.
        case cancel
    }
}

/// A content that the goal speaks of by its digest. It goes from memory to memory.
package struct Content: Hashable, Sendable {
    package var digest: Digest
    package var bytes: [UInt8]

    package init(_ digest: Digest, _ bytes: [UInt8]) {
        self.digest = digest
        self.bytes = bytes
    }
}

extension Content: Codable {
    private enum CodingKeys: String, CodingKey { case digest, hex }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        digest = try container.decode(Digest.self, forKey: .digest)
        let digits = Array(try container.decode(String.self, forKey: .hex).utf8)
        bytes = stride(from: 0, to: digits.count - 1, by: 2).map {
            Self.value(digits[$0]) << 4 | Self.value(digits[$0 + 1])
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(digest, forKey: .digest)
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        try container.encode(String(decoding: text, as: UTF8.self), forKey: .hex)
    }

    private static func value(_ digit: UInt8) -> UInt8 { digit < 58 ? digit &- 48 : digit &- 87 }
}

/// What the supervisor answers: one line each, until `.done` or `.failed`.
package enum Event: Codable, Sendable {
    /// Something happened to a resource: `container/web/1` `started`.
    case progress(resource: String, word: String)
    case warning(String)
    /// The change is complete.
    case done
    /// It could not be done; whether the machine is as it was. `place` is the resource with the key of the file.
    case failed(Failure)

    package struct Failure: Error, Hashable, Codable, Sendable {
        package var resource: String
        /// The key, relative to the resource: `command`, `volumes[1]`. Empty where none is to blame.
        package var key: String
        package var message: String
        /// The failed container's last lines.
        package var output: [String]
        /// What its health check said last.
        package var probe: String?
        /// More of the same kind.
        package var others: [Failure] = []
        /// What undo could not bring back; nil where nothing had been changed.
        package var undo: Undo?
        /// Of a command that could not be run, as a shell tells it: 126 or 127.
        package var exitStatus: Int32?

        package init(
            resource: String, key: String, message: String, output: [String] = [], probe: String? = nil,
            undo: Undo? = nil
        ) {
            self.resource = resource
            self.key = key
            self.message = message
            self.output = output
            self.probe = probe
            self.undo = undo
        }
    }

    package enum Undo: Hashable, Codable, Sendable {
        case complete
        case incomplete([String])
        /// Nothing was to come back: the change has stopped half way.
        case paused
    }
}
