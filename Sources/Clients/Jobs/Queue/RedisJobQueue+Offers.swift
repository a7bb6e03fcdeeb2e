import ServiceContract

extension RedisJobQueue {
    /// Stores what the workers separate with: JSON in the string `msaas:offers`, which has no end.
    public func publish(_ offers: OfferedModels) async throws {
        _ = try await pool.client.send(["SET", "msaas:offers", RedisArgument(try encoded(offers))])
    }

    /// What the workers separate with; `nil` before the first has started.
    public func offers() async throws -> OfferedModels? {
        guard let text = try await pool.client.send(["GET", "msaas:offers"]).string else { return nil }
        return try decoded(OfferedModels.self, text, of: "the offers")
    }
}
