/// The nearest of the words, if it is near enough to be a slip of the fingers.
package func nearest(to word: String, in words: some Sequence<String>) -> String? {
    let limit = word.count <= 3 ? 1 : 2
    let near = words.map { ($0, distance(word.lowercased(), $0.lowercased())) }.filter { $0.1 <= limit }
    return near.min { ($0.1, $0.0) < ($1.1, $1.0) }?.0
}

/// How many letters must be put in, taken out, exchanged, or swapped with their neighbour.
private func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left.utf8)
    let right = Array(right.utf8)
    var before: [Int] = []
    var above = Array(0...right.count)
    for i in left.indices {
        var row = [i + 1]
        for j in right.indices {
            var best = min(above[j] + (left[i] == right[j] ? 0 : 1), above[j + 1] + 1, row[j] + 1)
            if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] { best = min(best, before[j - 1] + 1) }
            row.append(best)
        }
        before = above
        above = row
    }
    return above[right.count]
}

/// `a, b or c`
package func either(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.joined() }
    return words.dropLast().joined(separator: ", ") + " or " + last
}
