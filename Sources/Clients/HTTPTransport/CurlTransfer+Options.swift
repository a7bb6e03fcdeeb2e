import CCurl
import Foundation

/// What libcurl is told before the transfer starts.
extension CurlTransfer {
    func configure() throws {
        set(CURLOPT_URL, request.url)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_BUFFERSIZE, 64 << 10)
        set(CURLOPT_UPLOAD_BUFFERSIZE, 64 << 10)
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        set(CURLOPT_FOLLOWLOCATION, request.redirects > 0 ? 1 : 0)
        set(CURLOPT_MAXREDIRS, request.redirects)
        curl_easy_set_pointer(easy, CURLOPT_ERRORBUFFER, message)
        setTimeouts()
        setTLS()
        setCallbacks()
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

    private static func from(_ context: UnsafeMutableRawPointer?) -> CurlTransfer {
        Unmanaged<CurlTransfer>.fromOpaque(context!).takeUnretainedValue()
    }

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
            source = .stream(exchange.outgoing)
            length = known
        }
        let hasBody = if case .empty = request.body { false } else { true }
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
