/// A request that fits one of the function's routes.
public struct FunctionRequest: Sendable {
    /// The method in upper case.
    public var method: String
    /// The path as it was sent, without the query.
    public var path: String
    /// The route that the path fits, for example `/fetch/{job}`.
    public var route: String
    /// The values of the route's placeholders, percent-decoded.
    public var parameters: [String: String]
    /// The query.
    public var query: QueryItems
    /// The headers.
    public var headers: HTTPFields
    /// The body, read once.
    public var body: FunctionBody

    /// A request; tests that call a handler without a host make one.
    public init(
        method: String, path: String, route: String, parameters: [String: String] = [:], query: QueryItems = .init(),
        headers: HTTPFields = [:], body: FunctionBody = .empty
    ) {
        self.method = method
        self.path = path
        self.route = route
        self.parameters = parameters
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// The value of a header whose name is not one of the known ones.
    public func header(_ name: String) -> String? {
        HTTPField.Name(name).flatMap { headers[$0] }
    }
}
