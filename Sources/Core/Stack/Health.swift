/// How one life of a container fares by its health check: when to probe, and what follows from the answers.
///
/// A state machine without effects: events in, actions out. Times are milliseconds of the container's life, so that what
/// one supervisor has noted is right for the next one. The meaning is Docker's but for one thing: the first probe runs at
/// once. That one does not count if it fails, since Docker would not have made it.
package struct Health: Hashable, Codable, Sendable {
    package enum Status: String, Hashable, Codable, Sendable { case starting, healthy, unhealthy }

    /// How a probe ended.
    package struct Answer: Hashable, Codable, Sendable {
        /// -1 for a probe that did not end by itself.
        package var exitCode: Int32
        /// The end of what it wrote.
        package var output: String

        package init(exitCode: Int32, output: String) {
            self.exitCode = exitCode
            self.output = output
        }
    }

    package struct Result: Hashable, Codable, Sendable {
        package var start: Int64
        package var end: Int64
        package var answer: Answer

        package var isSuccess: Bool { answer.exitCode == 0 }
    }

    package enum Event: Hashable, Sendable {
        /// Time has passed. A frozen container is not probed.
        case time(isFrozen: Bool)
        case answered(Answer)
        /// The probe under way says nothing about the container.
        case lost
        /// The check was another until now.
        case changed(from: HealthCheck)
        /// A new supervisor goes on; what its predecessor was about is lost.
        case resumed
    }

    package enum Action: Hashable, Sendable {
        case probe
        /// The probe under way has had its time: end it, and tell `.answered` or `.lost`.
        case kill
        case turned(Status)
        /// Worth writing down.
        case save
    }

    package private(set) var status = Status.starting
    package private(set) var failingStreak = 0
    /// The last ones, the oldest first.
    package private(set) var results: [Result] = []
    private var due: Int64 = 0
    /// When the probe under way began.
    private var begun: Int64?
    private var isOverdue = false
    private var isFirst = true
    private var saved: Int64 = 0

    package static let keptResults = 5
    /// While nothing changes, notes are made this seldom.
    private static let savePause: Int64 = 10_000

    package init() {}

    /// When `.time` has something to do.
    package func deadline(_ check: HealthCheck) -> Int64? {
        guard let begun else { return due }
        return isOverdue ? nil : begun + check.timeout
    }

    package mutating func handle(_ event: Event, _ check: HealthCheck, now: Int64) -> [Action] {
        switch event {
        case .time(let isFrozen): return pass(isFrozen, check, now)
        case .answered(let answer): return take(answer, check, now)
        case .lost:
            guard begun != nil else { return [] }
            begun = nil
            due = now + pace(check, now)
            return []
        case .changed(let old): return change(from: old, to: check, now)
        case .resumed:
            if begun != nil { due = now }
            begun = nil
            return []
        }
    }

    private mutating func pass(_ isFrozen: Bool, _ check: HealthCheck, _ now: Int64) -> [Action] {
        if let begun {
            guard !isOverdue, now >= begun + check.timeout else { return [] }
            isOverdue = true
            return [.kill]
        }
        guard now >= due else { return [] }
        if isFrozen {
            due = now + pace(check, now)
            return []
        }
        begun = now
        isOverdue = false
        return [.probe]
    }

    private mutating func take(_ answer: Answer, _ check: HealthCheck, _ now: Int64) -> [Action] {
        guard let begun else { return [] }
        let before = status
        let result = Result(start: begun, end: now, answer: answer)
        let isNews = results.last?.answer.exitCode != answer.exitCode
        results = (results + [result]).suffix(Self.keptResults)
        if result.isSuccess {
            failingStreak = 0
            status = .healthy
        } else if status != .starting || (begun >= check.startPeriod && !isFirst) {
            failingStreak += 1
            if failingStreak >= check.retries { status = .unhealthy }
        }
        isFirst = false
        self.begun = nil
        due = now + pace(check, now)
        let isDue = isNews || status != before || now - saved >= Self.savePause
        if isDue { saved = now }
        return (isDue ? [.save] : []) + (status == before ? [] : [.turned(status)])
    }

    /// Another question begins anew; other times and counts apply from now on.
    private mutating func change(from old: HealthCheck, to check: HealthCheck, _ now: Int64) -> [Action] {
        if old.probe == check.probe {
            due = min(due, now + pace(check, now))
            return []
        }
        let wasUnderWay = begun != nil
        let before = status
        begun = nil
        isFirst = true
        failingStreak = 0
        status = .starting
        due = now
        return (wasUnderWay ? [.kill] : []) + [.save] + (before == .starting ? [] : [.turned(.starting)])
    }

    private func pace(_ check: HealthCheck, _ now: Int64) -> Int64 {
        status == .starting && now < check.startPeriod ? check.startInterval : check.interval
    }
}

extension Health.Result: CustomStringConvertible {
    /// `its last probe failed with 1`, and below that what it wrote.
    package var description: String {
        let verdict =
            switch answer.exitCode {
            case 0: "its last probe succeeded"
            case -1: "its last probe failed"
            case let code: "its last probe failed with \(code)"
            }
        return answer.output.isEmpty ? verdict : "\(verdict)\n\(answer.output)"
    }
}
