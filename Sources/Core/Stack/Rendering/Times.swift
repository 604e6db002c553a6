/// How long ago in words, as Docker says it: `About a minute`.
package func words(seconds: Int64) -> String {
    let minutes = seconds / 60
    let hours = (seconds + 1800) / 3600
    switch seconds {
    case ..<1: return "Less than a second"
    case 1: return "1 second"
    case ..<60: return "\(seconds) seconds"
    case ..<120: return "About a minute"
    case ..<3600: return "\(minutes) minutes"
    default: break
    }
    switch hours {
    case ...1: return "About an hour"
    case ..<48: return "\(hours) hours"
    case ..<(24 * 14): return "\(hours / 24) days"
    case ..<(24 * 60): return "\(hours / 24 / 7) weeks"
    case ..<(24 * 365 * 2): return "\(hours / 24 / 30) months"
    default: return "\(hours / 24 / 365) years"
    }
}

/// A moment in UTC as Docker prints it: `2026-11-21 09:30:00 +0000 UTC`.
///
/// - Parameter seconds: since 1970.
package func utcText(seconds: Int64) -> String {
    let day = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
    let time = seconds - day * 86_400
    let date = civilDate(day: day)
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(date.year)-\(two(date.month))-\(two(date.day)) "
        + "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60)) +0000 UTC"
}

/// The proleptic Gregorian date of a day counted from 1970-01-01. Years are counted from March, so that the leap day is
/// their last, and in eras of 400 years, which all have 146,097 days.
private func civilDate(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = day + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let fromMarch = (5 * dayOfYear + 2) / 153
    let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * fromMarch + 2) / 5 + 1)
}
