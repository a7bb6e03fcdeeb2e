/// One line of a watch.
enum WatchEvent: Decodable {
    case change(PodChange, version: String?)
    case bookmark(version: String)
    case error(Status)
    /// A kind of event that is newer than this client.
    case unknown
    /// No event at all.
    case unreadable

    private enum CodingKeys: String, CodingKey { case type, object }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(String.self, forKey: .type) {
        case "ADDED", "MODIFIED":
            let pod = try container.decode(Pod.self, forKey: .object)
            self = .change(.updated(pod), version: pod.metadata.resourceVersion)
        case "DELETED":
            let pod = try container.decode(Pod.self, forKey: .object)
            self = .change(.removed(pod), version: pod.metadata.resourceVersion)
        case "BOOKMARK":
            let pod = try container.decode(Pod.self, forKey: .object)
            self = pod.metadata.resourceVersion.map { .bookmark(version: $0) } ?? .unknown
        case "ERROR": self = .error(try container.decode(Status.self, forKey: .object))
        default: self = .unknown
        }
    }
}
