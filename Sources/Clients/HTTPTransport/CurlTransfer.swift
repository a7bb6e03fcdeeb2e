import CCurl
import Foundation

/// One libcurl transfer. It lives on the loop's thread, where all callbacks come, and frees its handle at its end.
final class CurlTransfer {
    /// The largest header section that is accepted. Object storages send up to 8 KB that were stored with an object, and what the
    /// request's own query adds; older ones of ours sent some 80 KB. libcurl ends at 300 KB.
    static let headerLimit = 256 << 10

    let easy: UnsafeMutableRawPointer
    let exchange: Exchange
    let request: HTTPRequest
    let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    var list: UnsafeMutablePointer<curl_slist>?
    var source = Source.none
    private var status = 0
    private var headers = HTTPHeaders()
    private var headerBytes = 0
    private var redirections = 0
    private var isHeadDelivered = false

    enum Source {
        case none
        case bytes(Data, position: Int)
        case file(descriptor: Int32, range: Range<Int>, position: Int)
        case stream(OutgoingBody)
    }

    init(_ exchange: Exchange, _ request: HTTPRequest) throws {
        guard let easy = curl_easy_init() else { throw HTTPError.failed(request.address, "out of memory") }
        self.easy = easy
        self.exchange = exchange
        self.request = request
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        try configure()
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_slist_free_all(list)
        message.deallocate()
        if case .file(let descriptor, _, _) = source { close(descriptor) }
    }

    // MARK: - Callbacks

    func receiveHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard !isHeadDelivered else { return bytes.count }  // a trailer
        headerBytes += bytes.count
        guard headerBytes <= Self.headerLimit else {
            exchange.incoming.finish(.failure(HTTPError.headersTooLarge(limit: Self.headerLimit)))
            return 0
        }
        let line = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        if line.hasPrefix("HTTP/") {
            headers = HTTPHeaders()
            status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        } else if let colon = line.firstIndex(of: ":") {
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            headers.add(String(line[..<colon]), value)
        } else if line.isEmpty {
            endHead()
        }
        return bytes.count
    }

    private func endHead() {
        if (100..<200).contains(status) { return }
        if redirections < request.redirects, [301, 302, 303, 307, 308].contains(status), headers["Location"] != nil {
            redirections += 1
            headerBytes = 0
            return
        }
        isHeadDelivered = true
        exchange.incoming.receive(head: .init(status: status, headers: headers))
    }

    func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard isHeadDelivered else { return bytes.count }  // the body of a redirection
        return exchange.incoming.receive(bytes) ? bytes.count : curl_write_pause
    }

    func send(into target: UnsafeMutableRawBufferPointer) -> Int {
        switch source {
        case .none: return 0
        case .bytes(let data, let position):
            let count = min(target.count, data.count - position)
            data.copyBytes(to: target, from: data.startIndex + position..<data.startIndex + position + count)
            source = .bytes(data, position: position + count)
            return count
        case .file(let descriptor, let range, let position):
            let wanted = min(target.count, range.upperBound - position)
            let count = wanted == 0 ? 0 : pread(descriptor, target.baseAddress, wanted, off_t(position))
            guard count > 0 || wanted == 0 else {
                let reason = count < 0 ? String(cString: strerror(errno)) : "it became shorter while it was sent"
                exchange.incoming.finish(.failure(HTTPError.unreadableFile("to be sent", reason)))
                return curl_read_abort
            }
            source = .file(descriptor: descriptor, range: range, position: position + count)
            return count
        case .stream(let outgoing):
            switch outgoing.read(into: target) {
            case .bytes(let count): return count
            case .later: return curl_read_pause
            case .failed: return curl_read_abort
            }
        }
    }

    func rewind(to offset: Int, origin: Int32) -> Int32 {
        guard origin == SEEK_SET else { return CURL_SEEKFUNC_CANTSEEK }
        switch source {
        case .bytes(let data, _):
            source = .bytes(data, position: offset)
        case .file(let descriptor, let range, _):
            source = .file(descriptor: descriptor, range: range, position: range.lowerBound + offset)
        case .none, .stream: return CURL_SEEKFUNC_CANTSEEK
        }
        return CURL_SEEKFUNC_OK
    }

    // MARK: - The end

    /// Tells both sides that libcurl is done with the transfer.
    func finish(_ code: CURLcode) {
        if let failure = exchange.outgoing.failure, code != CURLE_OK {
            exchange.incoming.finish(.failure(failure))
        } else {
            exchange.incoming.finish(code == CURLE_OK ? .success(()) : .failure(error(code)))
        }
        exchange.outgoing.close()
    }

    private func error(_ code: CURLcode) -> HTTPError {
        var reason = String(cString: message)
        if reason.isEmpty { reason = String(cString: curl_easy_strerror(code)) }
        var number = 0
        curl_easy_get_long(easy, CURLINFO_OS_ERRNO, &number)
        if number != 0, code == CURLE_COULDNT_CONNECT { reason = String(cString: strerror(Int32(number))) }
        return HTTPError(code, address: request.address, reason: reason)
    }
}

extension HTTPRequest {
    /// Scheme, host and path: what may be shown. A query may carry a signature, and user information a password.
    var address: String {
        let base = url.prefix { $0 != "?" && $0 != "#" }
        guard let scheme = base.range(of: "://") else { return String(base) }
        let rest = base[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" }
        guard let at = authority.lastIndex(of: "@") else { return String(base) }
        return String(base[..<scheme.upperBound] + rest[rest.index(after: at)...])
    }
}

extension Duration {
    var milliseconds: Int { Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000) }
}
