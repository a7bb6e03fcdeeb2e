/// A secret that requests have to bring in `Authorization`.
package struct BearerToken: Sendable {
    private let forms: [[UInt8]]

    /// A token of one word is expected after `Bearer`; one of two words (`Basic …`) as it is. A storage that sends
    /// one word without `Bearer` is let in, too.
    package init(_ token: String) {
        forms = token.contains(" ") ? [Array(token.utf8)] : [Array("Bearer \(token)".utf8), Array(token.utf8)]
    }

    /// Compares in a time that does not depend on how much is right.
    package func isIn(_ header: String?) -> Bool {
        let given = Array((header ?? "").utf8)
        var isEqual = false
        for form in forms {
            var difference = UInt8(given.count == form.count ? 0 : 1)
            for index in form.indices { difference |= form[index] ^ (index < given.count ? given[index] : 0) }
            if difference == 0 { isEqual = true }
        }
        return isEqual
    }
}
