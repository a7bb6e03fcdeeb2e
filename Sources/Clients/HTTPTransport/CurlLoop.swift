import CCurl
import Foundation
import Synchronization

/// The thread that drives every transfer of a transport.
///
/// `@unchecked Sendable`: the libcurl handle is used by the loop's thread only, but for `curl_multi_wakeup`, which may
/// come from any thread and is called while the command lock is held, so that the handle is still there.
final class CurlLoop: @unchecked Sendable {
    enum Command: Sendable {
        case start(Exchange, HTTPRequest)
        case resume(Exchange)
        case cancel(Exchange)
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
        case .start(let exchange, let request):
            guard !exchange.incoming.isFinished else { return exchange.outgoing.close() }
            do {
                let transfer = try CurlTransfer(exchange, request)
                transfers[ObjectIdentifier(exchange)] = transfer
                curl_multi_add_handle(multi, transfer.easy)
            } catch {
                exchange.incoming.finish(.failure(error))
                exchange.outgoing.close()
            }
        case .resume(let exchange):
            if let transfer = transfers[ObjectIdentifier(exchange)] {
                curl_easy_pause(transfer.easy, CURLPAUSE_CONT)
            }
        case .cancel(let exchange):
            exchange.incoming.finish(.failure(CancellationError()))
            if let transfer = transfers.removeValue(forKey: ObjectIdentifier(exchange)) {
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
final class Exchange: Sendable {
    let incoming = IncomingBody()
    let outgoing = OutgoingBody()
}
