import EnvironmentSettings
import Foundation

/// A network address as its 4 or 16 bytes.
struct NetworkAddress: Hashable, Sendable {
    let bytes: [UInt8]

    /// Reads `127.0.0.1`, `::1`, and `::ffff:127.0.0.1` as the IPv4 address in it; nil for anything else.
    init?(_ text: some StringProtocol) {
        let text = String(text)
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: &four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            let all = withUnsafeBytes(of: &six) { Array($0) }
            let isMapped = all[..<10].allSatisfy { $0 == 0 } && all[10] == 0xff && all[11] == 0xff
            bytes = isMapped ? Array(all[12...]) : all
        } else {
            return nil
        }
    }

    /// As people write it.
    var text: String {
        var characters = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 16 ? AF_INET6 : AF_INET
        guard inet_ntop(family, bytes, &characters, socklen_t(characters.count)) != nil else { return "?" }
        return String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The client that an address stands for: an IPv6 client has a whole /64 of addresses.
    var client: String {
        let kept = bytes.count == 16 ? bytes.prefix(8) : bytes[...]
        return kept.map { String($0) }.joined(separator: bytes.count == 16 ? ":" : ".")
    }
}

/// Addresses that begin with the same bits: `10.0.0.0/8`, `fd00::/8`, or one address alone.
struct AddressRange: Sendable, Equatable {
    private let start: NetworkAddress
    private let bits: Int

    /// - Returns: nil when the text is no range.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let start = NetworkAddress(parts[0]) else { return nil }
        guard let bits = parts.count > 1 ? Int(parts[1]) : start.bytes.count * 8,
            (0...start.bytes.count * 8).contains(bits)
        else { return nil }
        self.start = start
        self.bits = bits
    }

    func contains(_ address: NetworkAddress) -> Bool {
        guard address.bytes.count == start.bytes.count else { return false }
        return zip(address.bytes, start.bytes).enumerated().allSatisfy { index, pair in
            let left = max(0, min(8, bits - index * 8))
            return (pair.0 ^ pair.1) & UInt8(truncatingIfNeeded: 0xff00 >> left) == 0
        }
    }
}

/// The proxies whose word on where a request comes from is believed.
package struct TrustedProxies: Sendable, Equatable {
    private var ranges: [AddressRange]

    /// Reads ranges separated by commas; nil when one is none.
    package init?(_ text: String) {
        ranges = []
        for part in text.split(separator: ",") {
            guard let range = AddressRange(part.trimmingCharacters(in: .whitespaces)) else { return nil }
            ranges.append(range)
        }
    }

    package init() { ranges = [] }

    /// Whether an address is one of them.
    package func contain(_ address: String) -> Bool {
        NetworkAddress(address).map { address in ranges.contains { $0.contains(address) } } ?? false
    }

    /// The client that a request counts for, see ``source(peer:forwardedFor:)``.
    package func client(peer: String?, forwardedFor: String?) -> String {
        source(peer: peer, forwardedFor: forwardedFor)?.client ?? "unknown"
    }

    /// The client's address: the peer's own, or when that is a trusted proxy, the last one in `X-Forwarded-For` that is none.
    /// What stands before it was written by the client and proves nothing.
    func source(peer: String?, forwardedFor: String?) -> NetworkAddress? {
        guard let peer, var address = NetworkAddress(peer) else { return nil }
        for hop in (forwardedFor ?? "").split(separator: ",").reversed() {
            guard ranges.contains(where: { $0.contains(address) }),
                let next = NetworkAddress(hop.trimmingCharacters(in: .whitespaces))
            else { break }
            address = next
        }
        return address
    }
}

extension Form<TrustedProxies> {
    /// Addresses or ranges, separated by commas.
    static var proxies: Form {
        Form("addresses or ranges such as 10.0.0.0/8, separated by commas") { TrustedProxies($0) }
    }
}
