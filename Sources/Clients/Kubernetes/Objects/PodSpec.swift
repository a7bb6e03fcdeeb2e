/// What pods ask for: their containers and what these need.
public struct PodSpec: Sendable, Equatable, Codable {
    /// A container.
    public struct Container: Sendable, Equatable, Codable {
        /// Its name.
        public var name: String
        /// What it needs.
        public var resources: Resources?
        /// `Always` for an init container that keeps running beside the others.
        public var restartPolicy: String?
    }

    /// Requests and limits by resource name.
    public struct Resources: Sendable, Equatable, Codable {
        /// What is set aside on the node.
        public var requests: [String: Quantity]?
        /// What may not be exceeded. Where a resource has a limit only, the request is the same.
        public var limits: [String: Quantity]?

        func request(_ resource: String) -> Quantity { requests?[resource] ?? limits?[resource] ?? Quantity(0) }
    }

    /// The node it runs on, once it is scheduled.
    public var nodeName: String?
    /// Its containers; `nil` in bookmarks.
    public var containers: [Container]?
    /// Containers that run before the others.
    public var initContainers: [Container]?
    /// What the pod needs beside its containers, by resource name.
    public var overhead: [String: Quantity]?
    /// Seconds between the signal to end and the kill.
    public var terminationGracePeriodSeconds: Int?

    /// What the scheduler sets aside for a pod: the sum of its containers or, if that is more, the largest init container,
    /// both with the init containers that keep running, and the overhead.
    public func request(_ resource: String) -> Quantity {
        var running = Quantity(0)
        var largest = Quantity(0)
        for container in initContainers ?? [] {
            let need = container.resources?.request(resource) ?? Quantity(0)
            if container.restartPolicy == "Always" {
                running = running + need
                largest = max(largest, running)
            } else {
                largest = max(largest, running + need)
            }
        }
        let sum = (containers ?? []).reduce(running) { $0 + ($1.resources?.request(resource) ?? Quantity(0)) }
        return max(sum, largest) + (overhead?[resource] ?? Quantity(0))
    }

    /// The memory that is set aside for a pod, in bytes.
    public var memoryRequest: Int { request("memory").value }
}
