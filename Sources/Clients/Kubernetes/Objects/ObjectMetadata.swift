public import Foundation

/// What every object of the API carries, as far as we use it.
public struct ObjectMetadata: Sendable, Equatable, Codable {
    /// The name, unique in its namespace among objects of its kind.
    public var name: String?
    /// The namespace; `nil` for what belongs to the cluster.
    public var namespace: String?
    /// What tells this object from an earlier one of the same name.
    public var uid: String?
    /// The version that a change can be made conditional on. Opaque: compare for equality only.
    public var resourceVersion: String?
    /// Labels, which selectors match.
    public var labels: [String: String]?
    /// Annotations.
    public var annotations: [String: String]?
    /// When it was created.
    public var creationTimestamp: Date?
    /// When it is to be gone; set once its deletion has begun.
    public var deletionTimestamp: Date?
    /// Who owns it; the garbage collector removes it with its owner.
    public var ownerReferences: [OwnerReference]?

    /// Metadata for an object to be created.
    public init(name: String, namespace: String? = nil, labels: [String: String]? = nil) {
        self.name = name
        self.namespace = namespace
        self.labels = labels
    }
}

/// An owner of an object.
public struct OwnerReference: Sendable, Equatable, Codable {
    /// The owner's API group and version.
    public var apiVersion: String
    /// The owner's kind.
    public var kind: String
    /// The owner's name.
    public var name: String
    /// The owner's uid.
    public var uid: String
    /// Whether the owner manages the object.
    public var controller: Bool?
    /// Whether the owner waits for the object's end.
    public var blockOwnerDeletion: Bool?
}

/// A list as the API answers it.
struct ObjectList<Item: Decodable & Sendable>: Decodable, Sendable {
    struct Metadata: Decodable, Sendable {
        var resourceVersion: String?
        var `continue`: String?
    }

    var metadata: Metadata
    var items: [Item]?
}
