import Foundation
import TestSupport
import Yams

/// Somebody who may be one end of a connection.
struct Party: Hashable {
    var name: String
    /// Of a pod of the service; the others are outside.
    var isOurs = false
    var labels: [String: String] = [:]
    /// The namespace of a pod; `nil` for an address.
    var namespace: String?
    var address: String?

    static func pod(_ name: String, in namespace: String, labels: [String: String] = [:]) -> Party {
        Party(name: name, labels: labels, namespace: namespace)
    }

    static func host(_ name: String, _ address: String) -> Party { Party(name: name, address: address) }
}

/// A connection that may be made.
struct Hop: Hashable, CustomStringConvertible {
    var from: String
    var to: String
    var port: String

    init(_ from: String, _ to: String, _ port: String) {
        self.from = from
        self.to = to
        self.port = port
    }

    var description: String { "\(from) → \(to):\(port)" }
}

/// The NetworkPolicies of a rendering, decided as the network does: a connection must be allowed at both ends, and an end that a
/// policy selects allows only what some policy names.
struct Network {
    private let policies: [Object]

    init(_ rendering: Rendering) { policies = rendering.all("NetworkPolicy") }

    func allows(_ from: Party, _ to: Party, _ transport: String, _ port: Int) throws -> Bool {
        let out = try !from.isOurs || isAllowed(from, to, "egress", transport, port)
        return try out && (!to.isOurs || isAllowed(to, from, "ingress", transport, port))
    }

    private func isAllowed(
        _ pod: Party, _ peer: Party, _ direction: String, _ transport: String, _ port: Int
    ) throws -> Bool {
        let selecting = try policies.filter { policy in
            try Selector(policy["spec", "podSelector"]).matches(pod.labels)
                && policy["spec", "policyTypes"]?.texts.contains(direction.capitalized) == true
        }
        if selecting.isEmpty { return true }
        for rule in selecting.flatMap({ $0["spec", direction]?.items ?? [] }) {
            let ports = rule["ports"]?.items
            let peers = rule[direction == "egress" ? "to" : "from"]?.items
            let isPort = ports?.contains {
                $0["port"]?.int == port && ($0.text("protocol") ?? "TCP") == transport
            }
            if isPort ?? true, try peers?.contains(where: { try matches($0, peer) }) ?? true { return true }
        }
        return false
    }

    private func matches(_ rule: Node, _ peer: Party) throws -> Bool {
        if let block = rule["ipBlock"] {
            guard let address = peer.address, let range = block.text("cidr") else { return false }
            return try isInside(address, range)
                && !(block["except"]?.texts ?? []).contains { try isInside(address, $0) }
        }
        guard let namespace = peer.namespace else { return false }
        if let selector = rule["namespaceSelector"] {
            guard try Selector(selector).matches(["kubernetes.io/metadata.name": namespace]) else { return false }
        } else if namespace != "msaas" {
            return false
        }
        return try rule["podSelector"].map { try Selector($0).matches(peer.labels) } ?? true
    }

    private func isInside(_ address: String, _ range: String) throws -> Bool {
        func number(_ text: Substring) throws -> UInt32 {
            let bytes = text.split(separator: ".").compactMap { UInt8($0) }
            guard bytes.count == 4 else { throw TestFailure("\(text) is no IPv4 address") }
            return bytes.reduce(0) { $0 << 8 | UInt32($1) }
        }
        let parts = range.split(separator: "/")
        guard parts.count == 2, let bits = UInt32(parts[1]), bits <= 32 else {
            throw TestFailure("\(range) is no range")
        }
        let mask: UInt32 = bits == 0 ? 0 : ~0 << (32 - bits)
        return try number(address[...]) & mask == number(parts[0]) & mask
    }
}
