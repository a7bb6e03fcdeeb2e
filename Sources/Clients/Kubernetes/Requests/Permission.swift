/// What a role must allow for a call, in the words of RBAC.
public struct Permission: Sendable, Hashable, Codable {
    /// Whether a Role in the namespace is enough.
    public enum Scope: String, Sendable, Codable {
        /// A Role in the namespace.
        case namespace
        /// A ClusterRole, bound by a ClusterRoleBinding.
        case cluster
    }

    /// `get`, `list`, `watch`, `create`, `update` or `patch`.
    public var verb: String
    /// The API group; empty for the core group.
    public var group: String
    /// The resource, with `/` and the subresource where there is one.
    public var resource: String
    /// Where it must be granted.
    public var scope: Scope

    /// A permission.
    public init(_ verb: String, _ resource: String, group: String = "", scope: Scope = .namespace) {
        self.verb = verb
        self.group = group
        self.resource = resource
        self.scope = scope
    }

    /// The rule to add to a role, as YAML in one line.
    public var rule: String { "{apiGroups: [\"\(group)\"], resources: [\"\(resource)\"], verbs: [\"\(verb)\"]}" }
}

extension Permission: CustomStringConvertible {
    /// As in a sentence: `patch deployments/scale in API group "apps"`.
    public var description: String { "\(verb) \(resource) in API group \"\(group)\"" }
}
