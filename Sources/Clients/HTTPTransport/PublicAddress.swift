import CCurl
import Foundation

/// Tells addresses of the public internet from all others, so that a request whose address a stranger has chosen reaches nothing of
/// the network that we are in.
///
/// What counts is the address that a connection is made to, looked at as the socket is opened: neither a name that leads elsewhere
/// the second time ("DNS rebinding"), nor another spelling of an address, nor a redirection goes past it. The ranges are those of
/// IANA's registries of special-purpose addresses that are not globally reachable, and multicast.
package enum PublicAddress {
    private static let privateFour: [(start: UInt32, bits: UInt32)] = [
        (0x0000_0000, 8), (0x0a00_0000, 8), (0x6440_0000, 10), (0x7f00_0000, 8), (0xa9fe_0000, 16), (0xac10_0000, 12),
        (0xc000_0000, 24), (0xc000_0200, 24), (0xc058_6300, 24), (0xc0a8_0000, 16), (0xc612_0000, 15),
        (0xc633_6400, 24), (0xcb00_7100, 24), (0xe000_0000, 4), (0xf000_0000, 4),
    ]

    /// Whether an address of 4 or 16 bytes is one of the public internet.
    package static func contains(_ bytes: [UInt8]) -> Bool {
        if bytes.count == 4 {
            let number = bytes.reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
            return !privateFour.contains { (number ^ $0.start) >> (32 - $0.bits) == 0 }
        }
        guard bytes.count == 16 else { return false }
        // Written as IPv6, meant as IPv4: mapped (::ffff:0:0/96) and translated (64:ff9b::/96).
        let head = Array(bytes[..<12])
        if head == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] || head == [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0] {
            return contains(Array(bytes[12...]))
        }
        // Only 2000::/3 is given out; of it not protocol assignments, documentation, and tunnels to IPv4 addresses.
        guard bytes[0] & 0xe0 == 0x20 else { return false }
        let isAssignment = bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] < 2
        let isDocumentation =
            bytes[..<4] == [0x20, 0x01, 0x0d, 0xb8] || bytes[0] == 0x3f && bytes[1] == 0xff && bytes[2] < 0x10
        let isTunnel = bytes[0] == 0x20 && bytes[1] == 0x02
        return !isAssignment && !isDocumentation && !isTunnel
    }

    /// Opens the socket for a connection that libcurl is about to make, if its address is public.
    static func open(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t? {
        // libcurl has room for any kind of address behind this, of which the imported type shows the first bytes.
        let start = UnsafeRawPointer(address) + MemoryLayout<curl_sockaddr>.offset(of: \.addr)!
        let bytes: [UInt8]
        switch address.pointee.family {
        case AF_INET:
            var four = start.loadUnaligned(as: sockaddr_in.self).sin_addr
            bytes = withUnsafeBytes(of: &four) { Array($0) }
        case AF_INET6:
            var six = start.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            bytes = withUnsafeBytes(of: &six) { Array($0) }
        default: return nil
        }
        guard contains(bytes) else { return nil }
        let kind = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
        return socket(address.pointee.family, kind, address.pointee.protocol)
    }
}
