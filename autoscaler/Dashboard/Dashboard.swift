import Foundation
import Jobs
import Pacing
import Synchronization

/// The autoscaler's dashboard: a live view in the terminal, or one look as text or JSON.
public struct Dashboard: Sendable {
    private let address: RedisAddress
    private let interval: Duration
    private let capabilities: Capabilities

    /// A dashboard of the service whose Redis is at `address`.
    ///
    /// - Parameters:
    ///   - interval: how often the live view reads Redis.
    ///   - capabilities: of the terminal on standard output.
    public init(address: RedisAddress, interval: Duration = .seconds(1), capabilities: Capabilities) {
        self.address = address
        self.interval = interval
        self.capabilities = capabilities
    }

    // MARK: - One look

    /// What there is to see, as text.
    ///
    /// - Parameter width: the columns to use.
    /// - Throws: ``RedisError`` when Redis cannot be read.
    public func text(width: Int? = nil) async throws -> String {
        let model = try await look()
        let columns = width ?? TerminalMode.size(of: STDOUT_FILENO)?.width ?? 100
        return DashboardView(model, unicode: capabilities.unicode).report(width: columns).rows.joined(separator: "\n")
    }

    /// What there is to see, as JSON for machines.
    ///
    /// - Throws: ``RedisError`` when Redis cannot be read.
    public func json() async throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return String(decoding: try encoder.encode(DashboardReport(try await look())), as: UTF8.self)
    }

    private func look() async throws -> DashboardModel {
        var model = emptyModel
        _ = model.update(.observed(try await Observer(queue: queue(.seconds(3))).observe()))
        return model
    }

    private var emptyModel: DashboardModel {
        DashboardModel(source: address.description, clockOffset: TimeZone.current.secondsFromGMT())
    }

    private func queue(_ patience: Duration) -> RedisJobQueue {
        let timeouts = RedisTimeouts(connect: .seconds(1), command: .seconds(2), patience: patience)
        return RedisJobQueue(address: address, options: QueueOptions(timeouts: timeouts))
    }

    // MARK: - Live

    /// Shows the live view until the operator or a signal ends it. The terminal is left as it was found.
    ///
    /// - Throws: ``TerminalError`` when there is no terminal. That Redis is away is shown, not thrown.
    public func run() async throws {
        let mailbox = Mailbox()
        let screen = try TerminalScreen(input: STDIN_FILENO, output: STDOUT_FILENO, colors: capabilities.colors)
        let signals = Signals([SIGWINCH, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT]) { number in
            mailbox.send(number == SIGWINCH || number == SIGCONT ? .redraw : .end)
        }
        do {
            try await screen.enter()
            try await show(on: screen, mailbox)
        } catch {
            await screen.leave()
            throw error
        }
        withExtendedLifetime(signals) {}
    }

    private func show(on screen: TerminalScreen, _ mailbox: Mailbox) async throws {
        let input = TerminalInput(descriptor: STDIN_FILENO)
        let observer = Observer(queue: queue(.zero))
        let (requests, requester) = AsyncStream.makeStream(of: Request.self)
        let (rounds, rounder) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try await withThrowingTaskGroup { group in
            group.addTask {
                await input.run { keys in for key in keys { mailbox.send(.key(key)) } }
                mailbox.send(.end)
            }
            group.addTask { [interval] in
                repeat { rounder.yield() } while await pause(for: interval)
            }
            group.addTask { for await _ in rounds { mailbox.send(await observation(observer)) } }
            group.addTask {
                for await request in requests {
                    mailbox.send(await outcome(observer, request))
                    rounder.yield()
                }
            }
            defer {
                group.cancelAll()
                input.stop()
            }
            try await react(mailbox, screen) {
                requester.yield($0)
            } look: { page in
                await observer.look(at: page)
                rounder.yield()
            }
            // The terminal is given back at once, whatever the connections to Redis still wait for.
            await screen.leave()
        }
    }

    /// Handles messages until one of them ends the view.
    private func react(
        _ mailbox: Mailbox, _ screen: TerminalScreen, ask: (Request) -> Void, look: (Page) async -> Void
    ) async throws {
        var model = emptyModel
        var size = TerminalMode.size(of: STDOUT_FILENO) ?? Size(width: 80, height: 24)
        await screen.draw(picture(model, size), whole: true)
        for await _ in mailbox.bell {
            var isWhole = false
            for effect in mailbox.take().flatMap({ model.update($0) }) {
                switch effect {
                case .request(let request): ask(request)
                case .look(let page): await look(page)
                case .redraw: isWhole = true
                case .suspend:
                    try await screen.suspend()
                    isWhole = true
                case .quit: return
                }
            }
            if isWhole { size = TerminalMode.size(of: STDOUT_FILENO) ?? size }
            await screen.draw(picture(model, size), whole: isWhole)
        }
    }

    private func picture(_ model: DashboardModel, _ size: Size) -> CellBuffer {
        DashboardView(model, unicode: capabilities.unicode).picture(size)
    }
}

private func observation(_ observer: Observer) async -> Message {
    do {
        return .observed(try await observer.observe())
    } catch let error as RedisError where !error.isTransient {
        return .away("Redis cannot be read, retrying: \(error)")
    } catch {
        return .away("Redis away, retrying: \(error)")
    }
}

private func outcome(_ observer: Observer, _ request: Request) async -> Message {
    do { return .carriedOut(try await observer.carryOut(request)) } catch { return .refused("\(error)") }
}

/// Messages for one reader, who takes all that have come at once, so that a burst of them is drawn once.
final class Mailbox: Sendable {
    private let messages = Mutex<[Message]>([])
    private let ringer: AsyncStream<Void>.Continuation
    /// Rings when there are messages.
    let bell: AsyncStream<Void>

    init() { (bell, ringer) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    /// Leaves a message.
    func send(_ message: Message) {
        messages.withLock { $0.append(message) }
        ringer.yield()
    }

    /// The messages that have come, in the order in which they came.
    func take() -> [Message] {
        messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }
}
