import TestSupport
import Yams

/// An object of the Kubernetes API, as YAML has it.
struct Object {
    let node: Node
    let kind: String
    let name: String

    init(_ node: Node) throws {
        guard let kind = node["kind"]?.string, let name = node["metadata"]?["name"]?.string else {
            throw TestFailure("This is no object of Kubernetes: \(node)")
        }
        self.node = node
        self.kind = kind
        self.name = name
    }

    static func all(in text: String) throws -> [Object] {
        try Yams.compose_all(yaml: text).filter { $0.null == nil }.map(Object.init)
    }

    subscript(keys: String...) -> Node? { keys.reduce(node) { $0?[$1] } }

    /// `Deployment worker`.
    var title: String { "\(kind) \(name)" }

    /// The labels of its pods, for what runs pods.
    var podLabels: [String: String] { self["spec", "template", "metadata", "labels"]?.strings ?? [:] }
    /// The specification of its pods.
    var pod: Node? { self["spec", "template", "spec"] }
    /// Its containers but those that only prepare.
    var containers: [Node] { pod?["containers"]?.items ?? [] }
    /// Those that prepare.
    var initContainers: [Node] { pod?["initContainers"]?.items ?? [] }
}

extension Node {
    /// The elements of a list; none for anything else.
    var items: [Node] { sequence.map(Array.init) ?? [] }

    /// A mapping of texts.
    var strings: [String: String] {
        Dictionary(
            (mapping ?? [:]).compactMap { key, value in key.string.flatMap { k in value.string.map { (k, $0) } } }
        ) {
            $1
        }
    }

    /// The texts of a list.
    var texts: [String] { items.compactMap(\.string) }

    /// The text at a path.
    func text(_ keys: String...) -> String? { keys.reduce(self as Node?) { $0?[$1] }?.string }

    /// The value at a path.
    func at(_ keys: String...) -> Node? { keys.reduce(self as Node?) { $0?[$1] } }
}

/// A label selector, as Deployments, budgets and policies have it.
struct Selector {
    private let labels: [String: String]
    private let expressions: [(key: String, isIn: Bool, values: [String])]

    init(_ node: Node?) throws {
        labels = node?["matchLabels"]?.strings ?? [:]
        expressions = try (node?["matchExpressions"]?.items ?? []).map { expression in
            guard let key = expression.text("key"), ["In", "NotIn"].contains(expression.text("operator")) else {
                throw TestFailure("The selector \(expression) is of a kind that these tests do not know.")
            }
            return (key, expression.text("operator") == "In", expression["values"]?.texts ?? [])
        }
    }

    func matches(_ others: [String: String]) -> Bool {
        labels.allSatisfy { others[$0.key] == $0.value }
            && expressions.allSatisfy { expression in
                let isListed = others[expression.key].map { expression.values.contains($0) } ?? false
                return isListed == expression.isIn
            }
    }
}
