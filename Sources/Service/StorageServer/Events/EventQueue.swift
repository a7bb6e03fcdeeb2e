import Foundation

/// The events that one target has not taken yet, one file each, named in the order in which they happened.
///
/// An event is written before the change it tells of becomes visible (`.pending`) and is published after it (`.json`).
struct EventQueue: Sendable {
    let target: WebhookTarget
    let directory: String
    /// Says that something was published.
    let published: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init(target: WebhookTarget, directory: String) throws {
        self.target = target
        self.directory = directory
        (published, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try Disk.makeDirectory(directory)
    }

    /// Writes an event that is not to be sent yet.
    func prepare(_ sequencer: String, _ document: Data) throws {
        try Disk.write(document, to: "\(directory)/\(sequencer).pending")
    }

    /// Lets a prepared event go.
    func publish(_ sequencer: String) throws {
        try Disk.rename("\(directory)/\(sequencer).pending", to: "\(directory)/\(sequencer).json")
        try Disk.sync(directory: directory)
        signal.yield()
    }

    func discard(_ sequencer: String) throws {
        try Disk.remove("\(directory)/\(sequencer).pending")
    }

    /// The sequencers of events that were prepared when the server died.
    func prepared() throws -> [String] { try sequencers(".pending") }

    /// The sequencers of events to be sent, oldest first.
    func waiting() throws -> [String] { try sequencers(".json") }

    private func sequencers(_ ending: String) throws -> [String] {
        try Disk.names(in: directory).filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) }.sorted()
    }

    func document(_ sequencer: String) throws -> Data { try Disk.read("\(directory)/\(sequencer).json") }

    func remove(_ sequencer: String) throws { try Disk.remove("\(directory)/\(sequencer).json") }
}
