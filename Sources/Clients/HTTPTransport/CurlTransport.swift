import CCurl
import Foundation
import NIOCore
import Streams
import Synchronization

/// HTTP over libcurl: one thread drives all transfers, connections are kept and used again.
///
/// A transport is made once and shared. Its thread ends when the last reference to it, and to the bodies of its answers,
/// is gone.
public final class CurlTransport: HTTPTransport {
    private let owner = LoopOwner()

    /// A transport with a thread of its own.
    public init() {}

    /// Sends `request` as ``HTTPTransport/send(_:)`` says.
    public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        try request.validate()
        let bodies = TransferBodies()
        let loop = owner.loop
        loop.post(.start(bodies, request))
        let answer = Answer(bodies, owner)
        let head = try await withTaskCancellationHandler {
            try await Self.head(bodies, request.body, loop)
        } onCancel: {
            answer.cancel()
        }
        return HTTPResponse(
            status: head.status, headers: head.headers, body: ByteStream(next: { try await answer.next() }))
    }

    /// Sends the body, if it streams, while it waits for the answer's head.
    private static func head(_ bodies: TransferBodies, _ body: HTTPBody, _ loop: CurlLoop) async throws
        -> IncomingBody.Head
    {
        guard case .stream(let stream, let length) = body else { return try await bodies.incoming.head() }
        async let sent: Void = bodies.outgoing.send(stream, length: length) { loop.post(.resume(bodies)) }
        let head = try await bodies.incoming.head()
        if head.status < 300 { await sent }
        return head
    }
}

/// Stops the loop's thread when nobody can use it any more.
private final class LoopOwner: Sendable {
    let loop = CurlLoop()
    deinit { loop.post(.stop) }
}

/// The reader's end of an answer; letting go of it aborts the transfer if it is not done.
private final class Answer: Sendable {
    private let bodies: TransferBodies
    private let owner: LoopOwner

    init(_ bodies: TransferBodies, _ owner: LoopOwner) {
        self.bodies = bodies
        self.owner = owner
    }

    deinit { cancel() }

    func cancel() {
        if !bodies.incoming.isFinished { owner.loop.post(.cancel(bodies)) }
    }

    func next() async throws -> ByteBuffer? {
        try await withTaskCancellationHandler {
            try await bodies.incoming.next { owner.loop.post(.resume(bodies)) }
        } onCancel: {
            cancel()
        }
    }
}

extension HTTPRequest {
    /// Refuses what would break out of its line in the request's head.
    func validate() throws(HTTPError) {
        guard url.hasPrefix("http://") || url.hasPrefix("https://"), url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { throw .invalidRequest("\(address) is not a percent-encoded http or https address") }
        guard !method.isEmpty, method.utf8.allSatisfy(\.isTokenCharacter) else {
            throw .invalidRequest("its method is not a word")
        }
        for field in headers {
            guard !field.name.isEmpty, field.name.utf8.allSatisfy(\.isTokenCharacter),
                field.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 })
            else {
                throw .invalidRequest("the header field \(field.name.debugDescription) has characters it may not have")
            }
        }
    }
}

extension UInt8 {
    /// Whether a character may be in a method or a header name (RFC 9110, section 5.6.2).
    fileprivate var isTokenCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(self)
        }
    }
}

/// The thread that drives every transfer of a transport.
///
/// `@unchecked Sendable`: the libcurl handle is used by the loop's thread only, but for `curl_multi_wakeup`, which may
/// come from any thread and is called while the command lock is held, so that the handle is still there.
final class CurlLoop: @unchecked Sendable {
    enum Command: Sendable {
        case start(TransferBodies, HTTPRequest)
        case resume(TransferBodies)
        case cancel(TransferBodies)
        case stop
    }

    private let multi: UnsafeMutableRawPointer
    private let commands = Mutex<[Command]>([])

    init() {
        _ = Self.initialised
        multi = curl_multi_init()!  // fails only without memory
        curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 64)
        let thread = Thread { [self] in run() }
        thread.name = "http"
        thread.start()
    }

    private static let initialised: Bool = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

    /// Gives the thread something to do.
    func post(_ command: Command) {
        commands.withLock {
            $0.append(command)
            curl_multi_wakeup(multi)
        }
    }

    private func run() {
        var transfers: [ObjectIdentifier: CurlTransfer] = [:]
        var isStopped = false
        while !isStopped {
            let batch = commands.withLock { commands in
                defer { commands = [] }
                return commands
            }
            for command in batch {
                if case .stop = command { isStopped = true } else { obey(command, &transfers) }
            }
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            collect(&transfers)
            if !isStopped { curl_multi_poll(multi, nil, 0, 60_000, nil) }
        }
        for transfer in transfers.values {
            curl_multi_remove_handle(multi, transfer.easy)
            transfer.finish(CURLE_ABORTED_BY_CALLBACK)
        }
        transfers = [:]
        curl_multi_cleanup(multi)
    }

    private func obey(_ command: Command, _ transfers: inout [ObjectIdentifier: CurlTransfer]) {
        switch command {
        case .start(let bodies, let request):
            guard !bodies.incoming.isFinished else { return bodies.outgoing.close() }
            do {
                let transfer = try CurlTransfer(bodies, request)
                transfers[ObjectIdentifier(bodies)] = transfer
                curl_multi_add_handle(multi, transfer.easy)
            } catch {
                bodies.incoming.finish(.failure(error))
                bodies.outgoing.close()
            }
        case .resume(let bodies):
            if let transfer = transfers[ObjectIdentifier(bodies)] {
                curl_easy_pause(transfer.easy, CURLPAUSE_CONT)
            }
        case .cancel(let bodies):
            bodies.incoming.finish(.failure(CancellationError()))
            if let transfer = transfers.removeValue(forKey: ObjectIdentifier(bodies)) {
                curl_multi_remove_handle(multi, transfer.easy)
                transfer.finish(CURLE_ABORTED_BY_CALLBACK)
            }
        case .stop: break
        }
    }

    private func collect(_ transfers: inout [ObjectIdentifier: CurlTransfer]) {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            let code = curl_message_result(message)
            guard let entry = transfers.first(where: { $0.value.easy == easy }) else { continue }
            curl_multi_remove_handle(multi, easy)
            transfers[entry.key] = nil
            entry.value.finish(code)
        }
    }
}

/// The two bodies of one request and its answer, shared by the loop and the tasks at their ends.
final class TransferBodies: Sendable {
    let incoming = IncomingBody()
    let outgoing = OutgoingBody()
}
