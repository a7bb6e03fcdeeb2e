/// The objects of a bucket in the order of their keys' bytes, which is the order of every listing.
struct KeyIndex: Sendable {
    private var records: [ObjectKey: ObjectRecord] = [:]
    private var sorted: [String] = []

    /// Compares as bytes; `String` itself takes é and e´ for the same.
    private struct ObjectKey: Hashable {
        let text: String
        static func == (left: Self, right: Self) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }
        func hash(into hasher: inout Hasher) {
            var text = text
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }

    init() {}

    init(_ all: [ObjectRecord]) {
        records = Dictionary(all.map { (ObjectKey(text: $0.key), $0) }) { $1 }
        sorted = records.keys.map(\.text).sorted { $0.precedesInBytes($1) }
    }

    var isEmpty: Bool { records.isEmpty }

    /// Every object, in no order.
    var all: some Sequence<ObjectRecord> { records.values }

    subscript(key: String) -> ObjectRecord? {
        get { records[ObjectKey(text: key)] }
        set {
            let index = firstIndex { !$0.precedesInBytes(key) }
            let isThere = index < sorted.count && sorted[index].utf8.elementsEqual(key.utf8)
            switch (newValue, isThere) {
            case (.some, false): sorted.insert(key, at: index)
            case (nil, true): sorted.remove(at: index)
            default: break
            }
            records[ObjectKey(text: key)] = newValue
        }
    }

    /// A page of a listing.
    struct Page: Sendable {
        var objects: [ObjectRecord] = []
        var prefixes: [String] = []
        /// The last key or prefix on the page, if there are more.
        var next: String?
    }

    /// Lists what comes behind `marker`. A common prefix counts as one entry; a marker that is a common prefix stands for all
    /// keys that begin with it.
    func page(prefix: String, delimiter: String, after marker: String, limit: Int) -> Page {
        var page = Page()
        guard limit > 0 else { return page }
        var position = firstIndex { !$0.precedesInBytes(prefix) }
        if !marker.isEmpty {
            let isPrefix = Self.commonPrefix(of: marker, behind: prefix, delimiter)?.utf8.count == marker.utf8.count
            let behind = firstIndex {
                marker.precedesInBytes($0) && !(isPrefix && $0.hasPrefix(marker, inBytes: true))
            }
            position = max(position, behind)
        }
        var last = ""
        while position < sorted.count, sorted[position].hasPrefix(prefix, inBytes: true) {
            guard page.objects.count + page.prefixes.count < limit else {
                page.next = last
                break
            }
            let key = sorted[position]
            if let common = Self.commonPrefix(of: key, behind: prefix, delimiter) {
                page.prefixes.append(common)
                last = common
                position = firstIndex { common.precedesInBytes($0) && !$0.hasPrefix(common, inBytes: true) }
            } else {
                if let record = self[key] { page.objects.append(record) }
                last = key
                position += 1
            }
        }
        return page
    }

    private static func commonPrefix(of key: String, behind prefix: String, _ delimiter: String) -> String? {
        guard !delimiter.isEmpty else { return nil }
        let (bytes, mark) = (Array(key.utf8), Array(delimiter.utf8))
        guard key.hasPrefix(prefix, inBytes: true) else { return nil }
        var start = prefix.utf8.count
        while start + mark.count <= bytes.count {
            if bytes[start..<start + mark.count].elementsEqual(mark) {
                return String(decoding: bytes[..<(start + mark.count)], as: UTF8.self)
            }
            start += 1
        }
        return nil
    }

    /// The first position whose key fulfils a condition that, once fulfilled, stays so.
    private func firstIndex(where condition: (String) -> Bool) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if condition(sorted[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
