/// A program that makes credentials, as `gke-gcloud-auth-plugin` does.
///
/// Source: Kubernetes documentation, "client-go credential plugins" (`client.authentication.k8s.io`).
public struct CredentialPlugin: Sendable, Equatable {
    /// Whether the program may use the terminal.
    public enum Interaction: String, Sendable, Codable {
        /// It never does.
        case never = "Never"
        /// It does where there is one.
        case ifAvailable = "IfAvailable"
        /// It must, and cannot run without.
        case always = "Always"
    }

    /// The versions that we speak.
    public static let versions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]

    /// The version that it is spoken to with, one of ``versions``.
    public var apiVersion: String
    /// The program: a path, or a name to look up in `PATH`.
    public var command: String
    /// Its arguments.
    public var arguments: [String]
    /// What is added to its environment.
    public var environment: [String: String]
    /// Whether it may use the terminal.
    public var interaction: Interaction
    /// A sentence for those who do not have it.
    public var installHint: String?
    /// What it is told about the cluster, if it is to be told.
    package var cluster: JSONValue?
    /// How long it may take without a terminal; with one, people may take as long as they like.
    package var patience: Duration

    /// A plugin.
    public init(
        apiVersion: String, command: String, arguments: [String] = [], environment: [String: String] = [:],
        interaction: Interaction = .ifAvailable, installHint: String? = nil
    ) {
        self.apiVersion = apiVersion
        self.command = command
        self.arguments = arguments
        self.environment = environment
        self.interaction = interaction
        self.installHint = installHint
        patience = .seconds(60)
    }
}
