extension KubernetesClient {
    /// Reads a Lease; `nil` when there is none.
    public func lease(_ name: String) async throws -> Lease? {
        do {
            return try await decode(.lease(name, in: namespace))
        } catch KubernetesError.notFound {
            return nil
        }
    }

    /// Creates a Lease.
    ///
    /// - Throws: ``KubernetesError/alreadyExists(_:)`` when somebody was faster. A call that is repeated because its
    ///   answer was lost may find its own: read it.
    public func create(_ lease: Lease) async throws -> Lease {
        try await decode(.create(lease, in: namespace))
    }

    /// Replaces a Lease, as it was read and changed.
    ///
    /// - Throws: ``KubernetesError/conflict(_:)`` when it was changed by somebody else meanwhile, or by this very call
    ///   when it is repeated because its answer was lost: read it.
    public func update(_ lease: Lease) async throws -> Lease {
        try await decode(.update(lease, in: namespace))
    }

    /// Tells people about something that was done.
    public func create(_ event: Event) async throws {
        do {
            _ = try await send(.create(event, in: namespace))
        } catch KubernetesError.alreadyExists {
            // Its name is unique: this is the same event, whose first answer was lost.
        }
    }
}
