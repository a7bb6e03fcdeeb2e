import CCurl
import Foundation
import Pacing

/// One libcurl transfer. It lives on the loop's thread, where all callbacks come, and frees its handle at its end.
final class CurlTransfer {
    /// The largest header section that is accepted. Object storages send up to 8 KB that were stored with an object, and what the
    /// request's own query adds; older ones of ours sent some 80 KB. libcurl ends at 300 KB.
    static let headerLimit = 256 << 10

    let easy: UnsafeMutableRawPointer
    let bodies: TransferBodies
    let request: HTTPRequest
    let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    var list: UnsafeMutablePointer<curl_slist>?
    var source = Source.none
    private var status = 0
    private var headers = HTTPHeaders()
    private var headerBytes = 0
    private var redirections = 0
    private var isHeadDelivered = false
    private var isPrivate = false

    enum Source {
        case none
        case bytes(Data, position: Int)
        case file(descriptor: Int32, range: Range<Int>, position: Int)
        case stream(OutgoingBody)
    }

    init(_ bodies: TransferBodies, _ request: HTTPRequest) throws {
        guard let easy = curl_easy_init() else { throw HTTPError.failed(request.address, "out of memory") }
        self.easy = easy
        self.bodies = bodies
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
            bodies.incoming.finish(.failure(HTTPError.headersTooLarge(limit: Self.headerLimit)))
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
        bodies.incoming.receive(head: .init(status: status, headers: headers))
    }

    func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard isHeadDelivered else { return bytes.count }  // the body of a redirection
        return bodies.incoming.receive(bytes) ? bytes.count : curl_write_pause
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
                bodies.incoming.finish(.failure(HTTPError.unreadableFile("to be sent", reason)))
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
        if let failure = bodies.outgoing.failure, code != CURLE_OK {
            bodies.incoming.finish(.failure(failure))
        } else {
            bodies.incoming.finish(code == CURLE_OK ? .success(()) : .failure(error(code)))
        }
        bodies.outgoing.close()
    }

    private func error(_ code: CURLcode) -> HTTPError {
        var reason = String(cString: message)
        if reason.isEmpty { reason = String(cString: curl_easy_strerror(code)) }
        var number = 0
        curl_easy_get_long(easy, CURLINFO_OS_ERRNO, &number)
        if isPrivate, code == CURLE_COULDNT_CONNECT { return .privateAddress(request.address) }
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

/// What libcurl is told before the transfer starts.
extension CurlTransfer {
    func configure() throws {
        set(CURLOPT_URL, request.url)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_NOSIGNAL, 1)
        // Many uploads go on side by side, and what answers them is short.
        set(CURLOPT_BUFFERSIZE, hasBody ? 16 << 10 : 64 << 10)
        set(CURLOPT_UPLOAD_BUFFERSIZE, 32 << 10)
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        set(CURLOPT_FOLLOWLOCATION, request.redirects > 0 ? 1 : 0)
        set(CURLOPT_MAXREDIRS, request.redirects)
        curl_easy_set_pointer(easy, CURLOPT_ERRORBUFFER, message)
        setTimeouts()
        setTLS()
        setCallbacks()
        if request.publicOnly { setPublicOnly() }
        try setBody()
        setHeaders()
    }

    private func setTimeouts() {
        set(CURLOPT_CONNECTTIMEOUT_MS, max(1, request.timeouts.connect.milliseconds))
        if let idle = request.timeouts.idle {
            set(CURLOPT_LOW_SPEED_LIMIT, 1)
            set(CURLOPT_LOW_SPEED_TIME, max(1, (idle.milliseconds + 999) / 1000))
        }
        if let total = request.timeouts.total { set(CURLOPT_TIMEOUT_MS, max(1, total.milliseconds)) }
    }

    private func setTLS() {
        set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        set(CURLOPT_SSL_VERIFYPEER, request.tls.verifiesServer ? 1 : 0)
        set(CURLOPT_SSL_VERIFYHOST, request.tls.verifiesServer ? 2 : 0)
        switch request.tls.trust {
        case .system: break
        case .file(let path): set(CURLOPT_CAINFO, path)
        case .pem(let pem): set(CURLOPT_CAINFO_BLOB, pem)
        }
        if let own = request.tls.clientCertificate {
            set(CURLOPT_SSLCERTTYPE, "PEM")
            set(CURLOPT_SSLCERT_BLOB, own.certificate)
            set(CURLOPT_SSLKEYTYPE, "PEM")
            set(CURLOPT_SSLKEY_BLOB, own.key)
        }
    }

    private func setCallbacks() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        curl_easy_set_pointer(easy, CURLOPT_HEADERDATA, context)
        curl_easy_set_data_callback(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            CurlTransfer.from(context).receiveHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        curl_easy_set_pointer(easy, CURLOPT_WRITEDATA, context)
        curl_easy_set_data_callback(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            CurlTransfer.from(context).receiveBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        curl_easy_set_pointer(easy, CURLOPT_READDATA, context)
        curl_easy_set_data_callback(easy, CURLOPT_READFUNCTION) { bytes, size, count, context in
            CurlTransfer.from(context).send(into: UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
        }
        curl_easy_set_pointer(easy, CURLOPT_SEEKDATA, context)
        curl_easy_set_rewind_callback(easy) { context, offset, origin in
            CurlTransfer.from(context).rewind(to: Int(offset), origin: origin)
        }
    }

    private func setPublicOnly() {
        set(CURLOPT_PROXY, "")
        set(CURLOPT_FRESH_CONNECT, 1)
        set(CURLOPT_FORBID_REUSE, 1)
        curl_easy_set_pointer(easy, CURLOPT_OPENSOCKETDATA, Unmanaged.passUnretained(self).toOpaque())
        curl_easy_set_open_socket(easy) { context, _, address in
            if let address, let socket = PublicAddress.open(address) { return socket }
            CurlTransfer.from(context).isPrivate = true
            return -1
        }
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> CurlTransfer {
        Unmanaged<CurlTransfer>.fromOpaque(context!).takeUnretainedValue()
    }

    private var hasBody: Bool { if case .empty = request.body { false } else { true } }

    private func setBody() throws {
        var length: Int? = 0
        switch request.body {
        case .empty: break
        case .bytes(let data):
            source = .bytes(data, position: 0)
            length = data.count
        case .file(let url, let range):
            let range = try openFile(url, range)
            length = range.count
        case .stream(_, let known):
            source = .stream(bodies.outgoing)
            length = known
        }
        if request.method == "HEAD" {
            set(CURLOPT_NOBODY, 1)
        } else if hasBody || ["POST", "PUT", "PATCH"].contains(request.method) {
            set(CURLOPT_UPLOAD, 1)
            curl_easy_set_offset(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(length ?? -1))
        }
        if request.method != "HEAD" { set(CURLOPT_CUSTOMREQUEST, request.method) }
    }

    private func openFile(_ url: URL, _ range: Range<Int>?) throws -> Range<Int> {
        let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw HTTPError.unreadableFile(url.path, String(cString: strerror(errno))) }
        var information = stat()
        let size = fstat(descriptor, &information) == 0 ? Int(information.st_size) : 0
        let range = range ?? 0..<size
        source = .file(descriptor: descriptor, range: range, position: range.lowerBound)
        guard range.upperBound <= size else {
            throw HTTPError.unreadableFile(url.path, "it has \(size) bytes, not \(range.upperBound)")
        }
        return range
    }

    private func setHeaders() {
        // Without this libcurl waits a second for a "100 Continue" that few servers send.
        append("Expect:")
        if request.headers["User-Agent"] == nil { append("User-Agent: msaas") }
        for field in request.headers {
            append(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        curl_easy_set_list(easy, CURLOPT_HTTPHEADER, list)
    }

    private func append(_ line: String) { list = curl_slist_append(list, line) }
    private func set(_ option: CURLoption, _ value: Int) { curl_easy_set_long(easy, option, value) }
    private func set(_ option: CURLoption, _ value: String) { curl_easy_set_string(easy, option, value) }
    private func set(_ option: CURLoption, _ value: Data) {
        _ = value.withUnsafeBytes { curl_easy_set_blob(easy, option, $0.baseAddress, $0.count) }
    }
}

extension HTTPError {
    /// libcurl's result as an error of ours.
    init(_ code: CURLcode, address: String, reason: String) {
        self =
            switch code {
            case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .invalidRequest("\(address) is not a web address")
            case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .unknownHost(address)
            case CURLE_COULDNT_CONNECT: .cannotConnect(address, reason)
            case CURLE_OPERATION_TIMEDOUT: .timedOut(address, reason)
            case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_SEND_FAIL_REWIND,
                CURLE_HTTP2, CURLE_HTTP2_STREAM:
                .connectionLost(address, reason)
            case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE,
                CURLE_SSL_CERTPROBLEM, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CIPHER:
                .tls(address, reason)
            default: .failed(address, reason)
            }
    }
}
