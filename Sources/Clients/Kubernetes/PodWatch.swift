import Foundation
import HTTPTransport
import Streams

/// What happened to the pods of a selector.
public enum PodChange: Sendable, Equatable {
    /// These are all pods now, whatever was known before: at the start, and when changes were missed.
    case snapshot([Pod])
    /// A pod is new or has changed.
    case updated(Pod)
    /// A pod is gone.
    case removed(Pod)
    /// The server cannot be reached: what is known may be out of date. Said once; the watch goes on trying.
    case stale(KubernetesError)
    /// The server can be reached again, and nothing was missed.
    case current
}

/// The pods of a selector and their changes, without an end.
///
/// A list is followed by watches, each from where the one before it ended: broken connections are resumed, and when the
/// server has forgotten that place (410), the pods are listed again.
/// Source: Kubernetes documentation, "Efficient detection of changes".
public struct PodWatch: AsyncSequence, Sendable {
    /// A change.
    public typealias Element = PodChange

    let client: KubernetesClient
    let selector: String?
    let seconds: Int

    /// Starts to watch.
    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    /// Where a watch is.
    public struct Iterator: AsyncIteratorProtocol {
        private enum Phase {
            case list
            case connect(since: String)
            case read(LineReader, since: String)
            case ended
        }

        private let watch: PodWatch
        private var phase = Phase.list
        private var isStale = false
        private var pauses: RetryPolicy.Pauses
        /// Connections since something was last heard; the first one to hear nothing is replaced at once.
        private var silentConnections = 0
        private var pause: Duration?

        init(_ watch: PodWatch) {
            self.watch = watch
            pauses = watch.client.retry.forever.pauses
        }

        /// Waits for the next change.
        ///
        /// - Throws: ``KubernetesError`` when trying again is of no use, as with missing permissions; and
        ///   `CancellationError`. After that there is nothing more.
        public mutating func next() async throws -> PodChange? {
            while true {
                do {
                    try Task.checkCancellation()
                    if let pause = pause.take() { try await watch.client.retry.sleep(pause) }
                    if let change = try await step() { return change }
                    if case .ended = phase { return nil }
                } catch KubernetesError.expired {
                    phase = .list
                } catch let error as KubernetesError where !error.endsWatch {
                    if let change = lost(error) { return change }
                } catch {
                    phase = .ended
                    throw error
                }
            }
        }

        private mutating func step() async throws -> PodChange? {
            switch phase {
            case .ended: return nil
            case .list:
                let (pods, version) = try await watch.client.podList(matching: watch.selector)
                phase = .connect(since: version)
                heard()
                isStale = false
                return .snapshot(pods)
            case .connect(let version):
                let stream = try await watch.open(since: version)
                phase = .read(LineReader(stream), since: version)
                defer { isStale = false }
                return isStale ? .current : nil
            case .read(var reader, let version):
                let line = try? await reader.next()
                try Task.checkCancellation()
                guard let line else {
                    reconnect(since: version)
                    return nil
                }
                return handle(line, reader, since: version)
            }
        }

        private mutating func handle(_ line: Data, _ reader: LineReader, since version: String) -> PodChange? {
            switch (try? JSONDecoder.kubernetes.decode(WatchEvent.self, from: line)) ?? .unreadable {
            case .error(let status):
                // Not only 410: whatever it was, a list brings certainty.
                phase = .list
                if status.code != 410 { reconnect(since: nil) }
                return nil
            case .bookmark(let newer):
                heard()
                phase = .read(reader, since: newer)
                return nil
            case .change(let change, let newer):
                heard()
                phase = .read(reader, since: newer ?? version)
                return change
            case .unreadable:
                reconnect(since: nil)
                return nil
            case .unknown:
                phase = .read(reader, since: version)
                return nil
            }
        }

        private mutating func heard() {
            silentConnections = 0
            pauses = watch.client.retry.forever.pauses
        }

        /// Goes on from a version, or from a list, not in a hurry if nothing was heard.
        private mutating func reconnect(since version: String?) {
            phase = version.map { .connect(since: $0) } ?? .list
            silentConnections += 1
            if silentConnections > 1 { pause = pauses.next() }
        }

        private mutating func lost(_ error: KubernetesError) -> PodChange? {
            if case .read(_, let version) = phase { phase = .connect(since: version) }
            pause = pauses.next(retryAfter: error.retryAfter) ?? error.retryAfter
            guard !isStale else { return nil }
            isStale = true
            return .stale(error)
        }
    }

    private func open(since version: String) async throws -> ByteStream {
        let request = APIRequest.podChanges(
            matching: selector, since: version, seconds: seconds, in: client.namespace)
        // The server ends the watch; the limit is for one that forgot to.
        let limit = HTTPTimeouts(idle: KubernetesClient.silence, total: .seconds(seconds + 30))
        return try await client.open(request, timeouts: limit)
    }
}

extension KubernetesError {
    /// Whether somebody has to change something before a watch can succeed.
    fileprivate var endsWatch: Bool {
        switch self {
        case .forbidden, .notFound, .invalid, .refused, .malformed, .configuration: true
        case .unreachable(let error): !error.isTransient
        default: false
        }
    }
}

extension KubernetesClient {
    /// The pods that match a label selector, and their changes from then on.
    ///
    /// - Parameter seconds: how long the server is asked to keep one connection.
    public func podChanges(matching selector: String? = nil, seconds: Int = 300) -> PodWatch {
        PodWatch(client: self, selector: selector, seconds: seconds)
    }
}

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

/// The lines of a stream of bytes, as they come.
struct LineReader {
    private var chunks: ByteStream.AsyncIterator
    private var buffer = Data()
    private var searched = 0
    private let limit: Int

    /// - Parameter limit: the longest line that is accepted, in bytes.
    init(_ stream: ByteStream, limit: Int = 8 << 20) {
        chunks = stream.makeAsyncIterator()
        self.limit = limit
    }

    /// The next line that is not empty, without its end; `nil` at the end. A last line without an end is cut off in the
    /// middle, and dropped.
    mutating func next() async throws -> Data? {
        while true {
            if let end = buffer[(buffer.startIndex + searched)...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = buffer[..<end]
                buffer = Data(buffer[(end + 1)...])
                searched = 0
                if !line.isEmpty { return Data(line) }
                continue
            }
            searched = buffer.count
            guard searched <= limit else { throw HTTPError.bodyTooLarge(limit: limit) }
            guard let chunk = try await chunks.next() else { return nil }
            buffer.append(chunk)
        }
    }
}

/// The pods that a watch has told of so far.
public struct PodSet: Sendable, Equatable {
    private var byName: [String: Pod] = [:]
    /// Whether this is how the cluster is: a list has come, and the server can be reached.
    public private(set) var isCurrent = false

    /// No pods, and nothing known.
    public init() {}

    /// The pods, sorted by name.
    public var pods: [Pod] { byName.values.sorted { $0.name < $1.name } }

    /// The pod of a name.
    public subscript(name: String) -> Pod? { byName[name] }

    /// Takes a change in.
    public mutating func apply(_ change: PodChange) {
        switch change {
        case .snapshot(let pods):
            byName = Dictionary(pods.map { ($0.name, $0) }) { $1 }
            isCurrent = true
        case .updated(let pod): byName[pod.name] = pod
        case .removed(let pod): byName[pod.name] = nil
        case .stale: isCurrent = false
        case .current: isCurrent = true
        }
    }
}
